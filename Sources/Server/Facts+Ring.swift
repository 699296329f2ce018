import Basics
import Membership
import Partitioning
import Replication

extension Facts {
    /// The members have changed, or what is moving between them.
    func follow(_ ring: RingState, _ placement: Placement) {
        self.ring = ring
        self.placement = placement
        forgetPlacements()
        guard !ring.members.isEmpty else { return }
        members = ring.members
        while isReachable.count < members.count {
            isReachable.append(members[isReachable.count].name == configuration.name)
            memberStatus.append(.alive)
        }
        for (index, member) in members.enumerated() where member.role == .removed {
            isReachable[index] = false
        }
    }

    func bootstrap(_ name: String) -> String? {
        guard ring.index(named: name).map({ ring.members[Int($0.index)].role != .removed }) == true
        else { return nil }
        return Bootstrap.line(configuration, definition())
    }

    /// What is moving, and how far that is.
    var ringLines: [String] {
        var change = "none"
        if let current = ring.current {
            let name = ring.members[Int(current.node.index)].name
            switch current.kind {
            case .join: change = "join \(name)"
            case .leave: change = "\(current.isForced ? "remove" : "leave") \(name)"
            case .replace:
                change = "replace \(ring.members[Int(current.other.index)].name) by \(name)"
            }
        }
        return [
            "ring_epoch:\(ring.epoch)", "ring_changes:\(ring.completed.count)",
            "ring_change:\(change)", "ring_moving:\(progress.moving)",
            "ring_ready:\(progress.ready)", "ring_shards:\(progress.shards)",
            "ring_shards_done:\(progress.shardsDone)", "ring_records:\(progress.records)",
            "ring_bytes:\(progress.bytes)", "stale_epochs:\(counters.staleEpochs)",
        ]
    }
}
