import Basics
import Replication
import Simulation
import Workloads

/// From the parts of a plan's document back to a scenario.
enum PlanReading {
    static func unsigned(_ section: Section, _ key: String) throws(TreeError) -> UInt64? {
        guard let text = try section.text(key) else { return nil }
        guard let value = UInt64(text) else {
            throw section.expected("a whole number from 0", at: key)
        }
        return value
    }

    static func signed(_ section: Section, _ key: String) throws(TreeError) -> Int64? {
        guard let text = try section.text(key) else { return nil }
        guard let value = Int64(text) else { throw section.expected("a whole number", at: key) }
        return value
    }

    /// A list of whole numbers, which may be negative; nil when absent.
    static func integers(_ section: Section, _ key: String) throws(TreeError) -> [Int]? {
        guard section[key] != nil else { return nil }
        var numbers: [Int] = []
        for text in try section.texts(key) ?? [] {
            guard let number = Int(text) else {
                throw section.expected("a list of whole numbers", at: key)
            }
            numbers.append(number)
        }
        return numbers
    }

    static func numbers(_ root: Section, _ scenario: inout Scenario) throws(TreeError) {
        scenario.nodes = try root.integer("nodes") ?? scenario.nodes
        scenario.n = try root.integer("n") ?? scenario.n
        scenario.r = try root.integer("r") ?? scenario.r
        scenario.w = try root.integer("w") ?? scenario.w
        scenario.keys = try root.integer("keys") ?? scenario.keys
        scenario.clients = try root.integer("clients") ?? scenario.clients
        scenario.writers = try root.integer("writers")
        scenario.operations = try root.integer("operations") ?? scenario.operations
        scenario.paddingBytes = try root.integer("padding_bytes") ?? 0
        if let value = try unsigned(root, "writes_per_thousand") {
            scenario.writesPerThousand = value
        }
        if let value = try unsigned(root, "deletes_per_thousand") {
            scenario.deletesPerThousand = value
        }
        if let value = try unsigned(root, "swaps_per_thousand") {
            scenario.swapsPerThousand = value
        }
        if let value = try signed(root, "timeout_ns") { scenario.timeout = .nanoseconds(value) }
        scenario.readsAtEnd = try root.boolean("reads_at_end") ?? true
    }

    static func conditions(_ section: Section) throws(TreeError) -> Conditions {
        typealias Entry = PlanDocument.ConditionsEntry
        try section.refuseKeys(except: Entry.keys)
        var conditions = Conditions()
        for (key, field) in Entry.numbers {
            if let value = try unsigned(section, key) {
                guard value <= 1_000 else { throw section.expected("at most 1000", at: key) }
                conditions[keyPath: field] = value
            }
        }
        for (key, field) in Entry.durations {
            if let value = try signed(section, key) {
                conditions[keyPath: field] = .nanoseconds(try bounded(section, key, value))
            }
        }
        if let value = try signed(section, "tail_factor") {
            guard (1...1_000).contains(value) else {
                throw section.expected("a whole number from 1 to 1000", at: "tail_factor")
            }
            conditions.tailFactor = value
        }
        if let word = try section.text("crash_outcome") {
            guard let outcome = Entry.outcomes.first(where: { $0.word == word }) else {
                throw section.expected(
                    Entry.outcomes.map(\.word).joined(separator: ", "), at: "crash_outcome")
            }
            conditions.crashOutcome = outcome.value
        }
        conditions.clockDrifts = try clocks(section, "clock_drifts_ppm", within: 500_000)
        conditions.clockOffsets = try clocks(
            section, "clock_offsets_us", within: 1_000_000_000_000)
        return conditions
    }

    /// An hour at most, so that no sum of delays overflows.
    private static func bounded(
        _ section: Section, _ key: String, _ value: Int64
    ) throws(TreeError) -> Int64 {
        guard (0...3_600_000_000_000).contains(value) else {
            throw section.expected("0 ns to 1 hour", at: key)
        }
        return value
    }

    private static func clocks(
        _ section: Section, _ key: String, within limit: Int
    ) throws(TreeError) -> [Int64] {
        let numbers = try integers(section, key) ?? []
        guard numbers.allSatisfy({ abs($0) <= limit }) else {
            throw section.expected("numbers from -\(limit) to \(limit)", at: key)
        }
        return numbers.map { Int64($0) }
    }

    private static func perMillion(
        _ section: Section, in range: ClosedRange<Int64>
    ) throws(TreeError) -> Int64 {
        let rate = try section.require("per_million", signed(section, "per_million"))
        guard range.contains(rate) else {
            throw section.expected(
                "a whole number from \(range.lowerBound) to \(range.upperBound)",
                at: "per_million")
        }
        return rate
    }

    /// What only schedules bring about.
    private static func scheduledFault(
        _ word: String, _ section: Section, _ nodes: [NodeID]
    ) throws(TreeError) -> Fault {
        func check(_ count: ClosedRange<Int>) throws(TreeError) {
            guard count.contains(nodes.count) else {
                throw section.expected("\(count.lowerBound) nodes for a \(word)", at: "nodes")
            }
        }
        switch word {
        case "cut":
            try check(2...8_192)
            guard nodes.count % 2 == 0 else { throw section.expected("pairs", at: "nodes") }
            let links = stride(from: 0, to: nodes.count, by: 2).map {
                FaultLink(from: Int(nodes[$0].index), to: Int(nodes[$0 + 1].index))
            }
            return .cut(links, isNoticed: try section.boolean("noticed") ?? false)
        case "lossy-link", "duplicating-link":
            try check(2...2)
            let rate = UInt64(try perMillion(section, in: 0...1_000_000))
            return
                word == "lossy-link"
                ? .lossyLink(from: nodes[0], to: nodes[1], perMillion: rate)
                : .duplicatingLink(from: nodes[0], to: nodes[1], perMillion: rate)
        case "clock-drift":
            try check(1...1)
            return .clockDrift(
                nodes[0], partsPerMillion: try perMillion(section, in: -500_000...500_000))
        case "full-disk":
            try check(1...1)
            return .fullDisk(nodes[0])
        default:
            try check(1...1)
            let by = try section.require("by_ns", signed(section, "by_ns"))
            return .slowDisk(nodes[0], by: .nanoseconds(try bounded(section, "by_ns", by)))
        }
    }

    static func fault(_ section: Section) throws(TreeError) -> ScheduledFault {
        try section.refuseKeys(
            except: [
                "fault", "start_ns", "end_ns", "nodes", "one_way", "by_ns", "microseconds",
                "noticed", "per_million",
            ])
        let word = try section.require("fault", section.text("fault"))
        let numbers = try integers(section, "nodes") ?? []
        guard numbers.allSatisfy({ (0..<64).contains($0) }) else {
            throw section.expected("numbers of nodes from 0", at: "nodes")
        }
        let nodes = numbers.map { NodeID($0) }
        func check(_ count: ClosedRange<Int>) throws(TreeError) {
            guard count.contains(nodes.count) else {
                throw section.expected("\(count.lowerBound) nodes for a \(word)", at: "nodes")
            }
        }
        let fault: Fault
        switch word {
        case "partition":
            try check(1...64)
            fault = .partition(side: nodes, oneWay: try section.boolean("one_way") ?? false)
        case "crash", "pause":
            try check(1...1)
            fault = word == "crash" ? .crash(nodes[0]) : .pause(nodes[0])
        case "slow-link":
            try check(2...2)
            let by = try section.require("by_ns", signed(section, "by_ns"))
            fault = .slowLink(
                from: nodes[0], to: nodes[1],
                by: .nanoseconds(try bounded(section, "by_ns", by)))
        case "clock-step":
            try check(1...1)
            let step = try section.require("microseconds", signed(section, "microseconds"))
            guard step.magnitude <= 1_000_000_000_000 else {
                throw section.expected("within ±1000000000000", at: "microseconds")
            }
            fault = .clockStep(nodes[0], microseconds: step)
        case "cut", "lossy-link", "duplicating-link", "clock-drift", "slow-disk", "full-disk":
            fault = try scheduledFault(word, section, nodes)
        default:
            throw section.expected(
                "partition, cut, crash, pause, slow-link, lossy-link, duplicating-link, "
                    + "clock-step, clock-drift, slow-disk or full-disk", at: "fault")
        }
        let start = try section.require("start_ns", unsigned(section, "start_ns"))
        let end = try section.require("end_ns", unsigned(section, "end_ns"))
        guard max(start, end) < 1 << 60 else {
            throw section.expected("a time below 2^60 ns", at: "end_ns")
        }
        return ScheduledFault(
            fault, from: Instant(nanoseconds: start), until: Instant(nanoseconds: end))
    }
}
