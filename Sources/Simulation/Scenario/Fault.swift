import Basics
import Workloads

/// Something that goes wrong, and what it goes wrong for.
public enum Fault: Sendable, Equatable {
    /// Messages from `side` to the other nodes are lost, and unless `oneWay` the other way too.
    case partition(side: [NodeID], oneWay: Bool)
    /// Messages on these links are lost. `isNoticed`: every node at one of them finds out.
    case cut([FaultLink], isNoticed: Bool)
    /// Some messages from one node to another are lost, or arrive twice.
    case lossyLink(from: NodeID, to: NodeID, perMillion: UInt64)
    case duplicatingLink(from: NodeID, to: NodeID, perMillion: UInt64)
    /// The node stops at once; it starts again when the fault ends.
    case crash(NodeID)
    /// Nothing happens at the node until the fault ends.
    case pause(NodeID)
    /// Messages from one node to another take this much longer.
    case slowLink(from: NodeID, to: NodeID, by: Instant.Duration)
    /// The node's wall clock is moved by this many microseconds, and stays so.
    case clockStep(NodeID, microseconds: Int64)
    /// The node's wall clock runs fast; what it has gained it keeps.
    case clockDrift(NodeID, partsPerMillion: Int64)
    /// Every sync of the node's disk takes this much longer.
    case slowDisk(NodeID, by: Instant.Duration)
    /// The node's disk has no room left.
    case fullDisk(NodeID)

    /// The family that this fault belongs to.
    public var family: FaultFamilies {
        switch self {
        case .partition, .cut: .partition
        case .lossyLink: .loss
        case .duplicatingLink: .duplicate
        case .crash, .fullDisk: .crash
        case .pause: .pause
        case .slowLink, .slowDisk: .delay
        case .clockStep, .clockDrift: .clockSkew
        }
    }
}

extension Fault: CustomStringConvertible {
    public var description: String {
        switch self {
        case .partition(let side, let oneWay):
            "partition " + side.map(\.description).joined(separator: ",")
                + (oneWay ? " -x> rest" : " <x> rest")
        case .cut(let links, let isNoticed):
            "cut " + links.map(\.description).joined(separator: " ")
                + (isNoticed ? ", noticed" : "")
        case .lossyLink(let from, let to, let rate):
            "lose \(FaultShare.text(Int(rate))) of \(from)->\(to)"
        case .duplicatingLink(let from, let to, let rate):
            "repeat \(FaultShare.text(Int(rate))) of \(from)->\(to)"
        case .crash(let node): "crash \(node)"
        case .pause(let node): "pause \(node)"
        case .slowLink(let from, let to, let by):
            "slow \(from)->\(to) by \(by.nanoseconds / 1_000) us"
        case .clockDrift(let node, let rate): "clock of \(node) drifts by \(rate) ppm"
        case .slowDisk(let node, let by):
            "slow disk of \(node) by \(by.nanoseconds / 1_000) us"
        case .fullDisk(let node): "full disk of \(node)"
        case .clockStep(let node, let microseconds): "step clock of \(node) by \(microseconds) us"
        }
    }
}

/// A fault and when it begins and ends, in virtual time since the run began.
public struct ScheduledFault: Sendable, Equatable {
    public var start: Instant
    public var end: Instant
    public var fault: Fault

    public init(_ fault: Fault, from start: Instant, until end: Instant) {
        self.start = start
        self.end = end
        self.fault = fault
    }
}
