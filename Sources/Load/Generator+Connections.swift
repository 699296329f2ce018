import Basics
import Platform
import Workloads

/// Connections: how sessions come to have them, lose them, and are heard.
extension Generator {
    /// Connects; false after a failure that the conductor has been told of.
    func connectAll() -> Bool {
        guard !isNull else { return true }
        let limit = Clocks.monotonic() + plan.connectTimeout
        while true {
            let now = Clocks.monotonic()
            var undecided = 0
            for index in 0..<connectionCount {
                let connection = connections + index
                let tries = connection.pointee.attempts
                switch connection.pointee.state {
                case .ready: continue
                case .waiting where tries < connection.pointee.addresses.count * 2:
                    if now >= connection.pointee.retryAt { connect(index, now) }
                    undecided += 1
                case .waiting: continue
                case .connecting, .greeting: undecided += 1
                }
            }
            if conductor.stop.isRaised || conductor.failure != nil { return false }
            if undecided == 0 || now >= limit { break }
            idle(until: now + .milliseconds(10))
        }
        if freeCount > 0 { return true }
        let why = lastFailure.isEmpty ? "no answer" : lastFailure
        conductor.fail(
            .unreachable(
                "cannot reach \(plan.target): \(why); is it running, and is the address right?"))
        return false
    }

    /// Begins to connect to the next address.
    func connect(_ index: Int, _ now: Instant) {
        let connection = connections + index
        let address = connection.pointee.addresses[connection.pointee.address]
        connection.pointee.generation &+= 1
        connection.pointee.input.removeAll()
        connection.pointee.output.removeAll()
        connection.pointee.isBlocked = false
        do {
            let socket = try Socket.connect(to: address)
            connection.pointee.socket = socket
            let token = UInt64(connection.pointee.generation) << 32 | UInt64(index)
            connection.pointee.watch = try loop.watch(
                socket.descriptor, for: .writable, token: token)
            connection.pointee.state = .connecting
            connection.pointee.retryAt = now + plan.connectTimeout
        } catch {
            lastFailure = "\(error)"
            disconnect(index, now)
        }
    }

    /// The system knows whether the connection stands.
    func connectionDecided(_ index: Int) {
        let connection = connections + index
        guard let socket = connection.pointee.socket, let watch = connection.pointee.watch else {
            return
        }
        let address = connection.pointee.addresses[connection.pointee.address]
        if let error = socket.connectionError(to: address) {
            lastFailure = "\(error)"
            disconnect(index, Clocks.monotonic())
            return
        }
        loop.change(watch, to: .readable)
        let greeting = plan.greeting
        guard !greeting.isEmpty else {
            becomeReady(index)
            return
        }
        LoadPlan.encode(greeting, to: &connection.pointee.output)
        connection.pointee.greetings = greeting.count
        connection.pointee.state = .greeting
        flush(index)
    }

    /// One reply to the greeting has come.
    func greeted(_ index: Int, _ reply: Reply) {
        let connection = connections + index
        if reply.kind == .error {
            let greeting = plan.greeting
            let command = greeting[greeting.count - connection.pointee.greetings][0]
            lastFailure = reply.payload.text
            // Later on it is a store that comes back and is not itself yet: tried again.
            if conductor.beginning == nil {
                conductor.fail(
                    .refused("\(plan.target) refused \(command): \(reply.payload.text)"))
            }
            lose(index, .connectionLost, Clocks.monotonic())
            return
        }
        connection.pointee.greetings -= 1
        if connection.pointee.greetings == 0 { becomeReady(index) }
    }

    private func becomeReady(_ index: Int) {
        connections[index].state = .ready
        connections[index].attempts = 0
        connected += 1
        absentSince = nil
        for i in 0..<sessionCount where sessions[i].state == .idle && uses(i, index) {
            if isUsable(sessions + i) { giveFree(i) }
        }
    }

    private func uses(_ session: Int, _ connection: Int) -> Bool {
        Int(sessions[session].writer) == connection || Int(sessions[session].reader) == connection
    }

    /// Ends a connection and the operations under way on it, whose outcome nobody knows.
    func lose(_ index: Int, _ failure: Failure, _ now: Instant) {
        disconnect(index, now)
        while let session = connections[index].next {
            connections[index].removeNext()
            sessions[session].outcome = .unknown
            sessions[session].failure = nil
            endPart(session, failure: failure, now: now)
        }
    }

    /// Closes a connection, if there is one, and sets the time of the next attempt.
    private func disconnect(_ index: Int, _ now: Instant) {
        let connection = connections + index
        let wasReady = connection.pointee.state == .ready
        if let watch = connection.pointee.watch { loop.unwatch(watch) }
        connection.pointee.socket?.close()
        connection.pointee.watch = nil
        connection.pointee.socket = nil
        connection.pointee.generation &+= 1
        connection.pointee.state = .waiting
        connection.pointee.attempts += 1
        let count = connection.pointee.addresses.count
        connection.pointee.address = (connection.pointee.address + 1) % count
        // Back-off doubles once every address has had its turn: 10 ms to 1 s, with jitter, so
        // that connections do not come back all at once.
        let rounds = min((connection.pointee.attempts - 1) / count, 7)
        let pause = UInt64(min(10 << rounds, 1_000)) * 1_000_000
        connection.pointee.retryAt = now + .nanoseconds(pause / 2 + random.below(pause / 2))
        guard wasReady else { return }
        connected -= 1
        if connected == 0 { absentSince = now }
        keepUsable()
    }

    /// Takes sessions that have lost a connection out of the ring of free ones. O(sessions).
    private func keepUsable() {
        var kept: [Int32] = []
        for i in 0..<freeCount {
            let candidate = free[(firstFree + i) % sessionCount]
            if isUsable(sessions + Int(candidate)) { kept.append(candidate) }
        }
        for (i, session) in kept.enumerated() { free[i] = session }
        firstFree = 0
        freeCount = kept.count
    }

    /// Notes that a connection has something to say.
    @inline(__always)
    func touch(_ index: Int) {
        guard !connections[index].isTouched else { return }
        connections[index].isTouched = true
        touched[touchedCount] = Int32(truncatingIfNeeded: index)
        touchedCount &+= 1
    }

    /// Hands the system everything that was queued since the last time: requests of one turn
    /// leave together.
    func flushTouched() {
        for i in 0..<touchedCount {
            let index = Int(touched[i])
            connections[index].isTouched = false
            flush(index)
        }
        touchedCount = 0
    }

    /// Hands the system what a connection has to say.
    func flush(_ index: Int) {
        let connection = connections + index
        guard let socket = connection.pointee.socket, let watch = connection.pointee.watch,
            !connection.pointee.output.isEmpty
        else { return }
        switch socket.write(connection.pointee.output.bytes) {
        case .wrote(let count): connection.pointee.output.consume(count)
        case .wouldBlock: break
        case .failed(let code):
            lastFailure = "\(SystemError("send", code: code))"
            // Reported as readable too; the read tells the end in its turn.
            return
        }
        let blocks = !connection.pointee.output.isEmpty
        guard blocks != connection.pointee.isBlocked else { return }
        connection.pointee.isBlocked = blocks
        loop.change(watch, to: blocks ? [.readable, .writable] : .readable)
    }
}
