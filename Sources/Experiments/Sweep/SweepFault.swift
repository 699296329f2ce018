import Basics
import Platform
import Workloads

/// What strikes the cells of a sweep: nothing, one of two schedules by name, or a schedule's file.
public struct SweepFault: Sendable, Equatable {
    /// `none`, `kill-one`, `pause-one`, families of random faults (simulation), or the name of
    /// the file.
    public let name: String
    /// Nil for what has no file.
    let schedule: FaultSchedule?

    static let none = SweepFault(name: "none", schedule: nil)
    /// Names that need no file, in both worlds.
    static let named = ["none", "kill-one", "pause-one"]

    /// Reads a word of a sweep file.
    ///
    /// - Throws: `TreeError` when it is a file that is no schedule; nil for an unknown word.
    init?(_ word: String, isSimulated: Bool) throws(TreeError) {
        if word.hasSuffix(".yaml") {
            let schedule = try FaultSchedule(YAML.read(word), file: word)
            self.init(name: FaultSchedule.name(of: word), schedule: schedule)
        } else if SweepFault.named.contains(word)
            || isSimulated && SimulatedTrial.families(word) != nil
        {
            self.init(name: word, schedule: nil)
        } else {
            return nil
        }
    }

    init(name: String, schedule: FaultSchedule?) {
        self.name = name
        self.schedule = schedule
    }

    /// What strikes a cluster of real processes, times from the beginning of the measured run:
    /// `kill-one` and `pause-one` strike the first node from two to three fifths of it.
    func plan(
        nodes: Int, length: Instant.Duration, seed: UInt64
    ) throws(TreeError) -> FaultPlan {
        if let schedule { return try schedule.plan(nodes: nodes, length: length, seed: seed) }
        func middle(_ effect: FaultEffect) -> FaultPlan {
            FaultPlan([
                PlannedFault(
                    effect, from: .nanoseconds(length.nanoseconds / 5 * 2),
                    until: .nanoseconds(length.nanoseconds / 5 * 3))
            ])
        }
        switch name {
        case "kill-one": return middle(.kill([0]))
        case "pause-one": return middle(.pause([0]))
        default: return FaultPlan()
        }
    }
}

extension PlannedFault {
    /// As the report shades it: `kill n1`.
    var window: FaultWindow {
        let whom =
            effect.links.isEmpty
            ? effect.nodes.map { NodeID($0).description }.joined(separator: " ")
            : "\(effect.links.count) links"
        return FaultWindow(
            name: "\(effect.word) \(whom)", startNs: max(0, start.nanoseconds),
            endNs: max(0, end.nanoseconds))
    }
}
