import Basics

/// One direction between two members, by their places in the member list.
public struct FaultLink: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let from: Int
    public let to: Int

    public init(from: Int, to: Int) {
        self.from = from
        self.to = to
    }

    public static func < (a: FaultLink, b: FaultLink) -> Bool {
        a.from != b.from ? a.from < b.from : a.to < b.to
    }

    /// As schedules write it: `n1>n2`.
    public var description: String { "\(NodeID(from))>\(NodeID(to))" }
}

/// What becomes of messages on a link that is cut.
public enum LinkCut: String, Sendable, CaseIterable {
    /// They are lost, and nobody is told: what a network does that drops packets.
    case drop
    /// They wait, and arrive when the cut ends: what TCP makes of a short outage.
    case stall
    /// Connections are reset and new ones are refused: both ends know at once.
    case reset
}

/// What a fault does, and to whom. Members are named by their places in the member list.
public enum FaultEffect: Sendable, Equatable {
    /// The links carry nothing.
    case cut([FaultLink], LinkCut)
    /// The links carry messages late, damaged, repeated, in pieces or not all of them.
    case impair([FaultLink], LinkImpairment)
    /// The connections that use the links are reset, once.
    case reset([FaultLink])
    /// The sender's end of the connections that use the links is reset; the receiver is not told
    /// until the fault ends.
    case halfOpen([FaultLink])
    /// SIGKILL; started again at the end.
    case kill([Int])
    /// The disk's power is cut, and SIGKILL: what was not synced is lost; started again at the end.
    case powerCut([Int])
    /// Asked to stop, and started again at the end.
    case stop([Int])
    /// Nothing happens in the process until the end.
    case pause([Int])
    /// The wall clock is ahead by this much (behind, if negative) until the end.
    case clockSkew([Int], Instant.Duration)
    /// The wall clock is moved by this much, once, and stays so.
    case clockStep([Int], Instant.Duration)
    /// The wall clock runs fast by this many parts per million until the end; what it has gained
    /// it keeps.
    case clockDrift([Int], partsPerMillion: Int)
    /// The disk takes no more bytes.
    case diskFull([Int])
    /// Every sync takes this much longer.
    case slowDisk([Int], Instant.Duration)
    /// The next sync fails; the node ends, and is started again at the end.
    case syncError([Int])

    /// The word that names it in schedules and summaries.
    public var word: String {
        switch self {
        case .cut: "cut"
        case .impair(_, let impairment): impairment.word
        case .reset: "reset"
        case .halfOpen: "half-open"
        case .kill: "kill"
        case .powerCut: "power-cut"
        case .stop: "stop"
        case .pause: "pause"
        case .clockSkew: "clock-skew"
        case .clockStep: "clock-step"
        case .clockDrift: "clock-drift"
        case .diskFull: "disk-full"
        case .slowDisk: "slow-disk"
        case .syncError: "fsync-error"
        }
    }

    /// Whether it happens once and has no end.
    public var isMomentary: Bool {
        switch self {
        case .reset, .clockStep: true
        default: false
        }
    }

    /// The links that it is about; empty when it is about members.
    public var links: [FaultLink] {
        switch self {
        case .cut(let links, _), .impair(let links, _), .reset(let links), .halfOpen(let links):
            links
        default: []
        }
    }

    /// The members that it is about; empty when it is about links.
    public var nodes: [Int] {
        switch self {
        case .cut, .impair, .reset, .halfOpen: []
        case .kill(let nodes), .powerCut(let nodes), .stop(let nodes), .pause(let nodes),
            .clockSkew(let nodes, _), .clockStep(let nodes, _), .clockDrift(let nodes, _),
            .diskFull(let nodes), .slowDisk(let nodes, _), .syncError(let nodes):
            nodes
        }
    }

    /// Whether processes must be able to have their clocks or disks changed.
    public var touchesClock: Bool {
        switch self {
        case .clockSkew, .clockStep, .clockDrift: true
        default: false
        }
    }
}
