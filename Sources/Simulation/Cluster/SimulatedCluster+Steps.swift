import Basics
import Replication
import Wire

/// What a run tells of its single steps: all their digests, and one of them in words.
extension SimulatedCluster {
    /// Takes note of the step that the digest has just taken in.
    mutating func log(_ event: ScheduledEvent) {
        if watched == digest.steps &- 1 { watchedStep = describe(event) }
        stepLog?.append(digest.value)
    }

    private func describe(_ event: ScheduledEvent) -> String {
        "at " + Timeline.time(event.time) + ": " + what(event)
    }

    private func what(_ event: ScheduledEvent) -> String {
        let node = NodeID(event.target)
        switch event.kind {
        case .message:
            let slot = Int(event.a)
            let sender = NodeID(slab.slots[slot].sender)
            return "\(node) receives from \(sender): \(messages(slab.slots[slot].bytes.bytes))"
        case .deadline: return "a deadline of \(node) comes"
        case .synced: return "a sync of \(node) ends"
        case .clientBytes:
            return "\(node) receives of a client: " + text(Int(event.a))
        case .replyBytes:
            return "client \(event.target) receives: " + text(Int(event.a))
        case .clientTurn: return "client \(event.target) begins its next operation"
        case .clientAlarm: return "client \(event.target) looks whether it has waited too long"
        case .connectionLost: return "client \(event.target) loses a connection"
        case .fault:
            let entry = schedule[Int(event.b >> 1)]
            return "\(event.b & 1 == 0 ? "begin" : "end"): \(entry.fault)"
        case .reachable: return "\(node) finds out whether it reaches \(NodeID(event.a))"
        case .compare: return "\(node) is told to compare what it holds"
        case .collect: return "\(node) is told to have all forget deletions"
        case .churn: return "whoever changes the members looks how far that is"
        case .phase: return "the run's next phase begins"
        }
    }

    private func text(_ slot: Int) -> String {
        let bytes = slab.slots[slot].bytes.bytes
        return String(
            bytes.slice(0, min(bytes.count, 120)).text.map { $0.isNewline ? " " : $0 })
    }

    private func messages(_ bytes: Bytes) -> String {
        var reader = ByteReader(bytes)
        var words: [String] = []
        do {
            while reader.remaining > 0 {
                let message = try PeerCodec.decode(&reader, clusterSeed: clusterSeed)
                words.append(Timeline.describe(message))
            }
        } catch {
            words.append("bytes that are no message (\(error))")
        }
        return words.joined(separator: "; ")
    }
}
