import Basics
import Platform
import Replication
import Storage

/// What a node tells about its data directory, and does when a file of it has rotted.
extension NodeProcess {
    /// Once a turn: what has changed since the last.
    mutating func noteHousekeeping() {
        if let name = facts.snapshotWanted.take() { node.requestSnapshot(name) }
        let now = node.housekeeping
        let before = facts.housekeeping
        guard now != before else { return }
        facts.housekeeping = now
        if now.isFull != before.isFull {
            if now.isFull {
                log.warning("read-only", ["reason": "the disk is full"])
            } else {
                log.info("writable", ["reason": "the disk has room again"])
            }
        }
        if now.checkpoints != before.checkpoints {
            log.info("checkpoint", ["log_bytes": "\(now.logBytes)"])
        }
        if now.checkpointsRefused != before.checkpointsRefused {
            log.warning("checkpoint-refused", ["reason": "the disk is full"])
        }
    }

    /// Damage is logged where it was found; a checkpoint then takes the place of all files, out of
    /// memory, which has everything.
    mutating func noteDamage() {
        guard let scrubber else { return }
        facts.scrub = scrubber.findings
        let damaged = scrubber.takeDamage()
        for what in damaged { log.error("damaged", ["what": what]) }
        if !damaged.isEmpty { node.requestCheckpoint() }
    }
}
