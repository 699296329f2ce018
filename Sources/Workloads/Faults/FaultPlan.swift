import Basics

/// A fault with its times, from the beginning of the run.
public struct PlannedFault: Sendable, Equatable {
    public var start: Instant.Duration
    /// Equal to `start` for what happens once.
    public var end: Instant.Duration
    public var effect: FaultEffect

    public init(_ effect: FaultEffect, from start: Instant.Duration, until end: Instant.Duration) {
        self.effect = effect
        self.start = start
        self.end = end
    }
}

/// What strikes, whom, and when: a schedule in which nothing is left to be drawn.
public struct FaultPlan: Sendable, Equatable {
    /// In order of their starts.
    public private(set) var faults: [PlannedFault]

    public init(_ faults: [PlannedFault] = []) {
        self.faults = faults.enumerated()
            .sorted { ($0.element.start, $0.offset) < ($1.element.start, $1.offset) }
            .map(\.element)
    }

    public var isEmpty: Bool { faults.isEmpty }
    /// When the last of them ends.
    public var end: Instant.Duration { faults.map(\.end).max() ?? .zero }

    /// A beginning or an end.
    public struct Step: Sendable, Equatable {
        public var time: Instant.Duration
        /// Which fault, by its place in `faults`.
        public var fault: Int
        public var begins: Bool
    }

    /// Beginnings and ends in order of time; at equal times ends come first.
    public var steps: [Step] {
        var steps: [Step] = []
        for (index, fault) in faults.enumerated() {
            steps.append(Step(time: fault.start, fault: index, begins: true))
            if !fault.effect.isMomentary {
                steps.append(Step(time: fault.end, fault: index, begins: false))
            }
        }
        return steps.enumerated().sorted { a, b in
            if a.element.time != b.element.time { return a.element.time < b.element.time }
            if a.element.begins != b.element.begins { return b.element.begins }
            return a.offset < b.offset
        }.map(\.element)
    }

    /// As a schedule that gives this very plan, for replaying it.
    public func text(named name: String) -> String {
        var text = "schedule: \(FaultPlan.quoted(name))\nfaults:\n"
        if faults.isEmpty { text = "schedule: \(FaultPlan.quoted(name))\nfaults: []\n" }
        for fault in faults {
            let settings = FaultPlan.settings(of: fault)
            text += "  - {" + settings.map { "\($0.0): \($0.1)" }.joined(separator: ", ") + "}\n"
        }
        return text
    }

    private static func quoted(_ name: String) -> String {
        "\"" + name.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }

    private static func settings(of fault: PlannedFault) -> [(String, String)] {
        var settings = [("fault", fault.effect.word)]
        let links = fault.effect.links
        if !links.isEmpty {
            settings.append(
                ("links", "[" + links.map { "\"\($0)\"" }.joined(separator: ", ") + "]"))
        } else {
            let nodes = fault.effect.nodes.map { NodeID($0).description }
            settings.append(("nodes", "[" + nodes.joined(separator: ", ") + "]"))
        }
        switch fault.effect {
        case .cut(_, let how): settings.append(("how", how.rawValue))
        case .impair(_, let impairment): settings += impairment.settings.map { ($0.key, $0.value) }
        case .clockSkew(_, let by), .clockStep(_, let by), .slowDisk(_, let by):
            settings.append(("by", FaultPlan.signed(by)))
        case .clockDrift(_, let ppm): settings.append(("ppm", "\(ppm)"))
        case .reset, .halfOpen, .kill, .powerCut, .stop, .pause, .diskFull, .syncError: break
        }
        settings.append(("at", "\(fault.start)"))
        if !fault.effect.isMomentary {
            settings.append(("for", "\((fault.end - fault.start))"))
        }
        return settings
    }

    /// Durations read back need their sign in front.
    private static func signed(_ duration: Instant.Duration) -> String {
        duration < .zero ? "-\(duration * -1)" : "\(duration)"
    }
}

extension Instant.Duration {
    fileprivate static func - (a: Instant.Duration, b: Instant.Duration) -> Instant.Duration {
        a + b * -1
    }
}

extension PlannedFault: CustomStringConvertible {
    /// What it does, for people: `cut n1>n2, n2>n1 (drop)`.
    public var description: String {
        let whom =
            effect.links.isEmpty
            ? effect.nodes.map { NodeID($0).description }.joined(separator: ", ")
            : PlannedFault.text(effect.links)
        switch effect {
        case .cut(_, let how): return "cut \(whom) (\(how.rawValue))"
        case .impair(_, let impairment):
            let settings = impairment.settings.map { "\($0.key) \($0.value)" }
            return "\(effect.word) \(whom) (\(settings.joined(separator: ", ")))"
        case .clockSkew(_, let by), .clockStep(_, let by), .slowDisk(_, let by):
            return "\(effect.word) \(whom) by \(by)"
        case .clockDrift(_, let ppm): return "clock-drift \(whom) by \(ppm) ppm"
        default: return "\(effect.word) \(whom)"
        }
    }

    /// Links in few words: both ways as one, and the rest counted.
    private static func text(_ links: [FaultLink]) -> String {
        var words: [String] = []
        for link in links {
            let back = links.contains(FaultLink(from: link.to, to: link.from))
            if back, link.from > link.to { continue }
            let arrow = back ? "-" : ">"
            words.append("\(NodeID(link.from))\(arrow)\(NodeID(link.to))")
        }
        let shown = words.prefix(6).joined(separator: " ")
        return words.count > 6 ? "\(shown) and \(words.count - 6) more" : shown
    }
}
