import Basics
import Replication

/// Fixed runs for measuring how fast the simulator is. Whoever calls them holds the watch:
/// nothing here reads a clock.
public enum Throughput {
    /// No disk, no faults, no history: the heap, the network, the codec and the real node.
    case bare
    /// Disk with synced durability, every family of faults, history and invariants on.
    case full

    /// The run to measure, of about `operations` operations.
    public func scenario(operations: Int) -> Scenario {
        var scenario = Scenario(seed: 42)
        scenario.operations = operations
        scenario.clients = 16
        scenario.keys = 64
        switch self {
        case .bare:
            scenario.durability = nil
            scenario.recordsHistory = false
            scenario.conditions = Conditions()
        case .full:
            scenario.durability = .synced
            var conditions = Conditions()
            conditions.lossPerThousand = 20
            conditions.duplicatePerThousand = 20
            conditions.meanDuplicateDelay = .milliseconds(2)
            conditions.clockDrifts = [100, -80, 40, 0, -300]
            conditions.clockOffsets = [0, 500, -900, 2_000, -100]
            scenario.conditions = conditions
            scenario.faults = .all
        }
        return scenario
    }
}
