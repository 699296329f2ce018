import Simulation

/// In how many runs each rare situation was reached.
public struct ProbeCounts: Sendable {
    public private(set) var runs = 0
    private var reached = [Int](repeating: 0, count: Probe.allCases.count)

    public init() {}

    public mutating func add(_ result: SimulationResult) {
        runs += 1
        for probe in Probe.allCases where result.probes[probe] > 0 {
            reached[probe.rawValue] += 1
        }
    }

    /// Situations that no run reached.
    public var neverReached: [Probe] { Probe.allCases.filter { reached[$0.rawValue] == 0 } }

    /// A line a situation, those that were never reached last.
    public var text: String {
        var text = "rare situations in \(Quantities.grouped(runs)) runs:\n"
        for probe in Probe.allCases where reached[probe.rawValue] > 0 {
            let count = Quantities.grouped(reached[probe.rawValue])
            text += "  \(String(repeating: " ", count: max(0, 9 - count.count)))\(count)  "
            text += "\(probe.name)\n"
        }
        for probe in neverReached { text += "      never  \(probe.name)\n" }
        return text
    }
}
