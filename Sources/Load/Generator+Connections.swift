import Basics
import Platform
import Workloads

/// Connections: how sessions come to have one, lose it, and get their answers.
extension Generator {
    /// Connects all sessions; false after a failure that the conductor has been told of.
    func connectAll() -> Bool {
        let limit = Clocks.monotonic() + plan.connectTimeout
        while true {
            let now = Clocks.monotonic()
            var undecided = 0
            for index in 0..<sessionCount {
                let session = sessions + index
                let tries = session.pointee.attempts
                switch session.pointee.state {
                case .ready, .busy: continue
                case .waiting where tries < plan.target.addresses.count * 2:
                    if now >= session.pointee.retryAt { connect(index, now) }
                    undecided += 1
                case .waiting: continue
                case .connecting, .greeting: undecided += 1
                }
            }
            if conductor.stop.isRaised || conductor.failure != nil { return false }
            if undecided == 0 || now >= limit { break }
            turn(until: now + .milliseconds(10))
        }
        if connected > 0 { return true }
        let why = lastFailure.isEmpty ? "no answer" : lastFailure
        conductor.fail(
            .unreachable(
                "cannot reach \(plan.target): \(why); is it running, and is the address right?"))
        return false
    }

    /// Begins to connect a session to the next address.
    func connect(_ index: Int, _ now: Instant) {
        let session = sessions + index
        let address = plan.target.addresses[session.pointee.address]
        session.pointee.generation &+= 1
        session.pointee.input.removeAll()
        session.pointee.output.removeAll()
        do {
            let socket = try Socket.connect(to: address)
            session.pointee.socket = socket
            let token = UInt64(session.pointee.generation) << 32 | UInt64(index)
            session.pointee.watch = try loop.watch(
                socket.descriptor, for: .writable, token: token)
            session.pointee.state = .connecting
            session.pointee.retryAt = now + plan.connectTimeout
        } catch {
            lastFailure = "\(error)"
            disconnect(index, now)
        }
    }

    /// The system knows whether the connection stands.
    func connectionDecided(_ index: Int) {
        let session = sessions + index
        guard let socket = session.pointee.socket, let watch = session.pointee.watch else { return }
        let address = plan.target.addresses[session.pointee.address]
        if let error = socket.connectionError(to: address) {
            lastFailure = "\(error)"
            disconnect(index, Clocks.monotonic())
            return
        }
        loop.change(watch, to: .readable)
        if session.pointee.encodeGreeting(plan) {
            session.pointee.state = .greeting
            flush(index)
        } else {
            becomeReady(index)
        }
    }

    private func becomeReady(_ index: Int) {
        sessions[index].state = .ready
        sessions[index].attempts = 0
        connected += 1
        absentSince = nil
        giveFree(index)
    }

    /// Ends a session's connection and its operation, whose outcome nobody knows.
    func lose(_ index: Int, _ failure: Failure, _ now: Instant) {
        let wasBusy = sessions[index].state == .busy
        disconnect(index, now)
        guard wasBusy else { return }
        end(index, .unknown, value: 0, failure: failure, now: now)
        sessions[index].state = .waiting
    }

    /// Closes a connection, if there is one, and sets the time of the next attempt.
    private func disconnect(_ index: Int, _ now: Instant) {
        let session = sessions + index
        if session.pointee.state == .ready { removeFree(index) }
        if session.pointee.state == .ready || session.pointee.state == .busy {
            connected -= 1
            if connected == 0 { absentSince = now }
        }
        if let watch = session.pointee.watch { loop.unwatch(watch) }
        session.pointee.socket?.close()
        session.pointee.watch = nil
        session.pointee.socket = nil
        session.pointee.generation &+= 1
        session.pointee.state = .waiting
        session.pointee.attempts += 1
        let count = plan.target.addresses.count
        session.pointee.address = (session.pointee.address + 1) % count
        // Back-off doubles once every address has had its turn: 10 ms to 1 s, with jitter, so
        // that sessions do not come back all at once.
        let rounds = min((session.pointee.attempts - 1) / count, 7)
        let pause = UInt64(min(10 << rounds, 1_000)) * 1_000_000
        session.pointee.retryAt = now + .nanoseconds(pause / 2 + random.below(pause / 2))
    }

    /// Takes a session out of the ring of free ones. O(sessions).
    private func removeFree(_ index: Int) {
        var kept: [Int32] = []
        for i in 0..<freeCount {
            let candidate = free[(firstFree + i) % sessionCount]
            if candidate != Int32(index) { kept.append(candidate) }
        }
        for (i, session) in kept.enumerated() { free[i] = session }
        firstFree = 0
        freeCount = kept.count
    }

    /// Hands the system what a session has to say.
    func flush(_ index: Int) {
        let session = sessions + index
        guard let socket = session.pointee.socket, let watch = session.pointee.watch else { return }
        switch socket.write(session.pointee.output.bytes) {
        case .wrote(let count):
            session.pointee.output.consume(count)
            guard !session.pointee.output.isEmpty else { return }
            loop.change(watch, to: [.readable, .writable])
        case .wouldBlock:
            loop.change(watch, to: [.readable, .writable])
        case .failed(let code):
            lastFailure = "\(SystemError("send", code: code))"
        // Reported as readable too; the read tells the end in its turn.
        }
    }

    /// Takes what a session's socket holds.
    func receive(_ index: Int) {
        let session = sessions + index
        guard let socket = session.pointee.socket else { return }
        switch socket.read(into: received) {
        case .bytes(let count):
            guard let base = received.baseAddress else { return }
            let bytes = Bytes(base: UnsafeRawPointer(base), count: count)
            if session.pointee.input.isEmpty {
                let used = answer(index, bytes)
                if used < count, session.pointee.socket != nil {
                    session.pointee.input.append(bytes.slice(used, count))
                }
            } else {
                session.pointee.input.append(bytes)
                let used = answer(index, session.pointee.input.bytes)
                if session.pointee.socket != nil { session.pointee.input.consume(used) }
            }
        case .wouldBlock: break
        case .closed:
            lastFailure = "\(plan.target.addresses[session.pointee.address]) closed the connection"
            lose(index, .connectionLost, Clocks.monotonic())
        case .failed(let code):
            lastFailure = "\(SystemError("recv", code: code))"
            lose(index, .connectionLost, Clocks.monotonic())
        }
    }

    /// Deals with one reply, if it is whole; returns the bytes it took.
    private func answer(_ index: Int, _ bytes: Bytes) -> Int {
        switch Reply.scan(bytes) {
        case .incomplete: return 0
        case .malformed:
            lastFailure = "an answer that is not of Redis's protocol"
            lose(index, .refused("MALFORMED"), Clocks.monotonic())
            return 0
        case .complete(let reply):
            switch sessions[index].state {
            case .busy:
                conclude(index, reply)
            case .greeting where reply.kind == .error:
                conductor.fail(
                    .refused("\(plan.target) refused QUORUM: \(reply.payload.text)"))
                lastFailure = reply.payload.text
                lose(index, .connectionLost, Clocks.monotonic())
            case .greeting:
                becomeReady(index)
            default:
                lastFailure = "an answer that nobody asked for"
                lose(index, .refused("UNASKED"), Clocks.monotonic())
            }
            return reply.consumed
        }
    }

    /// What a reply means for the operation under way.
    private func conclude(_ index: Int, _ reply: Reply) {
        let now = Clocks.monotonic()
        switch reply.kind {
        case .error:
            let (outcome, failure) = Generator.classify(reply.payload)
            end(index, outcome, value: 0, failure: failure, now: now)
        case .bulk where !sessions[index].isWriting:
            guard let writer = RecordValue.writer(of: reply.payload) else {
                end(index, .ok, value: Generator.opaque(reply.payload), failure: nil, now: now)
                return
            }
            if plan.workload.dataIntegrity, !values.isIntact(reply.payload, of: writer) {
                end(index, .fail, value: writer.number, failure: .corruptValue, now: now)
            } else {
                end(index, .ok, value: writer.number, failure: nil, now: now)
            }
        case .null where !sessions[index].isWriting:
            end(index, .ok, value: 0, failure: nil, now: now)
        case .simple where sessions[index].isWriting:
            end(index, .ok, value: 0, failure: nil, now: now)
        default:
            end(index, .fail, value: 0, failure: .refused("UNEXPECTED-REPLY"), now: now)
        }
    }

    /// `-TIMEOUT`: some replicas may have written; `-UNAVAILABLE`: certainly none. Other errors
    /// are refusals before anything was done.
    private static func classify(_ message: Bytes) -> (Recorder.Outcome, Failure) {
        var length = 0
        while length < message.count, message[length] != 32, length < 40 { length += 1 }
        let word = message.slice(0, length).text
        switch word {
        case "TIMEOUT": return (.unknown, .storeTimeout)
        case "UNAVAILABLE": return (.fail, .unavailable)
        default: return (.fail, .refused(word))
        }
    }

    /// Stands for a value that no load generator wrote.
    private static func opaque(_ value: Bytes) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for i in 0..<value.count { hash = (hash ^ UInt64(value[i])) &* 0x100_0000_01b3 }
        return hash | Recorder.opaque
    }
}
