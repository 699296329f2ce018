import Basics
import Simulation
import Workloads

/// Families of random faults, which the simulator draws by itself, as a mix for real processes.
enum FamilySchedule {
    /// What strikes a scenario on processes: its schedule, or a mix of its families.
    static func schedule(of scenario: Scenario) -> FaultSchedule {
        if let schedule = scenario.faultSchedule { return schedule }
        let choices = known.filter { scenario.faults.contains($0.family) }.map {
            FaultMix.Choice(kind: $0.kind, weight: 1, line: 0)
        }
        guard !choices.isEmpty else {
            return FaultSchedule(name: "none", file: "none", entries: [])
        }
        let mix = FaultMix(
            choices: choices, calm: .milliseconds(50)...(.milliseconds(400)),
            lasting: .milliseconds(200)...(.milliseconds(1_200)), lanes: 2,
            rest: .milliseconds(200))
        return FaultSchedule(
            name: scenario.faults.description, file: "families", entries: [], mix: mix)
    }

    private static let known: [(family: FaultFamilies, kind: FaultKind)] = [
        (.delay, .impair(.all, slow(.milliseconds(5), jitter: .milliseconds(5)))),
        (.delay, .impair(.of(.one, sends: true, receives: true), slow(.milliseconds(40)))),
        (.loss, .impair(.all, rate(\.dropPerMillion, 50_000))),
        (.duplicate, .impair(.all, rate(\.duplicatePerMillion, 50_000))),
        (.partition, .partition(.random, isOneWay: false, .drop)),
        (.partition, .partition(.isolateOne, isOneWay: false, .reset)),
        (.partition, .partition(.random, isOneWay: true, .drop)),
        (.crash, .kill(.one)), (.crash, .kill(.minority)), (.pause, .pause(.one)),
        (.clockSkew, .clockSkew(.one, .milliseconds(500))),
        (.clockSkew, .clockStep(.one, .milliseconds(300))),
        (.clockSkew, .clockStep(.one, .milliseconds(-300))),
    ]

    private static func slow(
        _ latency: Instant.Duration, jitter: Instant.Duration = .zero
    ) -> LinkImpairment {
        var impairment = LinkImpairment()
        impairment.latency = latency
        impairment.jitter = jitter
        return impairment
    }

    private static func rate(
        _ field: WritableKeyPath<LinkImpairment, Int>, _ perMillion: Int
    ) -> LinkImpairment {
        var impairment = LinkImpairment()
        impairment[keyPath: field] = perMillion
        return impairment
    }
}
