import Basics
import Causality
import Consistency
import Partitioning
import Replication
import Storage
import Wire

/// What clients do, and what they learn.
extension SimulatedCluster {
    /// How long bytes take between a client and a node now.
    func clientDelay(_ place: Int) -> UInt64 {
        var state = clientStream &+ UInt64(place) &* 0x9fb2_1c65_1e98_df25 ^ now
        let most = UInt64(max(0, conditions.maximumClientDelay.nanoseconds))
        return 1 + RandomSource.splitMix(&state).multipliedFullWidth(by: most + 1).high
    }

    // MARK: Asking

    /// A client begins its next operation.
    mutating func takeTurn(_ index: Int) {
        if index == scenario.clients { return readNextKey(clients[index].drawn) }
        guard clients[index].current == nil else { return }
        guard let draw = nextDraw(index) else { return clientFinished() }
        let number = (clients[index].drawn - 1) * scenario.clients + index
        if let planned = scenario.turns?[number], planned > now {
            return future.push(.clientTurn, at: planned, target: index)
        }
        guard let node = livingNode(from: draw.node) else {
            return future.push(.clientTurn, at: now + 1_000_000, target: index)
        }
        if scenario.recordsHistory { turns[number] = now }
        ask(index, draw.kind, key: draw.key, at: node, number: number)
    }

    /// The operation that the client is about to run; nil when it has run all.
    private mutating func nextDraw(_ index: Int) -> SimulatedClient.Draw? {
        if let waiting = clients[index].next { return waiting }
        while clients[index].drawn < clients[index].total {
            var draw = clients[index].draw(scenario, think: conditions.meanThinkTime)
            let number = clients[index].drawn * scenario.clients + index
            if let planned = scenario.planned?[number] {
                draw.kind = planned.isWrite ? .write : .read
                draw.key = Int(planned.key)
            }
            clients[index].drawn += 1
            if isOmitted[number] { continue }
            clients[index].next = draw
            clients[index].think = draw.think
            return draw
        }
        return nil
    }

    private func livingNode(from first: Int) -> Int? {
        for step in 0..<machines.count {
            let node = (first + step) % machines.count
            if machines[node].node != nil { return node }
        }
        return nil
    }

    /// Sends one operation to a node; `quorum` is said first when it is not what the connection
    /// has in force.
    mutating func ask(
        _ index: Int, _ kind: Operation.Kind, key: Int, at node: Int, number: Int,
        r: Int? = nil, w: Int? = nil, flags: Operation.Flags = []
    ) {
        let place = index * scenario.machines + node
        let slot = slab.take()
        let quorum = SIMD2(UInt8(r ?? scenario.r), UInt8(w ?? scenario.w))
        if !connections[place].isOpen { connections[place].open() }
        if connections[place].quorum != quorum {
            connections[place].quorum = quorum
            connections[place].skips += 1
            ClientCodec.quorum(
                r: Int(quorum.x), w: Int(quorum.y), timeout: scenario.timeout,
                repairs: !(scenario.readsEveryNode && flags.contains(.final)),
                into: &slab.slots[slot].bytes)
        }
        var operation = Operation(
            process: clients[index].process, key: UInt32(key), kind: kind, outcome: .unknown,
            invoked: Int64(now), completed: 0, flags: flags)
        var seen: SimulatedClient.SeenContext?
        switch kind {
        case _ where scenario.mode == .siblings:
            seen = askForSiblings(index, &operation, key: key, into: slot)
        case .write:
            clients[index].sequence += 1
            operation.value = .write(
                process: operation.process, sequence: clients[index].sequence)
            ClientCodec.set(
                key, operation.value, padding: scenario.paddingBytes,
                into: &slab.slots[slot].bytes)
        case .cas:
            clients[index].sequence += 1
            operation.value = .write(
                process: operation.process, sequence: clients[index].sequence)
            operation.expected = clients[index].seen(operation.key)
            ClientCodec.swap(
                key, from: operation.expected, to: operation.value,
                padding: scenario.paddingBytes, into: &slab.slots[slot].bytes)
        case .delete: ClientCodec.delete(key, into: &slab.slots[slot].bytes)
        case .read: ClientCodec.get(key, into: &slab.slots[slot].bytes)
        }
        timeline?.add(
            now, "c\(index)",
            "\(kind) k\(key) "
                + "\(kind == .cas ? "\(history.text(operation.expected)) to " : "")"
                + "\(kind == .write || kind == .cas ? history.text(operation.value) + " " : "")"
                + "at \(NodeID(node))")
        let deadline = now + UInt64((scenario.timeout * 3 / 2).nanoseconds)
        clients[index].next = nil
        clients[index].current = SimulatedClient.Current(
            operation: operation, number: number, connection: place, deadline: deadline,
            context: seen?.read)
        slab.slots[slot].connection = UInt32(place)
        slab.slots[slot].generation = connections[place].generation
        traffic.clientBytes &+= UInt64(slab.slots[slot].bytes.count)
        future.push(.clientBytes, at: now + clientDelay(place), target: node, a: UInt32(slot))
        if !clients[index].isAlarmSet {
            clients[index].isAlarmSet = true
            future.push(.clientAlarm, at: deadline, target: index)
        }
    }

    /// In mode siblings clients read all of them, and write under the context of their last read
    /// of the key, every fourth time without. What has no context is not deleted but read.
    private mutating func askForSiblings(
        _ index: Int, _ operation: inout Operation, key: Int, into slot: Int
    ) -> SimulatedClient.SeenContext? {
        let seen = clients[index].context(of: key)
        if operation.kind == .read || operation.kind == .delete && seen == nil {
            operation.kind = .read
            ClientCodec.querySiblings(key, into: &slab.slots[slot].bytes)
            return nil
        }
        guard operation.kind == .write else {
            ClientCodec.writeSibling(
                key, nil, padding: 0, context: seen?.token, into: &slab.slots[slot].bytes)
            return seen
        }
        clients[index].sequence += 1
        operation.value = .write(process: operation.process, sequence: clients[index].sequence)
        let context = clients[index].sequence % 4 == 0 ? nil : seen
        ClientCodec.writeSibling(
            key, operation.value, padding: scenario.paddingBytes, context: context?.token,
            into: &slab.slots[slot].bytes)
        return context
    }

    // MARK: Serving

    /// A node receives a client's bytes: the session turns them into requests.
    mutating func receiveRequest(_ slot: Int, at index: Int) {
        defer { slab.give(back: slot) }
        let place = Int(slab.slots[slot].connection)
        let machine = machines[index]
        let generation = slab.slots[slot].generation
        guard machine.node != nil, connections[place].isOpen, connections[place].isServed,
            connections[place].generation == generation
        else { return }
        let moment = machine.clock.moment(at: now)
        if isScripted {
            facts.node = index
            facts.owed = machines.map { $0.node?.hintsOwed ?? [] }
            facts.known = machines.map { $0.node?.keyspaces ?? [] }
        }
        connections[place].add(slab.slots[slot].bytes.bytes)
        var isMore = true
        while isMore {
            let consumed = connections[place].receive(
                hashSeed: clusterSeed, facts: facts, into: &batch)
            isMore = !batch.requests.isEmpty
            var i = 0
            while i < batch.requests.count {
                let (request, sequence) = batch.requests[i]
                let client = ClientID(
                    connection: UInt32(place), generation: generation, sequence: sequence)
                machine.node?.handle(.request(request, from: client), at: moment, into: &effects)
                i &+= 1
            }
            batch.requests.removeAll(keepingCapacity: true)
            connections[place].consume(consumed)
        }
        finishTurn(index, machine)
        flush(place)
    }

    /// A node answers: the session turns the response into bytes, in order.
    mutating func respond(_ response: Response, to client: ClientID, from node: Int) {
        let place = Int(client.connection)
        guard connections[place].generation == client.generation, connections[place].isOpen
        else { return }
        if scenario.recordsDetails { noteDetail(response, place, from: node) }
        guard connections[place].answer(response, to: client.sequence, facts: facts) else {
            return invariants.report(
                "\(NodeID(node)) answers request \(client.sequence) of connection \(place) "
                    + "a second time", at: now)
        }
        flush(place)
    }

    /// Keeps what an answer says of node, version and replicas for the history.
    private mutating func noteDetail(_ response: Response, _ place: Int, from node: Int) {
        let index = place / scenario.machines
        guard clients[index].current?.connection == place else { return }
        var detail = Detail()
        detail.node = history.node(NodeID(node).description)
        let (version, answered): (Version, Answered)
        switch response {
        case .value(_, let met, let by): (version, answered) = (met, by)
        case .stored(let given, let by): (version, answered) = (given, by)
        case .deleted(_, let given, let by): (version, answered) = (given, by)
        case .changed(.done, let given, let by): (version, answered) = (given, by)
        case .changed(_, _, let by), .siblings(_, _, _, let by): (version, answered) = (.none, by)
        case .failed, .unknown, .defined, .life, .scanned:
            clients[index].current?.detail = detail
            return
        }
        if !version.isNone {
            detail.version = StoreVersion(stamp: version.stamp, actor: version.actor.raw)
        }
        for position in 0..<32 where answered.mask & 1 << UInt32(position) != 0 {
            let member = placement.candidate(position, of: Int(answered.shard))
            detail.acks.append(
                Detail.Ack(
                    node: history.node(member.description),
                    isFallback: position >= scenario.n))
        }
        clients[index].current?.detail = detail
    }

    /// Sends what the session has to say.
    private mutating func flush(_ place: Int) {
        guard connections[place].hasOutput else { return }
        let slot = slab.take()
        connections[place].takeOutput(into: &slab.slots[slot].bytes)
        traffic.clientBytes &+= UInt64(slab.slots[slot].bytes.count)
        slab.slots[slot].connection = UInt32(place)
        slab.slots[slot].generation = connections[place].generation
        // Bytes of one connection arrive in order.
        let arrival = max(connections[place].lastArrival + 1, now + clientDelay(place))
        connections[place].lastArrival = arrival
        future.push(
            .replyBytes, at: arrival, target: place / scenario.machines, a: UInt32(slot))
    }

    // MARK: Learning

    /// A client receives a node's bytes.
    mutating func receiveReply(_ slot: Int, client index: Int) {
        defer { slab.give(back: slot) }
        let place = Int(slab.slots[slot].connection)
        guard connections[place].isOpen,
            connections[place].generation == slab.slots[slot].generation
        else { return }
        connections[place].received.append(slab.slots[slot].bytes.bytes)
        while let end = ClientCodec.end(of: connections[place].received.bytes, from: 0) {
            let reply = ClientCodec.parse(connections[place].received.bytes, 0, end)
            if connections[place].skips > 0 {
                connections[place].skips -= 1
                if reply == .refused || reply == .timeout {
                    invariants.report("QUORUM was refused", at: now)
                }
            } else if connections[place].calls > 0 {
                connections[place].calls -= 1
                let text = connections[place].received.bytes.slice(0, end).text
                connections[place].callReplies.append(text)
            } else {
                learn(reply, client: index, place, length: end)
            }
            connections[place].received.consume(end)
        }
    }

    private mutating func learn(
        _ reply: ClientCodec.Reply, client index: Int, _ place: Int, length: Int
    ) {
        guard let current = clients[index].current, current.connection == place else {
            return invariants.report(
                "process \(clients[index].process) receives an answer to nothing", at: now)
        }
        switch (reply, current.operation.kind) {
        case (.ok, .write), (.integer, .delete):
            complete(index, .ok, current.operation.value)
        case (.value(let value), .read): complete(index, .ok, value)
        case (.ok, .cas), (.swapped(true), .cas):
            complete(index, .ok, current.operation.value)
        case (.value(.absent), .cas), (.swapped(false), .cas):
            // The condition was evaluated and found false.
            complete(index, .fail, current.operation.value, flags: .refuted)
        case (.siblings(let found), .read):
            let key = Int(current.operation.key)
            let place = history.count
            complete(index, .ok, found.values.first ?? .absent, siblings: found.values)
            if scenario.recordsHistory {
                clients[index].see(
                    SimulatedClient.SeenContext(read: place, token: found.context), of: key)
            }
        case (.ok, .delete): complete(index, .ok, current.operation.value)
        case (.refused, _): complete(index, .fail, current.operation.value)
        case (.timeout, _): complete(index, .unknown, current.operation.value)
        default:
            let text = connections[place].received.bytes.slice(0, min(length, 80)).text
            invariants.report(
                "a \(current.operation.kind) is answered with '\(text)'", at: now)
            complete(index, .unknown, current.operation.value)
        }
    }

    /// An operation ends: it enters the history, and the client goes on.
    mutating func complete(
        _ index: Int, _ outcome: Operation.Outcome, _ value: ValueID,
        flags: Operation.Flags = [], siblings: [ValueID] = []
    ) {
        guard let current = clients[index].current else { return }
        clients[index].current = nil
        var operation = current.operation
        operation.outcome = outcome
        operation.value = value
        operation.flags.formUnion(flags)
        if outcome == .ok { clients[index].see(value, of: operation.key) }
        operation.completed = outcome == .unknown ? Operation.never : Int64(now)
        counts.count(operation)
        if scenario.recordsHistory {
            if scenario.mode == .siblings {
                var detail = current.detail ?? Detail()
                detail.siblings = siblings
                detail.context = current.context.map { UInt32($0) }
                history.append(operation, detail: detail)
            } else if let detail = current.detail {
                history.append(operation, detail: detail)
            } else {
                history.append(operation)
            }
            numbers.append(Int32(clamping: current.number))
        }
        timeline?.add(
            now, "c\(index)",
            "\(operation.kind) k\(operation.key) "
                + "\(operation.kind == .read ? "-> " + history.text(value) + " " : "")"
                + "\(outcome)")
        if outcome == .unknown {
            // It may take effect at any later time: this process says no more.
            clients[index].process = nextProcess
            clients[index].sequence = 0
            nextProcess += 1
        }
        goOn(index)
    }

    private mutating func goOn(_ index: Int) {
        if clients[index].total > 0 || index == scenario.clients {
            let think = clients[index].think.nanoseconds
            future.push(.clientTurn, at: now + 1 + UInt64(think), target: index)
        }
    }

    /// A client looks whether it has waited too long for its answer.
    mutating func checkPatience(_ index: Int) {
        clients[index].isAlarmSet = false
        guard let current = clients[index].current else { return }
        if current.deadline <= now {
            let place = current.connection
            let generation = connections[place].generation
            close(place)
            probes.hit(.clientGaveUp)
            timeline?.add(now, "c\(index)", "gives up waiting")
            complete(index, .unknown, current.operation.value)
            let node = place % scenario.machines
            if machines[node].node != nil, machines[node].pauses == 0 {
                turn(
                    node, .disconnected(connection: UInt32(place), generation: generation))
            }
        } else {
            clients[index].isAlarmSet = true
            future.push(.clientAlarm, at: current.deadline, target: index)
        }
    }

    /// A connection broke because its node died.
    mutating func loseConnection(_ place: Int, generation: UInt32) {
        guard connections[place].isOpen, connections[place].generation == generation else {
            return
        }
        close(place)
        let index = place / scenario.machines
        guard let current = clients[index].current, current.connection == place else { return }
        probes.hit(.connectionLostWhileWaiting)
        timeline?.add(now, "c\(index)", "loses its connection")
        complete(index, .unknown, current.operation.value)
    }

    private mutating func close(_ place: Int) {
        connections[place].close()
    }

    // MARK: The end

    /// Reads key after key from all replicas, when everything has healed: once with R = N, or
    /// once through every node with R = 1.
    mutating func readNextKey(_ step: Int) {
        let index = scenario.clients
        let key = scenario.readsEveryNode ? step / scenario.machines : step
        guard key < scenario.keys else {
            phase = .over
            return
        }
        clients[index].drawn = step + 1
        if scenario.readsEveryNode {
            ask(
                index, .read, key: key, at: step % scenario.machines, number: -1, r: 1,
                w: scenario.w, flags: .final)
            return
        }
        guard let node = livingNode(from: key % scenario.machines) else {
            return invariants.report("no node is alive after everything has healed", at: now)
        }
        ask(
            index, .read, key: key, at: node, number: -1, r: scenario.n, w: scenario.w,
            flags: .final)
    }
}

/// What a run cost: bytes on the wire, without headers of the network, messages and syncs.
public struct TrafficCounts: Sendable, Equatable {
    /// Between clients and nodes, both ways.
    public var clientBytes: UInt64 = 0
    /// Between nodes.
    public var peerBytes: UInt64 = 0
    /// Messages between nodes.
    public var messages: UInt64 = 0
    /// Finished syncs of all disks.
    public var syncs: UInt64 = 0

    public init() {}
}

/// How the operations of a run ended.
public struct OperationCounts: Sendable, Equatable {
    public var reads = 0
    public var writes = 0
    public var deletes = 0
    public var ok = 0
    public var failed = 0
    public var unknown = 0

    public init() {}

    /// All that ended.
    public var total: Int { reads + writes + deletes }

    mutating func count(_ operation: Operation) {
        switch operation.kind {
        case .read: reads += 1
        case .write, .cas: writes += 1
        case .delete: deletes += 1
        }
        switch operation.outcome {
        case .ok: ok += 1
        case .fail: failed += 1
        case .unknown: unknown += 1
        }
    }
}
