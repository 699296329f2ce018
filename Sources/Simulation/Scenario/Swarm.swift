import Basics

/// From a seed to a scenario's open questions: the weather and the faults of one run.
///
/// Swarm testing (Groce et al. 2012): each run leaves whole families of faults out, because a
/// run in which everything fails at once hides bugs that need one thing to work.
enum Swarm {
    /// The families that strike in this run.
    static func families(_ scenario: Scenario) -> FaultFamilies {
        var random = RandomSource(seed: scenario.seed).fork("families")
        let asked = FaultFamilies.names.map(\.0).filter { scenario.faults.contains($0) }
        guard asked.count > 1 else { return scenario.faults }
        var chosen: FaultFamilies = []
        for family in asked where random.chance(3, in: 4) { chosen.insert(family) }
        return chosen.isEmpty ? asked[random.below(asked.count)] : chosen
    }

    /// The weather.
    static func conditions(_ scenario: Scenario, _ families: FaultFamilies) -> Conditions {
        var conditions = Conditions()
        let root = RandomSource(seed: scenario.seed)
        if families.contains(.delay) {
            var random = root.fork("delay")
            conditions.minimumDelay = .microseconds(random.within(0...5_000))
            conditions.meanDelay = .microseconds(skewed(200...20_000, &random))
            conditions.tailPerThousand = random.within(1...10)
            conditions.tailFactor = Int64(random.within(5...20))
            conditions.meanPairDelay =
                random.chance(1, in: 2) ? .microseconds(skewed(100...10_000, &random)) : .zero
        }
        if families.contains(.loss) {
            var random = root.fork("loss")
            conditions.lossPerThousand = random.within(5...300)
        }
        if families.contains(.duplicate) {
            var random = root.fork("duplicate")
            conditions.duplicatePerThousand = random.within(5...200)
            conditions.meanDuplicateDelay = .microseconds(skewed(100...1_000_000, &random))
        }
        if families.contains(.clockSkew) { skewClocks(&conditions, scenario) }
        var random = root.fork("pace")
        let pace = conditions.minimumDelay + conditions.meanDelay
        conditions.meanThinkTime =
            .microseconds(random.within(0...UInt64(pace.nanoseconds / 250)))
        conditions.meanSync = .microseconds(skewed(50...5_000, &random))
        let outcomes: [SimulatedDisk.CrashOutcome] = [
            .loseAll, .losesSuffix, .losesSuffix, .anySubset,
        ]
        conditions.crashOutcome = outcomes[random.below(outcomes.count)]
        return conditions
    }

    private static func skewClocks(_ conditions: inout Conditions, _ scenario: Scenario) {
        var random = RandomSource(seed: scenario.seed).fork("clocks")
        let isGross = random.chance(1, in: 10)
        let drift: UInt64 = isGross ? 50_000 : 500
        let offset: UInt64 = isGross ? 300_000_000 : 500_000
        for _ in 0..<scenario.nodes {
            conditions.clockDrifts.append(signed(drift, &random))
            conditions.clockOffsets.append(signed(offset, &random))
        }
    }

    /// How long clients will be busy when all goes well; an estimate, in nanoseconds.
    static func length(_ scenario: Scenario, _ conditions: Conditions) -> UInt64 {
        let turns = Int64(scenario.operations / scenario.clients + 1)
        return UInt64(max((conditions.expectedTurn * turns).nanoseconds, 2_000_000))
    }

    /// The faults, in order of their starts.
    static func schedule(
        _ scenario: Scenario, _ families: FaultFamilies, _ conditions: Conditions
    ) -> [ScheduledFault] {
        let length = length(scenario, conditions)
        let root = RandomSource(seed: scenario.seed)
        var faults: [ScheduledFault] = []
        func draw(
            _ label: StaticString, _ family: FaultFamilies, most: UInt64,
            _ fault: (inout RandomSource) -> Fault?
        ) {
            guard families.contains(family) else { return }
            var random = root.fork(label)
            for _ in 0..<random.within(1...most) {
                let start = random.below(length)
                let lasting = length / 20 + random.below(length)
                guard let fault = fault(&random) else { continue }
                faults.append(
                    ScheduledFault(
                        fault, from: Instant(nanoseconds: start),
                        until: Instant(nanoseconds: start + lasting)))
            }
        }
        draw("partitions", .partition, most: 3) { partition(scenario.nodes, &$0) }
        draw("crashes", .crash, most: 4) { .crash(NodeID($0.below(scenario.nodes))) }
        draw("pauses", .pause, most: 3) { .pause(NodeID($0.below(scenario.nodes))) }
        draw("steps", .clockSkew, most: 2) { random in
            .clockStep(
                NodeID(random.below(scenario.nodes)), microseconds: signed(2_000_000, &random))
        }
        draw("slow", .delay, most: 3) { random in
            guard scenario.nodes > 1 else { return nil }
            let from = random.below(scenario.nodes)
            let to = (from + 1 + random.below(scenario.nodes - 1)) % scenario.nodes
            let by = conditions.meanDelay * Int64(random.within(2...40))
            return .slowLink(from: NodeID(from), to: NodeID(to), by: by)
        }
        return faults.enumerated()
            .sorted { ($0.element.start, $0.offset) < ($1.element.start, $1.offset) }
            .map(\.element)
    }

    /// One node alone, or a random split; a third of them in one direction only.
    private static func partition(_ nodes: Int, _ random: inout RandomSource) -> Fault? {
        guard nodes > 1 else { return nil }
        var order = (0..<nodes).map { NodeID($0) }
        random.shuffle(&order)
        let size = random.chance(1, in: 2) ? 1 : 1 + random.below(nodes - 1)
        return .partition(
            side: Array(order[..<size]).sorted(), oneWay: random.chance(1, in: 3))
    }

    /// Uniform in −limit … limit.
    private static func signed(_ limit: UInt64, _ random: inout RandomSource) -> Int64 {
        Int64(random.within(0...(2 * limit))) - Int64(limit)
    }

    /// Small numbers more often than large ones: uniform up to a bound that is itself drawn.
    private static func skewed(
        _ range: ClosedRange<UInt64>, _ random: inout RandomSource
    ) -> UInt64 {
        random.within(range.lowerBound...random.within(range))
    }
}
