/// A promise that a history can be held against.
public enum Model: Hashable, Sendable {
    /// Every operation takes effect at one moment of its interval (Herlihy and Wing 1990).
    case linearizable
    /// One order of all writes of a key serves all its reads (Shao, Welch, Pierce and Lee 2011).
    case regular
    /// Each read by itself returns a concurrent write or the latest one before it.
    case weakRegular
    /// One order respects every process's order; real time does not count (Lamport 1979).
    case sequential
    /// Causally related writes are seen in order (Bouajjani, Enea, Guerraoui and Hamza 2017: CC).
    case causal
    /// Causal, and concurrent writes are ordered alike by everyone (the same: CCv).
    case causalConvergent
    case readYourWrites
    case monotonicReads
    case monotonicWrites
    case writesFollowReads
    /// Each read returns one of the K latest values.
    case kAtomic(Int)
    /// Linearizable once every read may look this many nanoseconds into the past.
    case deltaAtomic(Int64)
    /// No acknowledged write is lost.
    case durable
    /// The last reads of a key agree.
    case convergent
    /// Sibling sets: every acknowledged write is visible or causally covered.
    case multiValue

    /// The name on the command line and in documents, e.g. `k-atomic=3`; durations in ns.
    public var name: String {
        switch self {
        case .linearizable: "linearizable"
        case .regular: "regular"
        case .weakRegular: "weak-regular"
        case .sequential: "sequential"
        case .causal: "causal"
        case .causalConvergent: "causal-convergent"
        case .readYourWrites: "read-your-writes"
        case .monotonicReads: "monotonic-reads"
        case .monotonicWrites: "monotonic-writes"
        case .writesFollowReads: "writes-follow-reads"
        case .kAtomic(let k): "k-atomic=\(k)"
        case .deltaAtomic(let delta): "delta-atomic=\(delta)ns"
        case .durable: "durable"
        case .convergent: "convergent"
        case .multiValue: "multi-value"
        }
    }

    /// The models without a parameter, in the order in which reports list them.
    public static let plain: [Model] = [
        .linearizable, .regular, .weakRegular, .sequential, .causal, .causalConvergent,
        .readYourWrites, .monotonicReads, .monotonicWrites, .writesFollowReads, .durable,
        .convergent, .multiValue,
    ]

    /// The model with this name. `k-atomic=K` takes a positive number, `delta-atomic=D` a whole
    /// number with the unit ns, us, ms or s. Nil for anything else.
    public init?(name: String) {
        if let model = Model.plain.first(where: { $0.name == name }) {
            self = model
        } else if name.hasPrefix("k-atomic="), let k = Int(name.dropFirst(9)), k > 0 {
            self = .kAtomic(k)
        } else if name.hasPrefix("delta-atomic="),
            let delta = Model.nanoseconds(String(name.dropFirst(13)))
        {
            self = .deltaAtomic(delta)
        } else {
            return nil
        }
    }

    private static func nanoseconds(_ text: String) -> Int64? {
        let units: [(String, Int64)] = [
            ("ns", 1), ("us", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000),
        ]
        for (unit, scale) in units where text.hasSuffix(unit) {
            guard let count = Int64(text.dropLast(unit.count)), count >= 0 else { continue }
            let (product, overflow) = count.multipliedReportingOverflow(by: scale)
            return overflow || product >= Operation.timeBound ? nil : product
        }
        return nil
    }

    /// Whether each key can be judged without looking at the others.
    public var isPerKey: Bool {
        switch self {
        case .sequential, .causal, .causalConvergent, .readYourWrites, .monotonicReads,
            .monotonicWrites, .writesFollowReads:
            false
        default: true
        }
    }
}
