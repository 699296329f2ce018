import Basics
import Platform
import Workloads

/// A sweep file, read and checked: the matrix and what its cells share.
public struct SweepPlan: Sendable {
    /// Path of the file.
    public let file: String
    public var seed: UInt64
    /// Cluster sizes, ascending.
    public let nodes: [Int]
    public let replicas: [Int]
    /// Nil means all from 1 to N.
    public let readQuorums: [Int]?
    public let writeQuorums: [Int]?
    /// Paths of YCSB property files.
    public let workloads: [String]
    public let faults: [SweepFault]
    public let quorums: [String]
    /// `lww`, `siblings` (simulation), `abd`, `cp`.
    public let modes: [String]
    /// `none`, `async`, `blocking`.
    public let readRepairs: [String]
    /// `memory`, `always`, `everysec`, `never`.
    public let fsync: [String]
    public let `where`: String
    /// Modelled latencies of a sweep in simulation; empty for processes.
    public let networks: [NetworkModel]
    /// Operations of a simulated cell.
    public let operations: Int
    public let clients: Int
    /// Operations a second; 0 in a closed loop.
    public let target: Double
    public let arrivals: [Workload.Arrivals]
    public let warmup: Instant.Duration
    public let duration: Instant.Duration
    /// How long to wait for the nodes of a cell to agree, after it.
    public let settle: Instant.Duration
    /// Whether histories of our own store name the replicas that answered.
    public let recordsReplicas: Bool
    /// Records to load; nil leaves what the workload says.
    public let records: Int?
    public let repetitions: Int
    /// Other stores that are measured beside ours under the same load, without faults.
    public let peers: [PeerSetting]
    /// Folder of the results, when the file names one.
    public let out: String?

    static let keys = [
        "nodes", "where", "seed", "matrix", "load", "fsync", "repeat", "out", "networks", "peers",
    ]
    static let matrixKeys = [
        "nodes", "n", "r", "w", "quorum", "mode", "read_repair", "workload", "faults", "fsync",
        "arrivals", "network",
    ]
    static let loadKeys = [
        "clients", "target", "warmup", "duration", "arrivals", "records", "operations", "settle",
        "replicas",
    ]

    /// Reads a sweep file. `where`: `processes` or `simulation`, instead of what the file says.
    ///
    /// - Throws: `TreeError` with file, line and what was expected: unknown keys, values out of
    ///   range, and what this version cannot run.
    public init(file: String, where place: String? = nil) throws(TreeError) {
        self.file = file
        let root = try Section(YAML.read(file), file: file)
        try root.refuseKeys(except: SweepPlan.keys)
        seed = UInt64(try root.integer("seed") ?? 1)
        let inFile = try root.text("where")
        let said = place ?? inFile ?? "processes"
        guard ["processes", "simulation"].contains(said) else {
            throw root.expected("processes or simulation", at: "where")
        }
        `where` = said
        let isSimulated = said == "simulation"
        repetitions = try root.integer("repeat", in: 1...1_000) ?? 1
        out = try root.text("out")

        peers = try SweepPlan.peers(root, isSimulated: isSimulated)

        let matrix = try root.require("matrix", root.section("matrix"))
        try matrix.refuseKeys(except: SweepPlan.matrixKeys)
        let common = try root.integer("nodes", in: 1...64) ?? 5
        nodes = try SweepPlan.numbers(matrix, "nodes", in: 1...64) ?? [common]
        let fewest = nodes.min() ?? 1
        let most = min(fewest, Limits.replicas)
        replicas = try SweepPlan.numbers(matrix, "n", in: 1...most) ?? [min(3, fewest)]
        let largest = replicas.max() ?? 1
        readQuorums = try SweepPlan.numbers(matrix, "r", in: 1...largest, allowsAll: true)
        writeQuorums = try SweepPlan.numbers(matrix, "w", in: 1...largest, allowsAll: true)
        workloads = try matrix.require("workload", matrix.texts("workload"))
        faults = try SweepPlan.faults(matrix, isSimulated: isSimulated)
        networks = isSimulated ? try SweepPlan.networks(root, matrix) : []
        quorums = try SweepPlan.words(matrix, "quorum", ["strict", "sloppy"])
        readRepairs = try SweepPlan.words(
            matrix, "read_repair", ["none", "async", "blocking"], default: "async")
        let everywhere = ["memory", "always", "everysec", "never"]
        let durability = try SweepPlan.words(root, "fsync", everywhere, default: "memory")
        fsync =
            matrix["fsync"] == nil ? durability : try SweepPlan.words(matrix, "fsync", everywhere)
        modes = try SweepPlan.modes(
            matrix, isSimulated: isSimulated, fsync: fsync, replicas: replicas,
            reads: readQuorums, writes: writeQuorums)

        let load = try root.require("load", root.section("load"))
        try load.refuseKeys(except: SweepPlan.loadKeys)
        clients = try load.integer("clients", in: 1...10_000) ?? 16
        target = try load.number("target", in: 0...10_000_000) ?? 0
        warmup = try load.duration("warmup") ?? .seconds(1)
        duration = try load.require("duration", load.duration("duration"))
        guard duration >= .milliseconds(100) else {
            throw load.expected("at least 100ms", at: "duration")
        }
        records = try load.integer("records", in: 1...1_000_000_000)
        settle = try load.duration("settle") ?? .seconds(2)
        recordsReplicas = try load.boolean("replicas") ?? true
        arrivals = try SweepPlan.arrivals(matrix, load, target: target)
        let wanted = target > 0 ? target * duration.seconds : 20_000
        operations =
            try load.integer("operations", in: 100...10_000_000)
            ?? Int(min(max(wanted, 100), 1_000_000))
    }

    /// `none`, `kill-one` and `pause-one`; for processes files of schedules, such as
    /// `workloads/faults/halves.yaml`; in simulation families of random faults, such as
    /// `partition` or `partition+kill`.
    private static func faults(
        _ matrix: Section, isSimulated: Bool
    ) throws(TreeError) -> [SweepFault] {
        var faults: [SweepFault] = []
        for word in try matrix.texts("faults") ?? ["none"] {
            if let fault = try SweepFault(word, isSimulated: isSimulated) {
                faults.append(fault)
                continue
            }
            throw matrix.expected(
                isSimulated
                    ? "none, kill-one, pause-one, or delay, loss, duplicate, partition, kill, "
                        + "clock-skew and pause joined by + (found \(word))"
                    : "none, kill-one, pause-one or a schedule such as "
                        + "workloads/faults/halves.yaml (families of random faults strike in "
                        + "simulation only; found \(word))", at: "faults")
        }
        return faults
    }

    /// The networks that the matrix names: `lan`, `wan`, or keys of the section `networks`.
    private static func networks(
        _ root: Section, _ matrix: Section
    ) throws(TreeError) -> [NetworkModel] {
        var known: [NetworkModel] = [.lan, .wan]
        if let section = try root.section("networks") {
            for entry in section.entries {
                guard let body = try section.section(entry.key) else { continue }
                known.removeAll { $0.name == entry.key }
                known.append(try LatencyFile.network(body, name: entry.key))
            }
        }
        var chosen: [NetworkModel] = []
        for name in try matrix.texts("network") ?? ["lan"] {
            guard let network = known.first(where: { $0.name == name }) else {
                let names = known.map(\.name).joined(separator: ", ")
                throw matrix.expected("\(names) (found \(name))", at: "network")
            }
            chosen.append(network)
        }
        return chosen
    }

    private static func peers(
        _ root: Section, isSimulated: Bool
    ) throws(TreeError) -> [PeerSetting] {
        guard let sections = try root.sections("peers") else { return [] }
        guard !isSimulated else {
            throw root.expected("no other stores in simulation: where: processes", at: "peers")
        }
        var peers: [PeerSetting] = []
        for section in sections { peers += try PeerSetting.settings(section) }
        return peers
    }

    /// How operations arrive: in the matrix or, for all cells alike, beside the target.
    private static func arrivals(
        _ matrix: Section, _ load: Section, target: Double
    ) throws(TreeError) -> [Workload.Arrivals] {
        let section = matrix["arrivals"] == nil ? load : matrix
        guard let texts = try section.texts("arrivals") else {
            return [target > 0 ? .poisson : .closed]
        }
        var all: [Workload.Arrivals] = []
        for text in texts {
            guard let arrivals = Workload.Arrivals(rawValue: text) else {
                let all = Workload.Arrivals.allCases.map(\.rawValue).joined(separator: ", ")
                throw section.expected("one of \(all)", at: "arrivals")
            }
            guard arrivals == .closed || target > 0 else {
                throw section.expected(
                    "closed, or a target above 0 in the section load (found \(text))",
                    at: "arrivals")
            }
            all.append(arrivals)
        }
        guard target == 0 || texts.count > 1 || all != [.closed] else {
            throw section.expected(
                "constant or poisson: closed loops take no target", at: "arrivals")
        }
        return all
    }

    /// One number or a list of them; nil when absent or, where allowed, `all`.
    private static func numbers(
        _ section: Section, _ key: String, in range: ClosedRange<Int>, allowsAll: Bool = false
    ) throws(TreeError) -> [Int]? {
        guard section[key] != nil else { return nil }
        let texts = try section.texts(key) ?? []
        if allowsAll, texts == ["all"] { return nil }
        let numbers = texts.compactMap { Int($0) }.filter { range.contains($0) }
        guard numbers.count == texts.count, !numbers.isEmpty else {
            let all = allowsAll ? "all, or " : ""
            throw section.expected(
                "\(all)numbers from \(range.lowerBound) to \(range.upperBound)", at: key)
        }
        return Array(Set(numbers)).sorted()
    }

    static func words(
        _ section: Section, _ key: String, _ known: [String], default fallback: String? = nil
    ) throws(TreeError) -> [String] {
        let words = try section.texts(key) ?? [fallback ?? known[0]]
        guard let unknown = words.first(where: { !known.contains($0) }) else { return words }
        throw section.expected(
            "\(known.joined(separator: ", ")) (this version runs no other; found \(unknown))",
            at: key)
    }
}
