import Basics
import Glibc
import Membership
import Partitioning
import Platform
import Replication
import Wire

/// Connections with the other members.
extension NodeProcess {
    /// Greeters at once; more are refused.
    private static let greeterLimit = 1_024

    /// Dials, gives up and cleans up what is due. Called when `nextLinkCheck` has come.
    mutating func tendLinks(at now: Moment) {
        nextLinkCheck = .distantFuture
        for case let link? in links {
            if link.deadline <= now.monotonic {
                switch link.state {
                case .down: dial(link, at: now)
                case .connecting, .greeting: lose(link, "it did not answer in time", at: now)
                case .up where link.blockedUntil <= now.monotonic:
                    lose(link, "it has not read for too long", at: now)
                case .up: beat(link, at: now)
                }
            }
            nextLinkCheck = min(nextLinkCheck, link.deadline)
        }
        for (index, greeter) in greeters.enumerated() {
            guard let greeter else { continue }
            if greeter.deadline <= now.monotonic {
                turnAway(index, "someone", "it did not say who it is in time")
            } else {
                nextLinkCheck = min(nextLinkCheck, greeter.deadline)
            }
        }
    }

    private mutating func dial(_ link: PeerLink, at now: Moment) {
        do throws(SystemError) {
            let socket = try Socket.connect(to: link.address)
            socket.failAfter(unacknowledged: PeerLink.blockedLimit)
            link.socket = socket
            link.watch = try loop.watch(socket.descriptor, for: .writable, token: link.token)
            link.state = .connecting(until: now.monotonic + PeerLink.patience)
        } catch {
            lose(link, "\(error)", at: now)
        }
    }

    /// Ends a link's connection. Requests in flight go on: messages are safe to lose.
    mutating func lose(_ link: PeerLink, _ reason: String, at now: Moment) {
        let wasUp = link.isUp
        // Once per outage is enough for people; the rest is for those who look closely.
        if wasUp || link.failures == 0 {
            log.warning("peer-lost", ["peer": link.member.name, "reason": reason])
        } else {
            log.debug("peer-lost", ["peer": link.member.name, "reason": reason])
        }
        link.disconnect(loop, at: now.monotonic, using: &random)
        nextLinkCheck = min(nextLinkCheck, link.deadline)
        if wasUp { reconsider(link, at: now) }
    }

    /// Something happened on a link's socket.
    mutating func advance(_ link: PeerLink, _ ready: Ready, at now: Moment) {
        guard let socket = link.socket, let watch = link.watch else { return }
        switch link.state {
        case .down: break
        case .connecting:
            if let error = socket.connectionError(to: link.address) {
                return lose(link, "\(error)", at: now)
            }
            guard greet(socket) else { return lose(link, "the greeting was refused", at: now) }
            loop.change(watch, to: .readable)
            link.state = .greeting(until: now.monotonic + PeerLink.patience)
            nextLinkCheck = min(nextLinkCheck, link.deadline)
        case .greeting:
            let outcome = socket.read(into: &link.input, atMost: Handshake.bytes - link.input.count)
            guard outcome.isGood else { return lose(link, outcome.reason, at: now) }
            guard link.input.count == Handshake.bytes else { return }
            do throws(DecodeError) {
                let other = try Handshake.decode(link.input.bytes)
                if let objection = objection(to: other, expecting: link.node) {
                    return refuse(link, objection, at: now)
                }
                link.input.removeAll()
                establish(link, with: other, at: now)
            } catch {
                refuse(link, "\(error)", at: now)
            }
        case .up:
            if ready.writable { flush(link, at: now) }
            if ready.readable, link.isUp { receive(link, at: now) }
            // Nobody watches it any more, although what came before the error could be read.
            if ready.failed, link.isUp { lose(link, "the connection is in error", at: now) }
        }
    }

    private func greet(_ socket: Socket) -> Bool {
        var greeting = ByteBuffer(capacity: Handshake.bytes)
        handshake.encode(into: &greeting)
        return socket.write(greeting.bytes) == .wrote(Handshake.bytes)
    }

    /// A misconfigured peer will not mend soon: say it every time, and try at the slowest pace.
    private mutating func refuse(_ link: PeerLink, _ reason: String, at now: Moment) {
        log.error("peer-refused", ["peer": link.member.name, "reason": reason])
        facts.peersRefused += 1
        link.failures = max(link.failures, 6)
        lose(link, reason, at: now)
    }

    private func objection(to other: Handshake, expecting node: NodeID?) -> String? {
        if let objection = handshake.objection(to: other) { return objection }
        if let node, other.node != node {
            return "the other node is \(other.node), expected \(node)"
        }
        if node == nil {
            if Int(other.node.index) >= links.count { return "there is no member \(other.node)" }
            if facts.members[Int(other.node.index)].role == .removed {
                return "the other node, \(facts.members[Int(other.node.index)].name), has left "
                    + "the cluster for good"
            }
            if other.node > handshake.node {
                return "\(other.node) has dialled, although its index is the larger one"
            }
        }
        return nil
    }

    private mutating func establish(
        _ link: PeerLink, with other: Handshake, at now: Moment
    ) {
        link.writer.seed = handshake.sessionSeed(with: other)
        link.state = .up
        link.failures = 0
        link.silence = PhiAccrual(
            at: now.monotonic, expected: PeerLink.heartbeat, leastMean: PeerLink.heartbeat)
        link.nextHeartbeat = now.monotonic + PeerLink.heartbeat
        nextLinkCheck = min(nextLinkCheck, link.nextHeartbeat)
        log.info("peer-up", ["peer": link.member.name, "incarnation": "\(other.incarnation)"])
        introduce(link, at: now)
    }

    mutating func announce(_ node: NodeID, isReachable: Bool, at now: Moment) {
        facts.isReachable[Int(node.index)] = isReachable
        deliver(.reachable(node, isReachable), at: now)
    }

    // MARK: Accepting

    mutating func acceptPeers(at now: Moment) {
        do throws(SystemError) {
            while let socket = try peerListener.accept() {
                let index = greeters.firstIndex { $0 == nil } ?? greeters.count
                guard index < NodeProcess.greeterLimit, greet(socket) else {
                    socket.close()
                    continue
                }
                socket.failAfter(unacknowledged: PeerLink.blockedLimit)
                let greeter = Greeter(socket, deadline: now.monotonic + PeerLink.patience)
                if index == greeters.count { greeters.append(nil) }
                greeters[index] = greeter
                greeter.watch = try loop.watch(
                    socket.descriptor, for: .readable,
                    token: Token(.greeter, index: UInt32(index)).raw)
                nextLinkCheck = min(nextLinkCheck, greeter.deadline)
            }
        } catch {
            pauseAccepting(error, at: now)
        }
    }

    private mutating func turnAway(_ index: Int, _ who: String, _ reason: String) {
        log.error("peer-refused", ["peer": who, "reason": reason])
        facts.peersRefused += 1
        dismiss(index)
    }

    private mutating func dismiss(_ index: Int) {
        guard let greeter = greeters[index] else { return }
        if let watch = greeter.watch { loop.unwatch(watch) }
        greeter.socket.close()
        greeters[index] = nil
    }

    /// A greeter has said something, perhaps who it is.
    mutating func hear(_ index: Int, at now: Moment) {
        guard index < greeters.count, let greeter = greeters[index] else { return }
        let outcome = greeter.socket.read(
            into: &greeter.input, atMost: Handshake.bytes - greeter.input.count)
        guard outcome.isGood else { return dismiss(index) }
        guard greeter.input.count == Handshake.bytes else { return }
        do throws(DecodeError) {
            let other = try Handshake.decode(greeter.input.bytes)
            if let objection = objection(to: other, expecting: nil) {
                return turnAway(index, "\(other.node)", objection)
            }
            adopt(index, other, at: now)
        } catch {
            turnAway(index, "someone", "\(error)")
        }
    }

    /// The greeter becomes its member's link, in place of a connection that the other side may
    /// have given up already.
    private mutating func adopt(_ index: Int, _ other: Handshake, at now: Moment) {
        guard let greeter = greeters[index], let link = links[Int(other.node.index)] else {
            return dismiss(index)
        }
        if link.isUp { lose(link, "it has connected anew", at: now) }
        if let watch = greeter.watch { loop.unwatch(watch) }
        greeters[index] = nil
        link.generation &+= 1
        link.socket = greeter.socket
        do throws(SystemError) {
            link.watch = try loop.watch(
                greeter.socket.descriptor, for: .readable, token: link.token)
            establish(link, with: other, at: now)
        } catch {
            lose(link, "\(error)", at: now)
        }
    }

    // MARK: Messages

    /// Reads once and handles every whole frame.
    private mutating func receive(_ link: PeerLink, at now: Moment) {
        guard let socket = link.socket else { return }
        link.silence?.heard(at: now.monotonic)
        if link.input.isEmpty {
            switch socket.read(into: buffer) {
            case .bytes(let count):
                guard let base = buffer.baseAddress else { return }
                let bytes = Bytes(base: base, count: count)
                traffic.fromPeers &+= UInt64(count)
                guard let used = handle(bytes, of: link, at: now) else { return }
                if used < count { link.input.append(bytes.slice(used, count)) }
            case .wouldBlock: return
            case .closed: return lose(link, "it has closed the connection", at: now)
            case .failed(let code):
                return lose(link, SystemError("read", code: code).reason, at: now)
            }
        } else {
            let outcome = socket.read(into: &link.input, atMost: buffer.count)
            guard outcome.isGood else { return lose(link, outcome.reason, at: now) }
            if case .bytes(let count) = outcome { traffic.fromPeers &+= UInt64(count) }
            guard let used = handle(link.input.bytes, of: link, at: now) else { return }
            link.input.consume(used)
            link.input.shrink(to: 1 << 20)
        }
    }

    /// Handles the frames at the head of `bytes`; returns how many bytes they were, or nil when
    /// the link was lost over them.
    private mutating func handle(_ bytes: Bytes, of link: PeerLink, at now: Moment) -> Int? {
        var used = 0
        do throws(DecodeError) {
            while true {
                let rest = bytes.slice(used, bytes.count)
                switch try Frame.next(rest, seed: link.writer.seed) {
                case .incomplete: return used
                case .messages(let messages, let consumed):
                    var reader = ByteReader(messages)
                    while reader.remaining > 0 {
                        try gather(&reader, from: link.node, at: now)
                        deliverGathered(from: link.node, at: now)
                    }
                    used += consumed
                }
            }
        } catch {
            lose(link, "it has sent \(error)", at: now)
            return nil
        }
    }

    /// Decodes the next messages, as many as a prefetch is of use for.
    private mutating func gather(
        _ reader: inout ByteReader, from node: NodeID, at now: Moment
    ) throws(DecodeError) {
        inbox.removeAll(keepingCapacity: true)
        while reader.remaining > 0, inbox.count < NodeProcess.gatheredMessages {
            if let bytes = try PeerCodec.decodeMembership(&reader) {
                try hearOfMembers(bytes, from: node, at: now)
            } else {
                inbox.append(try PeerCodec.decode(&reader, clusterSeed: clusterSeed))
            }
        }
    }

    /// Touches table slots, then records, so that their cache misses overlap; then gives the node
    /// one message after the other.
    private mutating func deliverGathered(from sender: NodeID, at now: Moment) {
        if inbox.count > 1 {
            for i in inbox.indices { if let hash = inbox[i].hash { node.touchSlot(hash) } }
            for i in inbox.indices { if let hash = inbox[i].hash { node.touchRecord(hash) } }
        }
        for i in inbox.indices {
            node.handle(inbox[i], from: sender, at: now, into: &effects)
            carryOut(at: now)
        }
    }

    /// Writes what a turn has produced for a peer, in one call.
    mutating func flush(_ link: PeerLink, at now: Moment) {
        guard let socket = link.socket, let watch = link.watch, link.isUp else { return }
        link.writer.close()
        guard !link.writer.buffer.isEmpty else { return }
        var took = 0
        switch socket.write(link.writer.buffer.bytes) {
        case .wrote(let count): took = count
        case .wouldBlock: break
        case .failed(let code): return lose(link, SystemError("send", code: code).reason, at: now)
        }
        link.writer.buffer.consume(took)
        traffic.toPeers &+= UInt64(took)
        if link.writer.buffer.isEmpty {
            if link.blockedSince != nil { loop.change(watch, to: .readable) }
            link.blockedSince = nil
            link.writer.buffer.shrink(to: 4 << 20)
        } else {
            if link.writer.buffer.count > PeerLink.outputLimit {
                return lose(link, "more than 64 MiB wait for it", at: now)
            }
            if link.blockedSince == nil {
                loop.change(watch, to: [.readable, .writable])
            }
            if took > 0 || link.blockedSince == nil { link.blockedSince = now.monotonic }
            nextLinkCheck = min(nextLinkCheck, link.deadline)
        }
    }
}

extension Socket {
    /// Reads once, at most `limit` bytes, to the end of a buffer.
    func read(into buffer: inout ByteBuffer, atMost limit: Int) -> ReadOutcome {
        let place = UnsafeMutableRawBufferPointer(start: buffer.reserve(limit), count: limit)
        let outcome = read(into: place)
        if case .bytes(let count) = outcome { buffer.commit(count) }
        return outcome
    }
}

extension Socket.ReadOutcome {
    /// Whether the connection goes on.
    var isGood: Bool {
        switch self {
        case .bytes, .wouldBlock: true
        case .closed, .failed: false
        }
    }

    var reason: String {
        switch self {
        case .failed(let code): SystemError("read", code: code).reason
        default: "it has closed the connection"
        }
    }
}
