/// Which families of faults may strike in a run.
public struct FaultFamilies: OptionSet, Sendable, Hashable {
    public let rawValue: UInt16
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// Long and uneven delays between nodes, and links that become slow for a while.
    public static let delay = FaultFamilies(rawValue: 1 << 0)
    /// Messages that never arrive.
    public static let loss = FaultFamilies(rawValue: 1 << 1)
    /// Messages that arrive twice, the second time perhaps much later.
    public static let duplicate = FaultFamilies(rawValue: 1 << 2)
    /// Groups of nodes that cannot talk to each other, in one direction or both.
    public static let partition = FaultFamilies(rawValue: 1 << 3)
    /// Nodes that stop at once, lose what was not synced, and start again.
    public static let crash = FaultFamilies(rawValue: 1 << 4)
    /// Wall clocks that are wrong, drift and jump; monotonic clocks that drift.
    public static let clockSkew = FaultFamilies(rawValue: 1 << 5)
    /// Nodes for which nothing happens while time goes on.
    public static let pause = FaultFamilies(rawValue: 1 << 6)

    /// Members that join, leave and are replaced.
    public static let churn = FaultFamilies(rawValue: 1 << 7)

    /// Every family but churn, which is not a fault of the world.
    public static let all = FaultFamilies(rawValue: 0x7f)

    /// Names as on the command line, in the order of their bits.
    static let names: [(FaultFamilies, String)] = [
        (.delay, "delay"), (.loss, "loss"), (.duplicate, "duplicate"), (.partition, "partition"),
        (.crash, "crash"), (.clockSkew, "clock-skew"), (.pause, "pause"), (.churn, "churn"),
    ]

    /// Each family by itself, in the order of their bits.
    static var each: [FaultFamilies] { names.map(\.0) }

    /// Reads a list such as `partition,crash`. `none` is the empty set, `all` every family, and
    /// `kill` another name for `crash`.
    public init(parsing text: String) throws(ScenarioError) {
        var families: FaultFamilies = []
        for word in text.split(separator: ",", omittingEmptySubsequences: true) {
            switch word {
            case "none": break
            case "all": families = .all
            case "kill": families.insert(.crash)
            default:
                guard let found = FaultFamilies.names.first(where: { $0.1 == word })?.0 else {
                    let known = FaultFamilies.names.map(\.1).joined(separator: ", ")
                    throw ScenarioError(
                        "unknown fault '\(word)': expected \(known), all or none")
                }
                families.insert(found)
            }
        }
        self = families
    }
}

extension FaultFamilies: CustomStringConvertible {
    /// As `init(parsing:)` reads it.
    public var description: String {
        isEmpty
            ? "none"
            : FaultFamilies.names.filter { contains($0.0) }.map(\.1).joined(separator: ",")
    }
}

/// A scenario that cannot be run: what was wrong and what was expected.
public struct ScenarioError: Error, Sendable, Equatable, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
}
