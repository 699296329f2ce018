import Basics
import Consistency
import Partitioning
import Replication
import Storage
import Wire

/// What happens to nodes, and how what they want done is done.
extension SimulatedCluster {
    // MARK: Starting and stopping

    /// Starts the node of a machine from what its disk holds.
    mutating func start(_ index: Int, joining definition: ClusterDefinition? = nil) {
        let machine = machines[index]
        machine.life += 1
        do {
            try boot(index, machine, definition.map { DefinitionRegister(joining: $0) })
        } catch {
            invariants.report("\(NodeID(index)) does not recover: \(error)", at: now)
        }
        timeline?.add(now, NodeID(index).description, "starts, life \(machine.life)")
    }

    /// What a real start does, in its order: who am I, what have I kept, and then the node.
    private func boot(
        _ index: Int, _ machine: Machine, _ joining: DefinitionRegister?
    ) throws(StorageError) {
        guard scenario.durability != nil else {
            machine.node = Node(
                id: NodeID(index), incarnation: UInt64(machine.life),
                configuration: configuration, placement: placement,
                store: LogStore(hashSeed: clusterSeed, shardBits: placement.shardBits),
                register: joining ?? DefinitionRegister(), secret: secret(of: index),
                founders: founders)
            return
        }
        let identity = try StoreIdentity.open(
            on: machine.disk, node: NodeID(index).description, cluster: clusterSeed,
            newStore: clusterSeed ^ UInt64(index + 1), mode: scenario.mode.rawValue,
            at: machine.clock.moment(at: now).wall)
        let store = try LogStore(
            recovering: machine.disk, identity: identity, hashSeed: clusterSeed,
            shardBits: placement.shardBits)
        let register = try DefinitionRegister(recovering: machine.disk)
        machine.node = Node(
            id: NodeID(index), incarnation: identity.incarnation, configuration: configuration,
            placement: placement, store: store, register: joining ?? register,
            secret: secret(of: index), founders: founders)
    }

    private func secret(of index: Int) -> SipHash.Key {
        var state = clusterSeed ^ UInt64(index)
        let low = RandomSource.splitMix(&state)
        return SipHash.Key(low: low, high: RandomSource.splitMix(&state))
    }

    /// At the very beginning: everyone reaches everyone at once.
    mutating func meetPeers(of index: Int) {
        for peer in machines.indices where peer != index { evaluate(index, reaches: peer) }
    }

    /// Stops a node at once; its disk forgets what the weather says.
    mutating func crash(_ index: Int) {
        let machine = machines[index]
        guard machine.node != nil else { return }
        timeline?.add(
            now, NodeID(index).description,
            "crashes with \(machine.disk.unsyncedCount) unsynced appends")
        if machine.disk.unsyncedCount > 0 { probes.hit(.crashWithUnsyncedAppends) }
        if machine.node?.requestsInFlight ?? 0 > 0 { probes.hit(.crashWhileRequestsAreInFlight) }
        if let counters = machine.node?.counters { probes.add(counters) }
        machine.stop()
        machine.disk.crash(conditions.crashOutcome, drawing: &crashes)
        if scenario.durability != .synced { invariants.forget(index) }
        for client in clients.indices {
            let place = client * scenario.machines + index
            guard connections[place].isOpen else { continue }
            future.push(
                .connectionLost, at: now + clientDelay(place), target: client, a: UInt32(place),
                b: UInt64(connections[place].generation))
            connections[place].isServed = false
        }
        for peer in machines.indices where peer != index {
            guard !isScripted, detection.chance(3, in: 4) else { continue }
            scheduleEvaluation(peer, index, within: 20_000_000)
        }
    }

    /// Starts a node again after a crash.
    mutating func restart(_ index: Int) {
        guard machines[index].node == nil, !machines[index].isSpare else { return }
        probes.hit(.restart)
        start(index)
        for peer in machines.indices where peer != index {
            scheduleEvaluation(index, peer, within: 20_000_000)
            scheduleEvaluation(peer, index, within: 20_000_000)
        }
    }

    mutating func scheduleEvaluation(_ from: Int, _ to: Int, within nanoseconds: UInt64) {
        future.push(
            .reachable, at: now + 50_000 + detection.below(nanoseconds), target: from,
            a: UInt32(to))
    }

    /// A node finds out whether it has a session with a peer: one is lost when the peer has
    /// died or a link is cut, and made anew when neither is the case.
    mutating func evaluate(_ from: Int, reaches to: Int) {
        let machine = machines[from]
        guard machine.node != nil else { return }
        let peer = machines[to]
        let isReachable =
            peer.node != nil && !network.isCut(from, to) && !network.isCut(to, from)
        let life = isReachable ? peer.life : 0
        guard machine.sessions[to] != life else { return }
        if machine.sessions[to] != 0 { tell(from, .reachable(NodeID(to), false)) }
        machine.sessions[to] = life
        if life != 0 { tell(from, .reachable(NodeID(to), true)) }
    }

    private mutating func tell(_ index: Int, _ event: Event) {
        if timeline != nil, case .reachable(let peer, let can) = event {
            timeline?.add(
                now, NodeID(index).description, can ? "reaches \(peer)" : "loses \(peer)")
        }
        turn(index, event)
    }

    // MARK: Turns

    /// One turn of a node: an event, its effects, and the next alarm.
    @inline(__always)
    mutating func turn(_ index: Int, _ event: Event) {
        let machine = machines[index]
        machine.node?.handle(event, at: machine.clock.moment(at: now), into: &effects)
        finishTurn(index, machine)
    }

    mutating func finishTurn(_ index: Int, _ machine: Machine) {
        do {
            try machine.node?.endTurn(into: &effects)
        } catch {
            invariants.report("\(NodeID(index)) stops: \(error)", at: now)
        }
        if let position = effects.sync { requestSync(position, index, machine) }
        var i = 0
        while i < effects.messages.count {
            let (message, to) = effects.messages[i]
            send(message, from: index, to: Int(to.index), machine)
            i &+= 1
        }
        i = 0
        while i < effects.responses.count {
            let (response, client) = effects.responses[i]
            respond(response, to: client, from: index)
            i &+= 1
        }
        effects.removeAll()
        setAlarm(index, machine)
    }

    private mutating func setAlarm(_ index: Int, _ machine: Machine) {
        guard let deadline = machine.node?.nextDeadline, deadline < machine.alarm else { return }
        machine.alarm = deadline
        machine.alarmNumber &+= 1
        future.push(
            .deadline, at: max(now, machine.clock.time(of: deadline)), target: index,
            b: machine.alarmNumber)
    }

    mutating func ring(_ number: UInt64, at index: Int) {
        let machine = machines[index]
        guard machine.node != nil, number == machine.alarmNumber else { return }
        machine.alarm = .distantFuture
        let moment = machine.clock.moment(at: now)
        if let deadline = machine.node?.nextDeadline, deadline <= moment.monotonic {
            timeline?.add(now, NodeID(index).description, "deadline")
            turn(index, .deadline)
        } else {
            setAlarm(index, machine)
        }
    }

    // MARK: Disk

    private mutating func requestSync(
        _ position: LogPosition, _ index: Int, _ machine: Machine
    ) {
        machine.wanted = position
        if machine.syncing == nil { beginSync(index, machine) }
    }

    private mutating func beginSync(_ index: Int, _ machine: Machine) {
        guard let position = machine.wanted else { return }
        machine.wanted = nil
        machine.syncing = position
        machine.syncMark = machine.disk.beginSync()
        let duration: UInt64
        if scenario.durability == .synced {
            var random = RandomSource(seed: diskStream &+ UInt64(index) ^ now)
            let drawn = random.exponential(mean: conditions.meanSync)
            let whole = conditions.minimumSync + drawn + machine.syncDelay
            duration = UInt64(max(1, whole.nanoseconds))
        } else {
            duration = 1_000_000_000  // as `everysec`
        }
        future.push(.synced, at: now + duration, target: index, a: machine.life)
    }

    mutating func endSync(life: UInt32, at index: Int) {
        let machine = machines[index]
        guard machine.node != nil, machine.life == life, let position = machine.syncing else {
            return
        }
        machine.disk.finishSync(upTo: machine.syncMark)
        traffic.syncs &+= 1
        machine.syncing = nil
        timeline?.add(now, NodeID(index).description, "synced up to \(position.offset)")
        turn(index, .synced(position))
        if machine.syncing == nil { beginSync(index, machine) }
    }

    // MARK: Messages

    private mutating func send(
        _ message: Message, from: Int, to: Int, _ machine: Machine
    ) {
        let life = machine.sessions[to]
        guard life != 0 else { return }
        invariants.answers(message, from, to: to, life: life, at: now)
        guard let delay = network.delay(from, to, at: now) else {
            timeline?.add(
                now, NodeID(from).description,
                "x> \(NodeID(to)) \(Timeline.describe(message)) (lost)")
            return
        }
        let slot = slab.take()
        PeerCodec.encode(message, into: &slab.slots[slot].bytes)
        slab.slots[slot].sender = UInt16(truncatingIfNeeded: from)
        slab.slots[slot].senderLife = machine.life
        slab.slots[slot].receiverLife = life
        traffic.messages &+= 1
        traffic.peerBytes &+= UInt64(slab.slots[slot].bytes.count)
        switch message {
        case .comparison, .collection, .transfer: break
        case .definition where churn != nil: break
        default: invariants.sized(slab.slots[slot].bytes.count, at: now)
        }
        future.push(.message, at: now &+ delay, target: to, a: UInt32(slot))
        timeline?.add(
            now, NodeID(from).description, "-> \(NodeID(to)) \(Timeline.describe(message))")
        if let later = network.duplicateDelay(from, to, at: now) {
            let copy = slab.copy(slot)
            future.push(.message, at: now &+ later, target: to, a: UInt32(copy))
        }
    }

    mutating func receiveMessage(_ slot: Int, at index: Int) {
        let machine = machines[index]
        defer { slab.give(back: slot) }
        guard machine.node != nil, machine.life == slab.slots[slot].receiverLife else {
            return probes.hit(.messageOfAnEarlierLifeDropped)
        }
        let from = Int(slab.slots[slot].sender)
        var reader = ByteReader(slab.slots[slot].bytes.bytes)
        do {
            let message = try PeerCodec.decode(&reader, clusterSeed: clusterSeed)
            if reader.remaining > 0 {
                invariants.report("a message has \(reader.remaining) bytes too many", at: now)
            }
            invariants.asked(message, index, by: from, life: slab.slots[slot].senderLife)
            timeline?.add(
                now, NodeID(index).description,
                "<- \(NodeID(from)) \(Timeline.describe(message))")
            turn(index, .message(message, from: NodeID(from)))
        } catch {
            invariants.report("a message from \(NodeID(from)) is malformed: \(error)", at: now)
        }
    }
}
