import Basics
import Replication
import Simulation

/// Three nodes, three replicas, one key; every message takes exactly a millisecond, every sync a
/// tenth of one, and clients no time at all.
func calmScenario(r: Int, w: Int) -> Scenario {
    var scenario = Scenario(seed: 1)
    scenario.nodes = 3
    scenario.n = 3
    scenario.r = r
    scenario.w = w
    scenario.keys = 1
    scenario.clients = 6
    scenario.conditions = calmConditions()
    return scenario
}

func calmConditions() -> Conditions {
    var conditions = Conditions()
    conditions.minimumDelay = .milliseconds(1)
    conditions.meanDelay = .zero
    conditions.tailPerThousand = 0
    conditions.maximumClientDelay = .zero
    conditions.minimumSync = .microseconds(100)
    conditions.meanSync = .zero
    conditions.crashOutcome = .loseAll
    return conditions
}

let nodeA = 0
let nodeB = 1
let nodeC = 2

/// Messages that are sent now from one node to another arrive long after the test is over.
func stuck(_ from: Int, _ to: Int) -> Fault {
    .slowLink(from: NodeID(from), to: NodeID(to), by: .seconds(3_600))
}

/// They arrive, but after all others.
func late(_ from: Int, _ to: Int) -> Fault {
    .slowLink(from: NodeID(from), to: NodeID(to), by: .milliseconds(50))
}
