import Basics
import Consistency
import Partitioning
import Replication

/// Commands for scripted simulations: what a test, or a lesson, wants to happen and when.
///
/// Operations are asked at a named node, by a client of their own each, and time passes only when
/// it is told to.
extension SimulatedCluster {
    /// An operation that was asked; good for looking up what became of it.
    public struct Asked: Sendable, Hashable {
        let client: Int
        let process: UInt32
    }

    /// What became of an operation.
    public struct Answer: Sendable, Equatable {
        public var outcome: Operation.Outcome
        /// What a read returned, or a write wrote.
        public var value: ValueID
    }

    /// Virtual time now.
    public var time: Instant { Instant(nanoseconds: now) }
    /// Everything that clients saw so far.
    public var recorded: History { history }
    /// What was violated so far.
    public var violations: [InvariantViolation] { invariants.violations }

    /// Client `client` (0 ..< `scenario.clients`), which must be idle, writes its next value.
    public mutating func write(
        _ key: Int = 0, at node: Int, w: Int? = nil, client: Int = 0
    ) -> Asked { command(.write, key, node, r: nil, w: w, client) }

    /// The client reads.
    public mutating func read(
        _ key: Int = 0, at node: Int, r: Int? = nil, client: Int = 0
    ) -> Asked { command(.read, key, node, r: r, w: nil, client) }

    /// The client deletes.
    public mutating func delete(
        _ key: Int = 0, at node: Int, r: Int? = nil, w: Int? = nil, client: Int = 0
    ) -> Asked { command(.delete, key, node, r: r, w: w, client) }

    private mutating func command(
        _ kind: Operation.Kind, _ key: Int, _ node: Int, r: Int?, w: Int?, _ client: Int
    ) -> Asked {
        precondition(client >= 0 && client < scenario.clients, "there is no such client")
        precondition(node >= 0 && node < scenario.machines, "there is no such node")
        precondition(key >= 0 && key < scenario.keys, "there is no such key")
        precondition(clients[client].current == nil, "the client waits for an answer")
        // Touching intervals count as concurrent: what is asked now comes after what was answered.
        run(for: .nanoseconds(1))
        let asked = Asked(client: client, process: clients[client].process)
        ask(client, kind, key: key, at: node, number: -1, r: r, w: w)
        return asked
    }

    /// The client says any command; nothing of it enters the history. The client must be idle and
    /// use the node for nothing else until the reply is there.
    public mutating func call(_ words: [String], at node: Int, client: Int = 0) -> Called {
        let place = client * scenario.machines + node
        run(for: .nanoseconds(1))
        if !connections[place].isOpen { connections[place].open() }
        connections[place].calls += 1
        let slot = slab.take()
        ClientCodec.command(words, into: &slab.slots[slot].bytes)
        slab.slots[slot].connection = UInt32(place)
        slab.slots[slot].generation = connections[place].generation
        future.push(.clientBytes, at: now + clientDelay(place), target: node, a: UInt32(slot))
        return Called(place: place, number: connections[place].callsMade)
    }

    /// A command that was said; good for looking up its reply.
    public struct Called: Sendable, Hashable {
        let place: Int
        let number: Int
    }

    /// Lets time pass until the reply is there: its bytes as text; nil when it never comes.
    public mutating func wait(for called: Called) -> String? {
        while connections[called.place].callReplies.count < called.number, future.count > 0 {
            run(until: Instant(nanoseconds: future.nextTime))
        }
        let replies = connections[called.place].callReplies
        return replies.count < called.number ? nil : replies[called.number - 1]
    }

    /// The last answer to what the client asked under that name; nil while it waits.
    public func answer(_ asked: Asked) -> Answer? {
        if clients[asked.client].current != nil, clients[asked.client].process == asked.process {
            return nil
        }
        guard let operation = history.operations.last(where: { $0.process == asked.process })
        else { return nil }
        return Answer(outcome: operation.outcome, value: operation.value)
    }

    /// Lets time pass until the answer is there; nil when it never comes.
    public mutating func wait(for asked: Asked) -> Answer? {
        while answer(asked) == nil, future.count > 0 {
            run(until: Instant(nanoseconds: future.nextTime))
        }
        return answer(asked)
    }

    /// Lets time pass.
    public mutating func run(for duration: Instant.Duration) {
        run(until: Instant(nanoseconds: now) + duration)
    }

    /// `node` finds out now whether it reaches `peer`. In a script nodes do not notice by
    /// themselves that a peer is gone, only that it is back.
    public mutating func discover(_ peer: Int, by node: Int) { evaluate(node, reaches: peer) }

    /// `node` compares what it holds with everyone whom it reaches, as `admin repair` makes it do.
    public mutating func compare(at node: Int, preview: Bool = false) {
        turn(node, .compare(preview: preview))
    }

    /// What `node` knows of `peer` from comparing.
    public func comparison(at node: Int, with peer: Int) -> PeerComparison {
        machines[node].node?.comparisons[peer] ?? PeerComparison()
    }

    /// Whether all replicas of all shards hold the same.
    public var isConverged: Bool {
        (0..<placement.shardCount).allSatisfy { shard in
            let summaries = (0..<placement.n).map { position in
                machines[Int(placement.replica(position, of: shard).index)].node?
                    .summary(of: .default, shard: shard)
            }
            return summaries.allSatisfy { $0 == summaries[0] }
        }
    }

    /// A fault begins; it lasts until it is ended.
    public mutating func begin(_ fault: Fault) { inject(fault, begins: true) }

    /// A fault ends.
    public mutating func end(_ fault: Fault) { inject(fault, begins: false) }
}
