/// What a node has done since it started; monotone counts for `INFO`, metrics and reports.
public struct Counters: Sendable, Hashable {
    public var gets: UInt64 = 0
    public var puts: UInt64 = 0
    public var deletes: UInt64 = 0
    /// Requests answered `failed`: nothing was sent.
    public var refused: UInt64 = 0
    /// Requests answered `unknown`.
    public var unknown: UInt64 = 0
    /// Messages sent a second or third time to a silent replica.
    public var retransmissions: UInt64 = 0
    /// Older versions that reads found at replicas and replaced, after the answer or before it.
    public var readRepairs: UInt64 = 0
    /// Reads that waited until enough replicas held what they returned.
    public var writeBacks: UInt64 = 0
    /// Reads that found nothing as new as their session token.
    public var staleReads: UInt64 = 0
    /// Writes taken to be held for other nodes, handed over, given up after the window, and not
    /// taken for lack of room.
    public var hintsKept: UInt64 = 0
    public var hintsDelivered: UInt64 = 0
    public var hintsExpired: UInt64 = 0
    public var hintsRefused: UInt64 = 0
    /// Stamps that were too far in the future to be merged into the clock.
    public var clockRejections: UInt64 = 0
    /// Contexts that were forged, of another key, or of writes that this node has lost.
    public var badContexts: UInt64 = 0
    /// Joined siblings that were too large to be kept.
    public var siblingOverflows: UInt64 = 0
    /// Writes that a replica had to coordinate.
    public var passedOn: UInt64 = 0
    public var messagesSent: UInt64 = 0
    public var messagesReceived: UInt64 = 0
    /// Times the runtime was asked to sync the log.
    public var syncRequests: UInt64 = 0

    public init() {}
}
