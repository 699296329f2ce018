import Basics

// A schedule, as YAML:
//
//   schedule: NAME
//   faults:
//     - {fault: WORD, at: TIME, for: TIME, repeat: COUNT, every: TIME, …}
//   mix: {calm: A..B, lasts: A..B, lanes: COUNT, rest: DURATION,
//         faults: [{fault: WORD, weight: W, …}]}
//
//   TIME   a duration from the beginning, or a share of the run such as 20%
//   WORD   partition: groups (halves, isolate-one, random, majorities-ring, or lists of members),
//            one_way, how (drop, stall, reset)
//          cut: links, how            slow, lossy, corrupt, duplicate, replay, slice, black-hole:
//          reset, half-open: links      links, and any of latency, jitter, tail, tail_share,
//          kill, power-cut, stop,
//          pause: nodes                 bandwidth, drop, corrupt, duplicate, replay, slice
//          clock-skew, clock-step, slow-disk: nodes, by      clock-drift: nodes, ppm
//          disk-full, fsync-error: nodes                     add; remove: nodes
//   nodes  one, minority, majority, all, some, in-turn, or a list of members
//   links  all, a list such as [n1>n2, n2-n3], or left out beside nodes and
//          direction (in, out, both)

extension FaultSchedule {
    static let rootKeys = ["schedule", "faults", "mix"]
    static let timeKeys = ["at", "for", "repeat", "every"]
    static let mixKeys = ["calm", "lasts", "lanes", "rest", "faults"]

    /// Reads a schedule.
    ///
    /// - Throws: `TreeError` with file, line and what was expected.
    public init(_ tree: Tree, file: String) throws(TreeError) {
        let root = try Section(tree, file: file)
        try root.refuseKeys(except: FaultSchedule.rootKeys)
        let name = try root.text("schedule") ?? FaultSchedule.name(of: file)
        var entries: [FaultEntry] = []
        for section in try root.sections("faults") ?? [] {
            entries.append(try FaultSchedule.entry(section))
        }
        var mix: FaultMix?
        if let section = try root.section("mix") { mix = try FaultSchedule.mix(section) }
        guard root["faults"] != nil || mix != nil else {
            throw root.expected("a list of faults (or a “mix”)", at: "faults")
        }
        self.init(name: name, file: file, entries: entries, mix: mix)
    }

    /// `halves` of `workloads/faults/halves.yaml`.
    public static func name(of path: String) -> String {
        let last = path.split(separator: "/").last.map(String.init) ?? path
        return last.hasSuffix(".yaml") ? String(last.dropLast(5)) : last
    }

    private static func entry(_ section: Section) throws(TreeError) -> FaultEntry {
        let kind = try FaultParser(section).kind(besides: timeKeys)
        let start = try section.require("at", time(section, "at"))
        let lasting: FaultTime
        switch kind {
        case .reset, .clockStep, .add, .remove:
            lasting = .after(.zero)
            if section["for"] != nil {
                throw section.expected("left out: this happens once", at: "for")
            }
        default: lasting = try section.require("for", time(section, "for"))
        }
        let times = try section.integer("repeat", in: 1...10_000) ?? 1
        let period = try time(section, "every")
        if times > 1, period == nil {
            throw section.expected("the time from one beginning to the next", at: "every")
        }
        return FaultEntry(
            kind: kind, start: start, lasting: lasting, times: times,
            period: period ?? .after(.zero), line: section.line)
    }

    private static func time(_ section: Section, _ key: String) throws(TreeError) -> FaultTime? {
        guard let text = try section.text(key) else { return nil }
        if let share = FaultShare.parse(text) { return .share(partsPerMillion: share) }
        if let duration = Instant.Duration(text), duration >= .zero, duration <= .seconds(604_800) {
            return .after(duration)
        }
        throw section.expected("a duration such as 2s, or a share of the run such as 20%", at: key)
    }

    // MARK: Mixes

    private static func mix(_ section: Section) throws(TreeError) -> FaultMix {
        try section.refuseKeys(except: mixKeys)
        let sections = try section.require("faults", section.sections("faults"))
        guard !sections.isEmpty else { throw section.expected("at least one fault", at: "faults") }
        var choices: [FaultMix.Choice] = []
        for choice in sections {
            let kind = try FaultParser(choice).kind(besides: ["weight"])
            let weight = try choice.integer("weight", in: 1...1_000_000) ?? 1
            choices.append(FaultMix.Choice(kind: kind, weight: weight, line: choice.line))
        }
        let calm = try section.require("calm", range(section, "calm"))
        let lasting = try section.require("lasts", range(section, "lasts"))
        guard calm.upperBound + lasting.lowerBound > .zero else {
            throw section.expected("a range of durations above zero", at: "calm")
        }
        return FaultMix(
            choices: choices, calm: calm, lasting: lasting,
            lanes: try section.integer("lanes", in: 1...16) ?? 1,
            rest: try section.duration("rest") ?? .seconds(1))
    }

    private static func range(
        _ section: Section, _ key: String
    ) throws(TreeError) -> ClosedRange<Instant.Duration>? {
        guard let text = try section.text(key) else { return nil }
        let ends = text.split(separator: ".", omittingEmptySubsequences: false)
        let wrong = section.expected("a range of durations such as 500ms..4s", at: key)
        guard let dots = text.firstRange(of: "..") else {
            guard let only = Instant.Duration(text), only > .zero || ends.count == 1 else {
                throw wrong
            }
            return only...only
        }
        guard let low = Instant.Duration(String(text[..<dots.lowerBound])),
            let high = Instant.Duration(String(text[dots.upperBound...])), low <= high,
            low >= .zero, high <= .seconds(86_400)
        else { throw wrong }
        return low...high
    }
}
