import Basics
import Foundation
import Platform
import Replication
import Simulation
import Workloads

/// A simulated run in a file: scenario, weather, faults, omitted operations and turns, so that
/// nothing of it is drawn anew. JSON, schema `quorumeter.plan/1`.
public enum PlanFile {
    static let schema = "quorumeter.plan/1"

    /// Writes what `result` was, so that reading it gives a run of the same digest.
    public static func write(_ result: SimulationResult, to path: String) throws(ResultError) {
        try ResultStore.write(document(result), to: path)
    }

    static func document(_ result: SimulationResult) -> PlanDocument {
        var scenario = result.scenario
        scenario.conditions = result.conditions
        scenario.schedule = result.schedule
        // Turns hold every operation back until its time; a run as drawn needs none.
        return PlanDocument(scenario, digest: result.digestText)
    }

    /// What a plan says: the scenario, and the digest that its run had when it was written.
    public struct Plan: Sendable {
        public var scenario: Scenario
        public var digest: String?
    }

    /// Reads a plan.
    ///
    /// - Throws: `TreeError` with file, line and what was expected.
    public static func read(_ path: String) throws(TreeError) -> Plan {
        let root = try Section(YAML.read(path), file: path)
        guard try root.text("schema") == schema else { throw root.expected(schema, at: "schema") }
        try root.refuseKeys(except: PlanDocument.keys)
        var scenario = Scenario(
            seed: try root.require("seed", PlanReading.unsigned(root, "seed")))
        try PlanReading.numbers(root, &scenario)
        let fsync = try root.text("fsync") ?? "always"
        guard let durability = PlanDocument.durabilities.first(where: { $0.word == fsync }) else {
            throw root.expected("always, never or memory", at: "fsync")
        }
        scenario.durability = durability.value
        if let word = try root.text("mode") {
            guard let mode = ConflictMode(rawValue: word) else {
                throw root.expected("lww, siblings, abd or cp", at: "mode")
            }
            scenario.mode = mode
        }
        if let word = try root.text("quorum") {
            guard let kind = QuorumKind(rawValue: word) else {
                throw root.expected("strict or sloppy", at: "quorum")
            }
            scenario.quorumKind = kind
        }
        scenario.antiEntropy = try root.boolean("anti_entropy") ?? false
        scenario.collects = try root.boolean("collect") ?? false
        if let window = try PlanReading.signed(root, "hint_window_ns") {
            guard (0...604_800_000_000_000).contains(window) else {
                throw root.expected("0 ns to a week", at: "hint_window_ns")
            }
            scenario.hintWindow = .nanoseconds(window)
        }
        if let word = try root.text("read_repair") {
            guard let repair = ReadRepair(rawValue: word) else {
                throw root.expected("none, async or blocking", at: "read_repair")
            }
            scenario.readRepair = repair
        }
        do {
            scenario.faults = try FaultFamilies(parsing: root.text("faults") ?? "none")
        } catch let error as TreeError {
            throw error
        } catch { throw root.expected("faults (\(error))", at: "faults") }
        if let section = try root.section("conditions") {
            scenario.conditions = try PlanReading.conditions(section)
        }
        if let sections = try root.sections("schedule") {
            var schedule: [ScheduledFault] = []
            for section in sections { schedule.append(try PlanReading.fault(section)) }
            scenario.schedule = schedule
        }
        scenario.omitted = try PlanReading.integers(root, "omitted") ?? []
        scenario.turns = try PlanReading.integers(root, "turns")?.map { UInt64(clamping: $0) }
        do {
            try scenario.validate()
        } catch { throw TreeError(file: path, line: 0, message: error.description) }
        return Plan(scenario: scenario, digest: try root.text("digest"))
    }
}

/// The document of a plan, as written.
struct PlanDocument: Encodable {
    static let keys = [
        "schema", "seed", "digest", "nodes", "n", "r", "w", "fsync", "read_repair", "quorum",
        "hint_window_ns", "timeout_ns", "anti_entropy",
        "collect", "keys",
        "clients", "writers", "operations", "writes_per_thousand", "deletes_per_thousand",
        "mode", "swaps_per_thousand", "padding_bytes", "faults", "reads_at_end", "conditions",
        "schedule", "omitted", "turns",
    ]
    static let durabilities: [(word: String, value: Configuration.Durability?)] = [
        ("always", .synced), ("never", .appended), ("memory", nil),
    ]

    let schema = PlanFile.schema
    let seed: UInt64
    let digest: String
    let nodes, n, r, w: Int
    let fsync: String
    let mode: String
    let swapsPerThousand: UInt64
    let readRepair: String
    let quorum: String
    let antiEntropy: Bool
    let collects: Bool
    let hintWindowNs: Int64
    let timeoutNs: Int64
    let keys, clients: Int
    let writers: Int?
    let operations: Int
    let writesPerThousand, deletesPerThousand: UInt64
    let paddingBytes: Int
    let faults: String
    let readsAtEnd: Bool
    let conditions: ConditionsEntry?
    let schedule: [FaultEntry]?
    let omitted: [Int]
    let turns: [UInt64]?

    init(_ s: Scenario, digest: String) {
        self.digest = digest
        seed = s.seed
        nodes = s.nodes
        n = s.n
        r = s.r
        w = s.w
        let durability = PlanDocument.durabilities.first { $0.value == s.durability }
        fsync = durability?.word ?? "always"
        quorum = s.quorumKind.rawValue
        mode = s.mode.rawValue
        swapsPerThousand = s.swapsPerThousand
        antiEntropy = s.antiEntropy
        collects = s.collects
        hintWindowNs = s.hintWindow.nanoseconds
        readRepair = s.readRepair.rawValue
        timeoutNs = s.timeout.nanoseconds
        keys = s.keys
        clients = s.clients
        writers = s.writers
        operations = s.operations
        writesPerThousand = s.writesPerThousand
        deletesPerThousand = s.deletesPerThousand
        paddingBytes = s.paddingBytes
        faults = s.faults.description
        readsAtEnd = s.readsAtEnd
        conditions = s.conditions.map(ConditionsEntry.init)
        schedule = s.schedule?.map(FaultEntry.init)
        omitted = s.omitted
        turns = s.turns
    }

    enum CodingKeys: String, CodingKey {
        case schema, seed, digest, nodes, n, r, w, fsync, keys, clients, writers, operations
        case faults, conditions, schedule, omitted, turns
        case quorum, mode
        case swapsPerThousand = "swaps_per_thousand"
        case antiEntropy = "anti_entropy"
        case collects = "collect"
        case hintWindowNs = "hint_window_ns"
        case readRepair = "read_repair"
        case timeoutNs = "timeout_ns"
        case writesPerThousand = "writes_per_thousand"
        case deletesPerThousand = "deletes_per_thousand"
        case paddingBytes = "padding_bytes"
        case readsAtEnd = "reads_at_end"
    }

    struct ConditionsEntry: Encodable {
        static var numbers: [(key: String, field: WritableKeyPath<Conditions, UInt64>)] {
            [
                ("tail_per_thousand", \.tailPerThousand), ("loss_per_thousand", \.lossPerThousand),
                ("duplicate_per_thousand", \.duplicatePerThousand),
            ]
        }
        static var durations: [(key: String, field: WritableKeyPath<Conditions, Instant.Duration>)]
        {
            [
                ("minimum_delay_ns", \.minimumDelay), ("mean_delay_ns", \.meanDelay),
                ("mean_pair_delay_ns", \.meanPairDelay),
                ("mean_duplicate_delay_ns", \.meanDuplicateDelay),
                ("maximum_client_delay_ns", \.maximumClientDelay),
                ("mean_think_time_ns", \.meanThinkTime), ("minimum_sync_ns", \.minimumSync),
                ("mean_sync_ns", \.meanSync),
            ]
        }
        static let outcomes: [(word: String, value: SimulatedDisk.CrashOutcome)] = [
            ("keep-all", .keepAll), ("lose-all", .loseAll), ("loses-suffix", .losesSuffix),
            ("any-subset", .anySubset),
        ]
        static let keys =
            numbers.map(\.key) + durations.map(\.key) + [
                "tail_factor", "crash_outcome", "clock_drifts_ppm", "clock_offsets_us",
            ]

        let conditions: Conditions
        init(_ conditions: Conditions) { self.conditions = conditions }

        private struct Key: CodingKey {
            let stringValue: String
            var intValue: Int? { nil }
            init(_ text: String) { stringValue = text }
            init?(stringValue: String) { self.stringValue = stringValue }
            init?(intValue: Int) { nil }
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Key.self)
            for (key, field) in ConditionsEntry.numbers {
                try container.encode(conditions[keyPath: field], forKey: Key(key))
            }
            for (key, field) in ConditionsEntry.durations {
                try container.encode(conditions[keyPath: field].nanoseconds, forKey: Key(key))
            }
            try container.encode(conditions.tailFactor, forKey: Key("tail_factor"))
            let outcome = ConditionsEntry.outcomes.first { $0.value == conditions.crashOutcome }
            try container.encode(outcome?.word ?? "loses-suffix", forKey: Key("crash_outcome"))
            try container.encode(conditions.clockDrifts, forKey: Key("clock_drifts_ppm"))
            try container.encode(conditions.clockOffsets, forKey: Key("clock_offsets_us"))
        }
    }

    struct FaultEntry: Encodable {
        let fault: String
        let startNs, endNs: UInt64
        var nodes: [Int] = []
        var isOneWay: Bool?
        var byNs: Int64?
        var microseconds: Int64?
        var isNoticed: Bool?
        var perMillion: Int64?

        init(_ entry: ScheduledFault) {
            startNs = entry.start.nanoseconds
            endNs = entry.end.nanoseconds
            switch entry.fault {
            case .partition(let side, let oneWay):
                fault = "partition"
                nodes = side.map { Int($0.index) }
                isOneWay = oneWay
            case .cut(let links, let noticed):
                fault = "cut"
                nodes = links.flatMap { [$0.from, $0.to] }
                isNoticed = noticed
            case .lossyLink(let from, let to, let rate):
                fault = "lossy-link"
                nodes = [Int(from.index), Int(to.index)]
                perMillion = Int64(rate)
            case .duplicatingLink(let from, let to, let rate):
                fault = "duplicating-link"
                nodes = [Int(from.index), Int(to.index)]
                perMillion = Int64(rate)
            case .clockDrift(let node, let rate):
                fault = "clock-drift"
                nodes = [Int(node.index)]
                perMillion = rate
            case .slowDisk(let node, let by):
                fault = "slow-disk"
                nodes = [Int(node.index)]
                byNs = by.nanoseconds
            case .fullDisk(let node):
                fault = "full-disk"
                nodes = [Int(node.index)]
            case .crash(let node):
                fault = "crash"
                nodes = [Int(node.index)]
            case .pause(let node):
                fault = "pause"
                nodes = [Int(node.index)]
            case .slowLink(let from, let to, let by):
                fault = "slow-link"
                nodes = [Int(from.index), Int(to.index)]
                byNs = by.nanoseconds
            case .clockStep(let node, let step):
                fault = "clock-step"
                nodes = [Int(node.index)]
                microseconds = step
            }
        }

        enum CodingKeys: String, CodingKey {
            case fault, nodes, microseconds
            case startNs = "start_ns"
            case endNs = "end_ns"
            case isOneWay = "one_way"
            case byNs = "by_ns"
            case isNoticed = "noticed"
            case perMillion = "per_million"
        }
    }
}
