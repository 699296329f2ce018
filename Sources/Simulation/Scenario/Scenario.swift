import Basics
import Replication
import Storage
import Workloads

/// What to simulate. The seed decides everything that is not said here.
public struct Scenario: Sendable, Equatable {
    /// Every draw of the run follows from it.
    public var seed: UInt64
    /// Members of the cluster, 1…64.
    public var nodes = 5
    /// Replicas of every key, 1…`nodes`.
    public var n = 3
    /// Replicas that must answer a read, and store a write; 1…`n`.
    public var r = 2
    public var w = 2
    /// What concurrent writes come to.
    public var mode = ConflictMode.lww
    /// Whether acknowledgements wait for the simulated disk. Nil: no disk at all, memory only.
    public var durability: Configuration.Durability? = .synced
    /// What reads do about replicas that are behind.
    public var readRepair = ReadRepair.asynchronous
    /// Who may be asked in place of replicas that cannot be reached.
    public var quorumKind = QuorumKind.strict
    /// How long nodes hold writes for others.
    public var hintWindow: Instant.Duration = .seconds(3 * 3_600)
    /// Whether replicas compare what they hold: when they meet, now and then while faults strike,
    /// and when everything has healed, until they are equal.
    public var antiEntropy = false
    /// Whether nodes forget deletions, now and then while faults strike, and when everything has
    /// healed.
    public var collects = false
    #if MUTANTS
        /// A bug that is planted in every node; in debug builds only.
        public var mutation: Mutation?
    #endif
    /// How long coordinators try.
    public var timeout: Instant.Duration = .milliseconds(300)
    public var keys = 2
    public var clients = 4
    /// Clients that write, the first of them; the others only read. Nil: all.
    public var writers: Int?
    /// Operations of all clients together, final reads not counted.
    public var operations = 60
    /// Writes and deletes among a thousand operations; the others are reads.
    public var writesPerThousand: UInt64 = 400
    public var deletesPerThousand: UInt64 = 0
    /// Compare-and-set among a thousand operations, from the value that the client saw last; only
    /// in mode cp.
    public var swapsPerThousand: UInt64 = 0
    /// Bytes that are added to every value to make it longer.
    public var paddingBytes = 0
    /// Which faults may strike. With two or more, each run leaves some of them out.
    public var faults: FaultFamilies = []
    /// Delays, rates and clock errors; nil: drawn from the seed.
    public var conditions: Conditions?
    /// What strikes and when; nil: drawn from the seed.
    public var schedule: [ScheduledFault]?
    /// Faults as a file says them, for processes too; what it leaves open follows from the seed.
    public var faultSchedule: FaultSchedule?
    /// Operations that the clients leave out: the i-th of client c has number
    /// `i * clients + c`. For shrinking.
    public var omitted: [Int] = []
    /// By number: no operation begins before its time, in nanoseconds of the run, so that the
    /// others stay where they were when one is left out. Nil: as soon as clients are ready.
    public var turns: [UInt64]?
    /// By number: what clients do, in place of what the seed would have them do.
    public var planned: [PlannedTurn]?
    /// Whether the history is kept and checked.
    public var recordsHistory = true
    /// Whether every key is read from all replicas after everything has healed.
    public var readsAtEnd = true
    /// Whether these reads ask every node for what it has (R = 1), one after the other, so that
    /// nodes which still differ are seen.
    public var readsEveryNode = false
    /// Whether the history says which node coordinated an operation, what version it met, and
    /// which replicas had answered by then.
    public var recordsDetails = false

    /// An operation that was decided before the run.
    public struct PlannedTurn: Sendable, Equatable {
        public var key: UInt32
        public var isWrite: Bool

        public init(key: UInt32, isWrite: Bool) {
            self.key = key
            self.isWrite = isWrite
        }
    }

    public init(seed: UInt64) { self.seed = seed }

    /// Computers: those of the founders, who are the first, and those that may join.
    public var machines: Int { nodes + (faults.contains(.churn) ? Scenario.spares : 0) }
    /// Members that may join while members come and go.
    static let spares = 3

    /// Throws a sentence when a field is out of range.
    public func validate() throws(ScenarioError) {
        func check(
            _ name: String, _ value: Int, _ range: ClosedRange<Int>
        ) throws(ScenarioError) {
            guard range.contains(value) else {
                throw ScenarioError(
                    "\(name) is \(value): expected \(range.lowerBound) to \(range.upperBound)")
            }
        }
        try check("the number of nodes", nodes, 1...64)
        try check("nodes and those that may join", machines, 1...64)
        try check("n", n, 1...min(nodes, Limits.replicas))
        try check("r", r, 1...n)
        try check("w", w, 1...n)
        try check("the number of keys", keys, 1...1_000_000)
        try check("the number of clients", clients, 1...1_000)
        if let writers { try check("the number of writers", writers, 1...clients) }
        try check("the number of operations", operations, 1...100_000_000)
        try check("the padding of values", paddingBytes, 0...(1 << 20))
        try check("writes per thousand", Int(clamping: writesPerThousand), 0...1_000)
        try check(
            "writes, deletes and swaps per thousand",
            Int(clamping: writesPerThousand) + Int(clamping: deletesPerThousand)
                + Int(clamping: swapsPerThousand), 0...1_000)
        if swapsPerThousand > 0, mode != .cp {
            throw ScenarioError("compare-and-set needs mode cp, not \(mode.rawValue)")
        }
        if mode == .abd, r + w <= n {
            throw ScenarioError("r + w is \(r + w): mode abd needs more than n, which is \(n)")
        }
        guard timeout >= .milliseconds(3), timeout <= .seconds(3_600) else {
            throw ScenarioError("the timeout is out of range: expected 3 ms to 1 hour")
        }
        let numbers = (operations + clients - 1) / clients * clients
        if let turns, turns.count != numbers {
            throw ScenarioError("there are \(turns.count) turns: expected \(numbers)")
        }
        if let planned, planned.count != numbers {
            throw ScenarioError("\(planned.count) operations are planned: expected \(numbers)")
        }
        if let turn = planned?.first(where: { Int($0.key) >= keys }) {
            throw ScenarioError("key \(turn.key) is planned, but there are \(keys) keys")
        }
        if let pairs = conditions?.pairDelays, !pairs.isEmpty, pairs.count != machines * machines {
            throw ScenarioError(
                "there are \(pairs.count) pair delays: expected \(machines * machines), or none")
        }
        for entry in schedule ?? [] { try validate(entry) }
        do throws(TreeError) {
            _ = try faultSchedule?.plan(nodes: nodes, length: .seconds(1), seed: seed)
        } catch {
            throw ScenarioError(error.description)
        }
    }

    private func validate(_ entry: ScheduledFault) throws(ScenarioError) {
        let named: [NodeID] =
            switch entry.fault {
            case .partition(let side, _): side
            case .cut(let links, _): links.flatMap { [NodeID($0.from), NodeID($0.to)] }
            case .crash(let node), .pause(let node), .clockStep(let node, _),
                .clockDrift(let node, _), .slowDisk(let node, _), .fullDisk(let node):
                [node]
            case .slowLink(let from, let to, _), .lossyLink(let from, let to, _),
                .duplicatingLink(let from, let to, _):
                [from, to]
            }
        if let wrong = named.first(where: { Int($0.index) >= nodes }) {
            throw ScenarioError("a fault names \(wrong), but there are \(nodes) nodes")
        }
        if entry.end < entry.start {
            throw ScenarioError("the fault '\(entry.fault)' ends before it starts")
        }
    }

    /// The command that repeats this run, when nothing but its flags and its seed were chosen.
    public var command: String {
        "quorumeter simulate --seed \(seed) --nodes \(nodes) --n \(n) --r \(r) --w \(w)"
            + " --faults \(faults)" + differences
    }

    private var differences: String {
        let standard = Scenario(seed: seed)
        var text = ""
        if let faultSchedule { text += " --schedule \(faultSchedule.file)" }
        if keys != standard.keys { text += " --keys \(keys)" }
        if clients != standard.clients { text += " --clients \(clients)" }
        if let writers { text += " --writers \(writers)" }
        if operations != standard.operations { text += " --operations \(operations)" }
        if mode != standard.mode { text += " --mode \(mode.rawValue)" }
        if readRepair != standard.readRepair { text += " --read-repair \(readRepair.rawValue)" }
        if swapsPerThousand != 0 { text += " --swaps \(swapsPerThousand)" }
        if deletesPerThousand != 0 { text += " --deletes \(deletesPerThousand)" }
        if quorumKind != standard.quorumKind { text += " --quorum \(quorumKind.rawValue)" }
        if antiEntropy { text += " --anti-entropy" }
        if collects { text += " --collect" }
        if timeout != standard.timeout {
            text += " --timeout \(timeout.nanoseconds / 1_000)us"
        }
        if durability != standard.durability {
            text += " --fsync \(durability == nil ? "memory" : "never")"
        }
        return text
    }

    /// What every node of the run is told.
    var configuration: Configuration {
        var configuration = Configuration(
            n: UInt8(n), r: UInt8(r), w: UInt8(w), timeout: timeout,
            durability: durability ?? .appended, readRepair: readRepair, quorumKind: quorumKind,
            hints: HintLimits(window: hintWindow),
            antiEntropy: antiEntropy ? AntiEntropyLimits(interval: nil) : nil,
            collection: collects ? CollectionLimits(interval: nil) : nil, mode: mode)
        if faults.contains(.churn) { configuration.retention = timeout * 2 }
        #if MUTANTS
            configuration.mutation = mutation
        #endif
        return configuration
    }
}
