import Basics
import Causality
import Partitioning

/// A write of siblings, as a client asks for it and as it is passed on. Bytes live for the turn.
public struct SiblingWrite: Sendable {
    public var key: HashedKey
    /// Nil: a deletion.
    public var value: Bytes?
    /// A token that a read gave; nil: blind, or a deletion of what is there.
    public var context: Bytes?
    public var options: RequestOptions

    public init(key: HashedKey, value: Bytes?, context: Bytes?, options: RequestOptions) {
        self.key = key
        self.value = value
        self.context = context
        self.options = options
    }
}

/// Names a write that was passed on: the asking node in its life, and a running number of it.
public struct PassNumber: Sendable, Hashable {
    public var asker: Actor
    public var number: UInt64

    public init(asker: Actor, number: UInt64) {
        self.asker = asker
        self.number = number
    }
}

/// A client that waits here for what a replica does.
struct PassedWrite: ~Copyable, Reusable {
    var client = ClientID(connection: 0, generation: 0, sequence: 0)
    init() {}
}

/// Which numbers of a peer were taken, so that a message that arrives twice does one write.
struct TakenNumbers {
    private var asker = Actor(raw: 0)
    private var largest: UInt64 = 0
    /// Bit i of the ring: whether number `largest − i` was taken.
    private var taken = [Bool](repeating: false, count: TakenNumbers.window)
    /// Numbers further behind than this count as taken.
    private static let window = 4_096

    mutating func take(_ pass: PassNumber) -> Bool {
        if pass.asker != asker {
            guard pass.asker.raw > asker.raw else { return false }
            asker = pass.asker
            largest = 0
            for index in taken.indices { taken[index] = false }
        }
        let window = UInt64(TakenNumbers.window)
        guard pass.number > 0, pass.number + window > largest else { return false }
        while largest < pass.number {
            largest += 1
            taken[Int(largest % window)] = false
            if pass.number - largest > window { largest = pass.number - window }
        }
        let place = Int(pass.number % window)
        if taken[place] { return false }
        taken[place] = true
        return true
    }
}

/// Passing a write to a replica, and its answer back to the client.
extension Node {
    /// Sends the write to the first replica that can be reached.
    mutating func passOn(
        _ write: SiblingWrite, _ rules: KeyspaceRules, for client: ClientID, at now: Moment,
        into effects: inout Effects
    ) {
        let layout = Int(rules.layout)
        let shard = placements[0].shard(of: write.key.hash)
        let reachable =
            reachablePositions[layout * placements[0].shardCount + shard]
            & replicaPositions(layout)
        guard reachable != 0, !client.isRemote else {
            return refuse(.unavailable(reachable: 0, needed: 1), client, into: &effects)
        }
        guard let ticket = passed.insert() else { return refuse(.busy, client, into: &effects) }
        let index = Int(ticket.index)
        passed[index].client = client
        // The replica's own word comes first, if any does.
        let patience = step(write.options) * 7 / 2
        passDeadlines.schedule(index, after: patience, at: now.monotonic)
        passNumber += 1
        let number = PassNumber(asker: actor, number: passNumber)
        let bytes = outbox.pack { write.encode(number, into: &$0) }
        let replica = placements[layout].replica(reachable.trailingZeroBitCount, of: shard)
        counters.passedOn &+= 1
        send(.pass(write.key, bytes, ticket), to: replica, into: &effects)
    }

    /// A peer asks this node, as a replica, to coordinate a write.
    mutating func coordinate(
        _ key: HashedKey, _ bytes: Bytes, _ ticket: Ticket, for asker: NodeID, at now: Moment,
        into effects: inout Effects
    ) {
        let (write, pass) = trusted { () throws(DecodeError) in
            try SiblingWrite.decode(bytes, key)
        }
        let client = ClientID(asker, ticket)
        let rules = rules(of: write.key.keyspace)
        guard takenNumbers[Int(asker.index)].take(pass) || isMutated(.passedWritesRepeat)
        else { return }
        guard rules.exists, rules.mode == .siblings, hasSecret(at: now, into: &effects) else {
            return refuse(rules.exists ? .notReady : .unknownKeyspace, client, into: &effects)
        }
        let isPlainDelete = write.value == nil && write.context == nil
        takeForSiblings(
            isPlainDelete ? .delete(write.key, write.options) : .sibling(write), rules,
            for: client, at: now, into: &effects)
    }

    /// The replica has answered.
    mutating func answerPassed(
        _ response: Response, _ ticket: Ticket, into effects: inout Effects
    ) {
        guard let index = passed.index(of: ticket) else { return }
        effects.respond(response, to: passed[index].client)
        passDeadlines.cancel(index)
        passed.remove(at: index)
    }

    /// Nobody has answered: the write may have been done.
    mutating func expirePassed(at now: Moment, into effects: inout Effects) {
        while let index = passDeadlines.popDue(at: now.monotonic) {
            counters.unknown &+= 1
            effects.respond(.unknown(have: 0, need: 1), to: passed[index].client)
            passed.remove(at: index)
        }
    }
}

extension ClientID {
    private static let remote: UInt32 = 0xffff_0000

    /// The client of another node, which waits there under a ticket.
    init(_ node: NodeID, _ ticket: Ticket) {
        self.init(
            connection: ClientID.remote | UInt32(node.index), generation: ticket.generation,
            sequence: ticket.index)
    }

    /// Nobody waits.
    public static let nobody = ClientID(connection: .max, generation: 0, sequence: 0)

    @inline(__always)
    var isRemote: Bool { connection >= ClientID.remote }

    /// The node and the ticket of a remote client.
    var asker: (NodeID, Ticket) {
        (NodeID(connection & 0xffff), Ticket(index: sequence, generation: generation))
    }
}
