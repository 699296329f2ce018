/// The answer to whether a history satisfies a model.
public enum Verdict: Sendable {
    case holds
    case violated(Witness)
    /// Not decided, and why; exact methods never say this.
    case inconclusive(String)

    /// The word for reports: `holds`, `violated` or `inconclusive`.
    public var word: String {
        switch self {
        case .holds: "holds"
        case .violated: "violated"
        case .inconclusive: "inconclusive"
        }
    }

    public var isViolated: Bool { if case .violated = self { true } else { false } }
    public var isHolding: Bool { if case .holds = self { true } else { false } }
}

/// How a verdict was reached.
public enum Method: String, Sendable, CaseIterable {
    /// Clusters of a write and its reads compared by their zones; exact, O(n log n).
    case zones
    /// Zones of chains of compare-and-set; exact, O(n log n).
    case blocks
    /// Zones, and a greedy assignment of deletes to reads of absent; exact, O(n log n).
    case deletes
    /// Just-in-time linearization with memoised states; exact or inconclusive.
    case search
    /// Reads compared one by one with the writes around them; exact.
    case reads
    /// Repeated removal of what nothing must precede; exact.
    case peeling
    /// Vector clocks over session order and reads-from.
    case clocks
    /// Lower and upper bounds.
    case bounds
    /// Zones or a search over what may still change a verdict, while the history passes; exact as
    /// these are.
    case streaming
}

/// What kind of thing went wrong.
public enum Anomaly: String, Sendable, CaseIterable {
    case thinAir = "thin-air"
    case futureRead = "future-read"
    case abortedRead = "aborted-read"
    case staleRead = "stale-read"
    case newOldInversion = "new-old-inversion"
    case doubleCas = "double-cas"
    case casCycle = "cas-cycle"
    case resurrectedDelete = "resurrected-delete"
    case noOrder = "no-order"
    case cyclicCausality = "cyclic-causality"
    case writeReadInitial = "write-co-init-read"
    case writeRead = "write-co-read"
    case conflictCycle = "cyclic-conflict"
    case readYourWrites = "read-your-writes"
    case monotonicReads = "monotonic-reads"
    case monotonicWrites = "monotonic-writes"
    case writesFollowReads = "writes-follow-reads"
    case lostWrite = "lost-write"
    case diverged = "diverged"
    case tooStale = "too-stale"
    case lostSibling = "lost-sibling"
    case coveredSibling = "covered-sibling"
}

/// A small set of operations that violates the model by itself, and why.
public struct Witness: Sendable {
    public var key: UInt32
    public var anomaly: Anomaly
    /// Indices into the history's operations, by invocation. Locally minimal: without any one of
    /// them (a write takes its reads along) the rest satisfies the model.
    public var operations: [Int]
    /// Sentences for a person.
    public var explanation: String
    /// Pairs of operations of which the first must precede the second, as the argument uses them.
    public var edges: [Edge]
    /// The likely cause, when the history carries the store's own fields.
    public var cause: Cause?

    /// One step of the argument, between two indices into the history's operations.
    public struct Edge: Sendable {
        public var from: Int
        public var to: Int
        public var label: String

        public init(from: Int, to: Int, label: String) {
            self.from = from
            self.to = to
            self.label = label
        }
    }

    public init(
        key: UInt32, anomaly: Anomaly, operations: [Int], explanation: String,
        edges: [Edge] = [], cause: Cause? = nil
    ) {
        self.key = key
        self.anomaly = anomaly
        self.operations = operations
        self.explanation = explanation
        self.edges = edges
        self.cause = cause
    }
}

/// Why a store most likely allowed an anomaly.
public enum Cause: String, Sendable, CaseIterable {
    case partialQuorum = "partial-quorum"
    case fallbackAck = "fallback-ack"
    case pendingHint = "pending-hint"
    case clockSkew = "clock-skew"
    case epochChange = "epoch-change"
    case tombstone = "tombstone"
    case siblingDrop = "sibling-drop"
}
