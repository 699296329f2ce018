import Replication

/// Rare situations that some run of many must reach: if none ever does, the runs test less than
/// they seem to (the “sometimes” assertions of simulation testing).
public enum Probe: Int, CaseIterable, Sendable {
    case crashWithUnsyncedAppends = 0
    case crashWhileRequestsAreInFlight
    case restart
    case messageOfAnEarlierLifeDropped
    case messageLost
    case messageDuplicated
    case retransmission
    case stampTooFarAheadRejected
    case requestRefused
    case requestUnknown
    case clientGaveUp
    case connectionLostWhileWaiting
    case eventsHeldByAPause
    case clockSteppedBack
    case partitionInOneDirection
    case deletionForgotten
    case collectionGivenUp
    case writeFenced
    case writeRestamped
    case obsoleteDropped
    case registerCaughtUp
    case registerSettled

    /// The name in reports, in words.
    public var name: String {
        switch self {
        case .crashWithUnsyncedAppends: "a node crashes with unsynced appends"
        case .crashWhileRequestsAreInFlight: "a coordinator crashes with requests in flight"
        case .restart: "a node starts again"
        case .messageOfAnEarlierLifeDropped: "a message for an earlier life is dropped"
        case .messageLost: "a message is lost"
        case .messageDuplicated: "a message arrives twice"
        case .retransmission: "a silent replica is asked again"
        case .stampTooFarAheadRejected: "a stamp from too far ahead is not merged"
        case .requestRefused: "a request is refused"
        case .requestUnknown: "the outcome of a request is unknown"
        case .clientGaveUp: "a client gives up waiting"
        case .connectionLostWhileWaiting: "a client loses its connection while it waits"
        case .eventsHeldByAPause: "events wait for a paused node"
        case .clockSteppedBack: "a wall clock is stepped back"
        case .partitionInOneDirection: "a partition cuts one direction only"
        case .deletionForgotten: "a deletion is forgotten"
        case .collectionGivenUp: "a round of forgetting is given up"
        case .writeFenced: "a write comes below the fence"
        case .writeRestamped: "a write that all have fenced off is stamped anew"
        case .obsoleteDropped: "something comes that was deleted and forgotten"
        case .registerCaughtUp: "a comparison brings a register up to date"
        case .registerSettled: "a register that replicas differ in is decided anew"
        }
    }
}

/// How often a run reached each situation.
public struct ProbeHits: Sendable, Equatable {
    /// By `Probe.rawValue`.
    public private(set) var counts = [UInt64](repeating: 0, count: Probe.allCases.count)

    public init() {}

    public subscript(probe: Probe) -> UInt64 { counts[probe.rawValue] }

    mutating func hit(_ probe: Probe, times: UInt64 = 1) {
        counts[probe.rawValue] &+= times
    }

    /// What a node counted in the life that ends.
    mutating func add(_ counters: Counters) {
        hit(.retransmission, times: counters.retransmissions)
        hit(.stampTooFarAheadRejected, times: counters.clockRejections)
        hit(.deletionForgotten, times: counters.deletionsForgotten)
        hit(.collectionGivenUp, times: counters.collectionsAbandoned)
        hit(.writeFenced, times: counters.writesFenced)
        hit(.writeRestamped, times: counters.writesRestamped)
        hit(.obsoleteDropped, times: counters.obsoleteDropped)
        hit(.registerCaughtUp, times: counters.registersCaughtUp)
        hit(.registerSettled, times: counters.registersSettled)
    }
}
