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
    /// Writes that were held for a replica and went to those that took its place.
    public var hintsRetargeted: UInt64 = 0
    /// Steps of changes of the ring, and messages that were sent under another ring than this
    /// node's.
    public var ringEpochs: UInt64 = 0
    public var staleEpochs: UInt64 = 0
    /// Records of shards that had been given away.
    public var leftoversPurged: UInt64 = 0
    /// Comparisons with other replicas that came to an end, and those that were given up.
    public var comparisons: UInt64 = 0
    public var comparisonsAbandoned: UInt64 = 0
    /// Messages of comparisons that made no sense.
    public var comparisonsMalformed: UInt64 = 0
    /// Bytes of such messages sent.
    public var comparisonBytesSent: UInt64 = 0
    /// Records sent to replicas that were found behind, and their bytes (key, value, version).
    public var recordsSent: UInt64 = 0
    public var recordBytesSent: UInt64 = 0
    /// Writes of clients that were stamped below a fence; those that were given a new stamp since
    /// nobody had stored them; writes that were to mend what was deleted, and that forgotten.
    public var writesFenced: UInt64 = 0
    public var writesRestamped: UInt64 = 0
    public var obsoleteDropped: UInt64 = 0
    /// Runs of forgetting deletions that this node has made, rounds of them that were given up,
    /// records that were forgotten here, and messages about it that made no sense.
    public var collections: UInt64 = 0
    public var collectionsAbandoned: UInt64 = 0
    public var deletionsForgotten: UInt64 = 0
    public var collectionsMalformed: UInt64 = 0
    /// Registers that a comparison brought up to date, and those that had to be decided anew.
    public var registersCaughtUp: UInt64 = 0
    public var registersSettled: UInt64 = 0
    /// Writes that were refused since stamps for them were not reserved yet.
    public var unreserved: UInt64 = 0
    /// Writes of other coordinators that were not kept since the disk was full.
    public var refusedForRoom: UInt64 = 0
    /// Stamps that were too far in the future to be merged into the clock.
    public var clockRejections: UInt64 = 0
    /// Reads of registers that a majority answered alike, and those that had to be decided.
    public var peeks: UInt64 = 0
    public var splitReads: UInt64 = 0
    /// Ballots of registers with one phase, thanks to a promise that came with the last, and with
    /// two; those that another proposer outbid; attempts in doubt that turned out to be the newest.
    public var onePhaseRounds: UInt64 = 0
    public var twoPhaseRounds: UInt64 = 0
    public var duels: UInt64 = 0
    public var doubtsResolved: UInt64 = 0
    /// Changes that were passed on to another node, which proposes them.
    public var proposalsPassedOn: UInt64 = 0
    /// Contexts that were forged, of another key, or of writes that this node has lost.
    public var badContexts: UInt64 = 0
    /// Joined siblings that were too large to be kept.
    public var siblingOverflows: UInt64 = 0
    /// Writes that a replica had to coordinate.
    public var passedOn: UInt64 = 0
    /// Values that were asked for because marks differed, and replicas that reads asked because
    /// others were late.
    public var digestRefetches: UInt64 = 0
    public var hedges: UInt64 = 0
    /// Walks over keys, and rounds of questions that they took.
    public var scans: UInt64 = 0
    public var scanRounds: UInt64 = 0
    public var messagesSent: UInt64 = 0
    public var messagesReceived: UInt64 = 0
    /// Times the runtime was asked to sync the log.
    public var syncRequests: UInt64 = 0

    public init() {}
}
