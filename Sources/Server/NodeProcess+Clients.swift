import Basics
import Glibc
import Platform
import Replication
import Wire

/// Connections with clients.
extension NodeProcess {
    mutating func acceptClients(at now: Moment) {
        do throws(SystemError) {
            // Bounded, so that a flood of connections does not starve those that are there.
            for _ in 0..<64 {
                guard let socket = try clientListener.accept() else { return }
                try admit(socket, at: now)
            }
        } catch {
            pauseAccepting(error, at: now)
        }
    }

    /// The system is out of descriptors: asking again at once would only burn the processor.
    mutating func pauseAccepting(_ error: SystemError, at now: Moment) {
        log.error("accept-failed", ["reason": "\(error)"])
        loop.change(clientListenerWatch, to: [])
        loop.change(peerListenerWatch, to: [])
        acceptAgain = now.monotonic + .milliseconds(100)
    }

    mutating func resumeAccepting() {
        acceptAgain = .distantFuture
        loop.change(clientListenerWatch, to: isStopping ? [] : .readable)
        loop.change(peerListenerWatch, to: .readable)
    }

    private mutating func admit(_ socket: Socket, at now: Moment) throws(SystemError) {
        guard let ticket = clients.insert() else {
            let apology: StaticString = "-ERR max number of clients reached\r\n"
            _ = socket.write(
                Bytes(base: apology.utf8Start, count: apology.utf8CodeUnitCount))
            socket.close()
            connectionsRefused += 1
            return
        }
        let index = Int(ticket.index)
        let token = Token(.client, index: ticket.index, generation: ticket.generation)
        do throws(SystemError) {
            clients[index].watch = try loop.watch(
                socket.descriptor, for: .readable, token: token.raw)
        } catch {
            clients.remove(at: index)
            socket.close()
            throw error
        }
        connectionsAccepted += 1
        clients[index].socket = socket
        connectionsEver += 1
        clients[index].number = connectionsEver
        clients[index].session = Session(connectionNumber: connectionsEver)
        clients[index].session.isMetered = true
        facts.registry.add(connectionsEver, ticket, socket, at: now.monotonic)
        clients[index].interest = .readable
        clients[index].isClosing = false
        if nextSweep == .distantFuture { nextSweep = now.monotonic + sweepInterval }
    }

    private var sweepInterval: Instant.Duration {
        min(.seconds(10), configuration.commandPatience)
    }

    /// Disconnects clients that have stopped in the middle of a command. O(connections).
    mutating func sweepClients(at now: Moment) {
        nextSweep = clients.count > 0 ? now.monotonic + sweepInterval : .distantFuture
        for index in 0..<clients.allocatedCount where clients.isInUse(index) {
            let isWaiting = !clients[index].unread.isEmpty && !clients[index].isHeld
            let silence = now.monotonic - clients[index].lastRead
            guard isWaiting, silence >= configuration.commandPatience else { continue }
            log.warning("client-closed", ["reason": "it stopped in the middle of a command"])
            close(index, at: now)
        }
    }

    /// Something happened on a client's socket.
    mutating func advance(client token: Token, _ ready: Ready, at now: Moment) {
        let index = Int(token.index)
        guard clients.isInUse(index), token.isOf(clients.ticket(at: index).generation) else {
            return
        }
        if ready.failed { return close(index, at: now) }
        if ready.writable { markDirty(index) }
        if ready.readable, clients[index].interest.contains(.readable) { read(index, at: now) }
    }

    /// Reads once, and handles every whole command.
    private mutating func read(_ index: Int, at now: Moment) {
        let outcome: Socket.ReadOutcome
        if clients[index].unread.isEmpty {
            let place = UnsafeMutableRawBufferPointer(
                rebasing: buffer[..<NodeProcess.clientReadBytes])
            outcome = clients[index].socket.read(into: place)
            if case .bytes(let count) = outcome, let base = place.baseAddress {
                let bytes = Bytes(base: base, count: count)
                let used = take(bytes, of: index, at: now)
                if used < count, clients.isInUse(index) {
                    clients[index].unread.append(bytes.slice(used, count))
                }
            }
        } else {
            let socket = clients[index].socket
            outcome = socket.read(
                into: &clients[index].unread, atMost: NodeProcess.clientReadBytes)
            if case .bytes = outcome { takeUnread(index, at: now) }
        }
        switch outcome {
        case .bytes(let count):
            clients[index].lastRead = now.monotonic
            traffic.fromClients &+= UInt64(count)
        case .wouldBlock: break
        case .closed:
            // What was asked before is answered: a client that has only closed its sending half
            // waits for that.
            clients[index].isClosing = true
            markDirty(index)
        case .failed: close(index, at: now)
        }
    }

    /// Handles what waits in the connection's own buffer.
    private mutating func takeUnread(_ index: Int, at now: Moment) {
        let used = take(clients[index].unread.bytes, of: index, at: now)
        clients[index].unread.consume(used)
        clients[index].unread.shrink(to: ClientConnection.keptBytes)
        if clients[index].unread.count > ClientConnection.inputLimit {
            clients[index].session.output.append("-ERR command is too large (limit 64 MiB)\r\n")
            clients[index].isClosing = true
            markDirty(index)
        }
    }

    /// Handles the commands at the head of `bytes`; returns how many bytes they were. Stops early
    /// when the output is full or too many answers are outstanding; the rest is held.
    private mutating func take(_ bytes: Bytes, of index: Int, at now: Moment) -> Int {
        var used = 0
        let generation = clients.ticket(at: index).generation
        setHeld(index, false)
        clients[index].session.now = now.monotonic
        while !clients[index].session.isClosing {
            if clients[index].session.isBlocked
                || clients[index].session.output.count > ClientConnection.outputPause
            {
                setHeld(index, used < bytes.count)
                break
            }
            used += clients[index].session.receive(
                bytes.slice(used, bytes.count), clusterSeed, facts: facts, into: &batch)
            let count = batch.requests.count
            if count == 0 { break }
            prefetch()
            for i in 0..<count {
                let client = ClientID(
                    connection: UInt32(index), generation: generation,
                    sequence: batch.requests[i].sequence)
                node.handle(batch.requests[i].request, from: client, at: now, into: &effects)
                carryOut(at: now)
            }
            batch.requests.removeAll(keepingCapacity: true)
        }
        markDirty(index)
        return used
    }

    /// Touches table slots, then records, of a pipelined batch, so that their cache misses
    /// overlap.
    private mutating func prefetch() {
        let count = batch.requests.count
        guard count > 1 else { return }
        for i in 0..<count { node.touchSlot(batch.requests[i].request.hash) }
        for i in 0..<count { node.touchRecord(batch.requests[i].request.hash) }
    }

    private mutating func setHeld(_ index: Int, _ isHeld: Bool) {
        guard clients[index].isHeld != isHeld else { return }
        clients[index].isHeld = isHeld
        if isHeld { heldClients.append(UInt32(index)) }
    }

    /// The node's answer to a client; nobody waits for it if the connection is gone.
    @inline(__always)
    mutating func respond(_ response: Response, to client: ClientID, at now: Moment) {
        let ticket = Ticket(index: client.connection, generation: client.generation)
        guard let index = clients.index(of: ticket) else { return }
        if let begun = clients[index].session.begun(client.sequence) {
            meter.note(begun, response.outcome, at: now.monotonic)
            let spent = now.monotonic - begun.at
            if slowLog.isSlow(spent) { keepSlow(begun, spent, index, client.sequence, at: now) }
        }
        clients[index].session.respond(response, to: client.sequence, facts: facts)
        markDirty(index)
    }

    private func keepSlow(
        _ begun: BegunRequest, _ spent: Instant.Duration, _ index: Int, _ sequence: UInt32,
        at now: Moment
    ) {
        let (address, name) = facts.registry.describe(clients[index].number)
        slowLog.add(
            begun, key: clients[index].session.keyHead(of: sequence), took: spent, at: now.wall,
            address: address, name: name)
    }

    /// Whether a client waits for an answer, or has one that it has not taken.
    var hasUnfinishedClients: Bool {
        (0..<clients.allocatedCount).contains { index in
            clients.isInUse(index)
                && (clients[index].session.openRequests > 0
                    || !clients[index].session.output.isEmpty)
        }
    }

    /// From now on whoever asks is told to ask another node.
    mutating func refuseRequests() {
        for index in 0..<clients.allocatedCount where clients.isInUse(index) {
            clients[index].session.isDraining = true
        }
    }

    /// Closes what CLIENT KILL has named.
    mutating func closeCondemned(at now: Moment) {
        for ticket in facts.registry.condemned {
            if let index = clients.index(of: ticket) { close(index, at: now) }
        }
        facts.registry.condemned.removeAll()
    }

    @inline(__always)
    private mutating func markDirty(_ index: Int) {
        if clients[index].isDirty { return }
        clients[index].isDirty = true
        dirtyClients.append(UInt32(index))
    }

    /// Whether held commands can go on without any event.
    var canResume: Bool {
        for index in heldClients where canGoOn(Int(index)) { return true }
        return false
    }

    private func canGoOn(_ index: Int) -> Bool {
        clients.isInUse(index) && clients[index].isHeld && !clients[index].session.isBlocked
            && clients[index].session.output.count <= ClientConnection.outputPause
    }

    /// Goes on with held commands as far as answers have been taken. More of them may be held
    /// again.
    mutating func resumeHeld(at now: Moment) {
        var kept = 0
        for i in 0..<heldClients.count {
            let index = heldClients[i]
            if canGoOn(Int(index)) {
                clients[Int(index)].isHeld = false
                resumable.append(index)
            } else if clients.isInUse(Int(index)), clients[Int(index)].isHeld {
                heldClients[kept] = index
                kept += 1
            }
        }
        heldClients.removeLast(heldClients.count - kept)
        for i in 0..<resumable.count { takeUnread(Int(resumable[i]), at: now) }
        resumable.removeAll(keepingCapacity: true)
    }

    /// Writes each connection's output of this turn, in one call each.
    mutating func flushClients(at now: Moment) {
        var next = 0
        while next < dirtyClients.count {
            let index = Int(dirtyClients[next])
            next += 1
            clients[index].isDirty = false
            if clients[index].watch != nil { flush(index, at: now) }
        }
        dirtyClients.removeAll(keepingCapacity: true)
    }

    private mutating func flush(_ index: Int, at now: Moment) {
        var took = 0
        if !clients[index].session.output.isEmpty {
            switch clients[index].socket.write(clients[index].session.output.bytes) {
            case .wrote(let count): took = count
            case .wouldBlock: break
            case .failed: return close(index, at: now)
            }
            clients[index].session.output.consume(took)
            traffic.toClients &+= UInt64(took)
        }
        let left = clients[index].session.output.count
        if left == 0 {
            let isEnding = clients[index].isClosing || clients[index].session.isClosing
            if isEnding, !clients[index].isHeld, clients[index].session.openRequests == 0 {
                return close(index, at: now)
            }
            clients[index].session.output.shrink(to: ClientConnection.keptBytes)
        } else if left > ClientConnection.outputLimit, took == 0 {
            log.warning("client-closed", ["reason": "it does not read, and \(left) bytes wait"])
            return close(index, at: now)
        }
        adjustInterest(index, hasOutput: left > 0)
    }

    private mutating func adjustInterest(_ index: Int, hasOutput: Bool) {
        var interest: Interest = hasOutput ? .writable : []
        let reads =
            !clients[index].isHeld && !clients[index].isClosing
            && !clients[index].session.isClosing
        if reads { interest.insert(.readable) }
        guard interest != clients[index].interest, let watch = clients[index].watch else { return }
        clients[index].interest = interest
        loop.change(watch, to: interest)
    }

    private mutating func close(_ index: Int, at now: Moment) {
        let ticket = clients.ticket(at: index)
        facts.registry.remove(clients[index].number)
        if let watch = clients[index].watch { loop.unwatch(watch) }
        clients[index].socket.close()
        clients[index].watch = nil
        clients[index].isHeld = false
        clients[index].unread.removeAll()
        clients[index].unread.shrink(to: 64)
        clients[index].session = Session()
        clients.remove(at: index)
        deliver(
            .disconnected(connection: ticket.index, generation: ticket.generation), at: now)
    }

    mutating func closeClients() {
        for index in 0..<clients.allocatedCount where clients.isInUse(index) {
            clients[index].socket.close()
        }
    }
}

extension Request {
    /// Hash of the key that it is about.
    @inline(__always)
    var hash: UInt64 {
        switch self {
        case .get(let key, _), .put(let key, _, _), .delete(let key, _), .life(let key, _),
            .change(let key, _, _):
            key.hash
        case .sibling(let write): write.key.hash
        case .define, .scan: 0
        }
    }
}

extension Response {
    @inline(__always)
    var outcome: RequestMeter.Outcome {
        switch self {
        case .failed: .failed
        case .unknown: .unknown
        default: .ok
        }
    }
}
