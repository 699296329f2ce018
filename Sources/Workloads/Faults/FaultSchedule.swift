import Basics

/// When something happens: a time from the beginning, or a share of the run, so that one schedule
/// fits runs of every length, virtual ones too.
public enum FaultTime: Sendable, Equatable {
    case after(Instant.Duration)
    case share(partsPerMillion: Int)

    func resolved(in length: Instant.Duration) -> Instant.Duration {
        switch self {
        case .after(let duration): return duration
        case .share(let share):
            let wide = length.nanoseconds.multipliedFullWidth(by: Int64(share))
            return .nanoseconds(Int64(1_000_000).dividingFullWidth(wide).quotient)
        }
    }
}

/// What a fault is, before it is drawn whom it strikes.
public enum FaultKind: Sendable, Equatable {
    case partition(FaultGroups, isOneWay: Bool, LinkCut)
    case cut(FaultLinks, LinkCut)
    case impair(FaultLinks, LinkImpairment)
    case reset(FaultLinks)
    case halfOpen(FaultLinks)
    case kill(FaultSelection)
    case powerCut(FaultSelection)
    case stop(FaultSelection)
    case pause(FaultSelection)
    case clockSkew(FaultSelection, Instant.Duration)
    case clockStep(FaultSelection, Instant.Duration)
    case clockDrift(FaultSelection, partsPerMillion: Int)
    case diskFull(FaultSelection)
    case slowDisk(FaultSelection, Instant.Duration)
    case syncError(FaultSelection)
    /// A member that joins, and one that leaves for good.
    case add
    case remove(FaultSelection)

    /// What it does the `time`-th time, with everything drawn; nil when the store cannot do it.
    func effect(of count: Int, time: Int, _ random: inout RandomSource) -> FaultEffect? {
        func members(_ selection: FaultSelection) -> [Int] {
            selection.members(of: count, time: time, &random)
        }
        func chosen(_ links: FaultLinks) -> [FaultLink] {
            links.links(of: count, time: time, &random)
        }
        switch self {
        case .partition(let groups, let isOneWay, let how):
            return .cut(groups.cuts(of: count, isOneWay: isOneWay, &random), how)
        case .cut(let links, let how): return .cut(chosen(links), how)
        case .impair(let links, let impairment): return .impair(chosen(links), impairment)
        case .reset(let links): return .reset(chosen(links))
        case .halfOpen(let links): return .halfOpen(chosen(links))
        case .kill(let nodes): return .kill(members(nodes))
        case .powerCut(let nodes): return .powerCut(members(nodes))
        case .stop(let nodes): return .stop(members(nodes))
        case .pause(let nodes): return .pause(members(nodes))
        case .clockSkew(let nodes, let by): return .clockSkew(members(nodes), by)
        case .clockStep(let nodes, let by): return .clockStep(members(nodes), by)
        case .clockDrift(let nodes, let ppm):
            return .clockDrift(members(nodes), partsPerMillion: ppm)
        case .diskFull(let nodes): return .diskFull(members(nodes))
        case .slowDisk(let nodes, let by): return .slowDisk(members(nodes), by)
        case .syncError(let nodes): return .syncError(members(nodes))
        case .add, .remove: return nil
        }
    }

    /// The places that it names; empty when they are drawn.
    var named: [Int] {
        switch self {
        case .partition(.named(let groups), _, _): groups.flatMap { $0 }
        case .cut(let links, _), .impair(let links, _), .reset(let links), .halfOpen(let links):
            switch links {
            case .named(let links): links.flatMap { [$0.from, $0.to] }
            case .of(.named(let places), _, _): places
            default: []
            }
        case .kill(.named(let places)), .stop(.named(let places)), .pause(.named(let places)),
            .clockSkew(.named(let places), _), .clockStep(.named(let places), _),
            .clockDrift(.named(let places), _), .diskFull(.named(let places)),
            .slowDisk(.named(let places), _), .syncError(.named(let places)),
            .powerCut(.named(let places)),
            .remove(.named(let places)):
            places
        default: []
        }
    }
}

/// A fault of a schedule, with its times.
public struct FaultEntry: Sendable, Equatable {
    public var kind: FaultKind
    public var start: FaultTime
    public var lasting: FaultTime
    /// How often it strikes.
    public var times: Int
    /// From one beginning to the next.
    public var period: FaultTime
    /// Where it stands in its file.
    public var line: Int
}

/// Faults that are drawn by their weights, one after the other, with calm between them.
public struct FaultMix: Sendable, Equatable {
    public struct Choice: Sendable, Equatable {
        public var kind: FaultKind
        public var weight: Int
        public var line: Int

        public init(kind: FaultKind, weight: Int, line: Int) {
            self.kind = kind
            self.weight = weight
            self.line = line
        }
    }

    public var choices: [Choice]
    public var calm: ClosedRange<Instant.Duration>
    public var lasting: ClosedRange<Instant.Duration>
    /// Sequences that run beside each other: as many faults may be active at once.
    public var lanes: Int
    /// At the end of the run nothing new begins for this long.
    public var rest: Instant.Duration

    public init(
        choices: [Choice], calm: ClosedRange<Instant.Duration>,
        lasting: ClosedRange<Instant.Duration>, lanes: Int, rest: Instant.Duration
    ) {
        self.choices = choices
        self.calm = calm
        self.lasting = lasting
        self.lanes = lanes
        self.rest = rest
    }
}

/// A file of faults: those at given times, and a mix to draw from. The same for real processes
/// and for the simulator.
public struct FaultSchedule: Sendable, Equatable {
    public var name: String
    public var file: String
    public var entries: [FaultEntry]
    public var mix: FaultMix?

    public init(name: String, file: String, entries: [FaultEntry], mix: FaultMix? = nil) {
        self.name = name
        self.file = file
        self.entries = entries
        self.mix = mix
    }

    /// Most faults in one plan.
    public static let faultLimit = 100_000

    /// Draws what is left open, for a cluster of `nodes` members and a run of `length`.
    ///
    /// The draws of an entry follow from the seed and its place alone.
    ///
    /// - Throws: `TreeError` when it names members that there are not, or asks for what the store
    ///   cannot do.
    public func plan(
        nodes: Int, length: Instant.Duration, seed: UInt64
    ) throws(TreeError) -> FaultPlan {
        let root = RandomSource(seed: seed)
        var faults: [PlannedFault] = []
        for (index, entry) in entries.enumerated() {
            try check(entry.kind, nodes, line: entry.line)
            let start = entry.start.resolved(in: length)
            let lasting = entry.lasting.resolved(in: length)
            let period = entry.period.resolved(in: length)
            for time in 0..<entry.times {
                var random = root.fork("fault", UInt64(index) << 32 | UInt64(time))
                guard let effect = entry.kind.effect(of: nodes, time: time, &random) else { break }
                let begin = start + period * Int64(time)
                faults.append(
                    PlannedFault(
                        effect, from: begin,
                        until: effect.isMomentary ? begin : begin + lasting))
            }
        }
        if let mix { try draw(mix, nodes, length, root, into: &faults) }
        return FaultPlan(faults)
    }

    private func draw(
        _ mix: FaultMix, _ nodes: Int, _ length: Instant.Duration, _ root: RandomSource,
        into faults: inout [PlannedFault]
    ) throws(TreeError) {
        for choice in mix.choices { try check(choice.kind, nodes, line: choice.line) }
        let weights = mix.choices.reduce(0) { $0 + $1.weight }
        let last = length + mix.rest * -1
        for lane in 0..<mix.lanes {
            var random = root.fork("mix", UInt64(lane))
            var time = Instant.Duration.zero
            var turn = 0
            while faults.count < FaultSchedule.faultLimit {
                time = time + FaultSchedule.drawn(mix.calm, &random)
                let lasting = FaultSchedule.drawn(mix.lasting, &random)
                guard time + lasting <= last else { break }
                var ticket = random.below(weights)
                for choice in mix.choices {
                    ticket -= choice.weight
                    guard ticket < 0 else { continue }
                    guard let effect = choice.kind.effect(of: nodes, time: turn, &random) else {
                        break
                    }
                    let end = effect.isMomentary ? time : time + lasting
                    faults.append(PlannedFault(effect, from: time, until: end))
                    time = end
                    break
                }
                turn += 1
            }
        }
    }

    private static func drawn(
        _ range: ClosedRange<Instant.Duration>, _ random: inout RandomSource
    ) -> Instant.Duration {
        let low = UInt64(range.lowerBound.nanoseconds)
        let high = UInt64(range.upperBound.nanoseconds)
        // Whole microseconds are fine enough, and read well in a plan.
        return .microseconds(random.within(low / 1_000...high / 1_000))
    }

    private func check(_ kind: FaultKind, _ nodes: Int, line: Int) throws(TreeError) {
        if let wrong = kind.named.first(where: { $0 >= nodes }) {
            throw TreeError(
                file: file, line: line,
                message: "a fault names \(NodeID(wrong)), but there are \(nodes) nodes")
        }
        switch kind {
        case .add, .remove:
            throw TreeError(
                file: file, line: line,
                message: "members cannot be added or removed: the store of this version keeps the "
                    + "member list that it began with")
        default: break
        }
    }
}
