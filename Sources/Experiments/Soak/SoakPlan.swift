import Basics
import Consistency
import Faults
import Replication
import Workloads

/// What a soak does: the cluster, the load, and the faults.
public struct SoakPlan: Sendable {
    public var nodes = 5
    public var n = 3
    public var r = 2
    public var w = 2
    /// `memory`, `always`, `everysec` or `never`.
    public var fsync = "always"
    public var quorum = QuorumKind.strict
    public var readRepair = ReadRepair.asynchronous
    public var disks = Disks.lossy
    /// Each node has a network namespace of its own, in place of the relay.
    public var hasNetworks = false
    public var duration = Instant.Duration.seconds(60)
    public var seed: UInt64 = 1
    public var clients = 16
    public var keys = 200
    /// Operations a second of all clients; 0: as fast as they go.
    public var target = 500.0
    /// How long replicas may take to agree after everything has healed.
    public var patience = Instant.Duration.seconds(30)
    public var schedule: FaultSchedule

    /// What the nodes keep their data on.
    public enum Disks: String, Sendable, CaseIterable {
        /// Files that lose what was not synced when their node is killed.
        case lossy
        /// Files of this machine.
        case plain
        /// A file system for each node, whose power can be cut.
        case images
    }

    public init(schedule: FaultSchedule) { self.schedule = schedule }

    /// The faults, with nothing left to be drawn.
    public func faults() throws(TreeError) -> FaultPlan {
        try schedule.plan(nodes: nodes, length: duration, seed: seed)
    }

    /// What the configuration promises under these faults (docs/GUARANTEES.md): what must hold
    /// for the soak to have held. Everything else that the history supports is told all the same.
    public func promises(under faults: FaultPlan) -> [Model] {
        // Replicas agree in the end, whatever happened to clocks and links.
        var promises: [Model] = [.convergent]
        let clocksAreRight = !faults.faults.contains { $0.effect.touchesClock }
        let nodesEnd = faults.faults.contains { $0.effect.endsNodes }
        let survives = fsync == "always" || !nodesEnd
        guard quorum == .strict, clocksAreRight, survives else { return promises }
        promises.append(.durable)
        guard r + w > n else { return promises }
        promises.append(.weakRegular)
        if readRepair == .blocking { promises.append(.linearizable) }
        return promises
    }
}
