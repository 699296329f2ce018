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
                case .waiting where tries < max(1, connection.pointee.addresses.count) * 2:
                    if now >= connection.pointee.retryAt { connect(index, now) }
                    undecided += 1
                case .waiting: continue
                case .connecting, .securing, .greeting: undecided += 1
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
        connection.pointee.generation &+= 1
        connection.pointee.input.removeAll()
        connection.pointee.output.removeAll()
        connection.pointee.isBlocked = false
        connection.pointee.retryAt = now + plan.connectTimeout
        do {
            switch scheme {
            case .postgres: try connectPostgres(index)
            case .etcd: greetGateway(index)
            case .exec: try startAdapter(index)
            default: try connectSocket(index)
            }
        } catch {
            lastFailure = "\(error)"
            disconnect(index, now)
        }
    }

    private func connectSocket(_ index: Int) throws(SystemError) {
        let connection = connections + index
        let address = connection.pointee.addresses[connection.pointee.address]
        let socket = try Socket.connect(to: address)
        connection.pointee.socket = socket
        connection.pointee.watch = try loop.watch(
            socket.descriptor, for: .writable, token: token(index))
        connection.pointee.state = .connecting
    }

    /// Tells reports about a connection from those about an earlier one in its place.
    func token(_ index: Int) -> UInt64 {
        UInt64(connections[index].generation & 0x7fff_ffff) << 32 | UInt64(index)
    }

    /// The system knows whether the connection stands.
    func connectionDecided(_ index: Int) {
        let connection = connections + index
        guard scheme != .postgres else {
            proceedPostgres(index)
            return
        }
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
        guard let tls else {
            greet(index)
            return
        }
        do {
            connection.pointee.tls = try TLSConnection(tls, over: socket, host: address.host)
            connection.pointee.state = .securing
            shakeHands(index)
        } catch {
            lastFailure = "\(error)"
            disconnect(index, Clocks.monotonic())
        }
    }

    /// Goes on with the TLS handshake.
    func shakeHands(_ index: Int) {
        let connection = connections + index
        guard let tls = connection.pointee.tls, let watch = connection.pointee.watch else { return }
        switch tls.shakeHands() {
        case .wantsRead: loop.change(watch, to: .readable)
        case .wantsWrite: loop.change(watch, to: .writable)
        case .done:
            loop.change(watch, to: .readable)
            greet(index)
        case .failed(let why):
            let address = connection.pointee.addresses[connection.pointee.address]
            lastFailure = "\(address): \(why)"
            disconnect(index, Clocks.monotonic())
        }
    }

    /// Says what a new connection begins with.
    private func greet(_ index: Int) {
        let connection = connections + index
        if scheme == .memcached {
            greetMemcached(index)
            return
        }
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
            refused(index, reply.payload.text, "\(plan.target) refused \(command): ")
            return
        }
        connection.pointee.greetings -= 1
        if connection.pointee.greetings == 0 { becomeReady(index) }
    }

    /// The target does not want this connection. Before the run begins that ends it; later on it
    /// is a store that comes back and is not itself yet: tried again.
    func refused(_ index: Int, _ why: String, _ sentence: String) {
        lastFailure = why
        if conductor.beginning == nil { conductor.fail(.refused(sentence + why)) }
        lose(index, .connectionLost, Clocks.monotonic())
    }

    func becomeReady(_ index: Int) {
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
    func disconnect(_ index: Int, _ now: Instant) {
        let connection = connections + index
        let wasReady = connection.pointee.state == .ready
        if let watch = connection.pointee.watch { loop.unwatch(watch) }
        connection.pointee.tls = nil
        connection.pointee.postgres = nil
        connection.pointee.pending = PostgresAnswer()
        http?.cancel(index)
        connection.pointee.socket?.close()
        connection.pointee.watch = nil
        connection.pointee.socket = nil
        if let adapter = connection.pointee.adapter.take() { Generator.end(adapter) }
        connection.pointee.generation &+= 1
        connection.pointee.state = .waiting
        connection.pointee.attempts += 1
        let count = max(1, connection.pointee.addresses.count)
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
        guard scheme != .postgres else {
            flushPostgres(index)
            return
        }
        guard let socket = connection.pointee.socket, !connection.pointee.output.isEmpty
        else { return }
        let outcome =
            if let tls = connection.pointee.tls {
                tls.write(connection.pointee.output.bytes)
            } else {
                socket.write(connection.pointee.output.bytes)
            }
        switch outcome {
        case .wrote(let count): connection.pointee.output.consume(count)
        case .wouldBlock: break
        case .failed(let code):
            lastFailure = "\(SystemError("send", code: code))"
            // Reported as readable too; the read tells the end in its turn.
            return
        }
        block(index, !connection.pointee.output.isEmpty)
    }

    /// Watches for room to write, or no longer.
    func block(_ index: Int, _ blocks: Bool) {
        guard blocks != connections[index].isBlocked, let watch = connections[index].watch else {
            return
        }
        connections[index].isBlocked = blocks
        loop.change(watch, to: blocks ? [.readable, .writable] : .readable)
    }
}
