import Basics
import Replication
import Storage

/// A computer: its disk, its clocks and its name outlive the node that runs on it.
final class Machine {
    let disk = SimulatedDisk()
    var clock = SimulatedClock()
    /// Nil while the machine is down.
    var node: Node?
    /// Counts starts; the incarnation of the node.
    var life: UInt32 = 0
    /// Faults that keep the machine down, and that hold it still.
    var downs = 0
    var pauses = 0
    /// It belongs to nobody yet.
    var isSpare = false
    /// What happened while it was held still.
    var deferred: [ScheduledEvent] = []
    /// By peer: the life to which this machine has a session; 0 when it has none.
    var sessions: [UInt32]
    /// When the alarm that is set rings, on this machine's monotonic clock.
    var alarm = Instant.distantFuture
    /// Tells the alarm that is set from those it replaced.
    var alarmNumber: UInt64 = 0
    /// Position that the sync under way will make durable, and the disk's mark for it.
    var syncing: LogPosition?
    var syncMark: UInt64 = 0
    /// Position that the next sync must reach.
    var wanted: LogPosition?
    /// What every sync takes longer.
    var syncDelay = Instant.Duration.zero
    /// Faults that fill its disk now.
    var fullDisks = 0

    init(peers: Int) { sessions = [UInt32](repeating: 0, count: peers) }

    /// The node stops at once; what was in memory is gone.
    func stop() {
        node = nil
        alarm = .distantFuture
        alarmNumber &+= 1
        syncing = nil
        wanted = nil
        for peer in sessions.indices { sessions[peer] = 0 }
    }
}
