import Basics
import Platform
import Workloads

/// Replies: how they are told apart, and what they mean.
extension Generator {
    /// Takes what a connection holds.
    func receive(_ index: Int) {
        guard scheme != .postgres else {
            receivePostgres(index)
            return
        }
        guard connections[index].tls != nil else {
            _ = receiveOnce(index)
            return
        }
        // What the library has taken from the socket is not reported again: read it all.
        while receiveOnce(index) {}
    }

    /// Hears a connection out that is in error: answers may have come before the error, and
    /// nothing more is reported of it.
    func receiveLast(_ index: Int, of token: UInt64) {
        var reads = 0
        while connections[index].state != .waiting, self.token(index) == token, reads < 64 {
            receive(index)
            reads += 1
        }
        guard connections[index].state != .waiting, self.token(index) == token else { return }
        lastFailure = "\(peer(of: index)) is in error"
        lose(index, .connectionLost, Clocks.monotonic())
    }

    /// Reads once; false when there is nothing more for now, or the connection is lost.
    private func receiveOnce(_ index: Int) -> Bool {
        let connection = connections + index
        guard let socket = connection.pointee.socket else { return false }
        let outcome =
            connection.pointee.tls.map { $0.read(into: received) } ?? socket.read(into: received)
        switch outcome {
        case .bytes(let count):
            guard let base = received.baseAddress else { return false }
            take(index, Bytes(base: UnsafeRawPointer(base), count: count))
            return true
        case .wouldBlock: return false
        case .closed:
            lastFailure = "\(peer(of: index)) closed the connection"
            lose(index, .connectionLost, Clocks.monotonic())
        case .failed(let code):
            lastFailure = "\(SystemError("recv", code: code))"
            lose(index, .connectionLost, Clocks.monotonic())
        }
        return false
    }

    /// Who is at the other end, for messages.
    func peer(of index: Int) -> String {
        guard scheme != .exec else { return "the adapter" }
        return "\(connections[index].addresses[connections[index].address])"
    }

    /// Deals with whole answers; keeps the start of one for later.
    private func take(_ index: Int, _ bytes: Bytes) {
        let connection = connections + index
        let generation = connection.pointee.generation
        if connection.pointee.input.isEmpty {
            let used = answer(index, bytes)
            guard connection.pointee.generation == generation else { return }
            if used < bytes.count {
                connection.pointee.input.append(bytes.slice(used, bytes.count))
            }
        } else {
            connection.pointee.input.append(bytes)
            let used = answer(index, connection.pointee.input.bytes)
            guard connection.pointee.generation == generation else { return }
            connection.pointee.input.consume(used)
        }
        flushTouched()
    }

    /// Deals with all whole replies; returns the bytes they took. They came together, so that
    /// one look at the clock serves them all.
    private func answer(_ index: Int, _ bytes: Bytes) -> Int {
        let now = Clocks.monotonic()
        let generation = connections[index].generation
        var used = 0
        while used < bytes.count {
            let taken =
                switch scheme {
                case .memcached: answerMemcached(index, bytes.slice(used, bytes.count), now)
                case .exec: answerAdapter(index, bytes.slice(used, bytes.count), now)
                default: answerRESP(index, bytes, from: used, now)
                }
            guard let taken, connections[index].generation == generation else { return used }
            used += taken
        }
        return used
    }

    /// Deals with one reply of Redis's protocol; the bytes it took, or nil if it is not whole.
    private func answerRESP(_ index: Int, _ bytes: Bytes, from start: Int, _ now: Instant) -> Int? {
        switch Reply.scan(bytes, from: start) {
        case .incomplete: return nil
        case .malformed:
            malformed(index, "an answer that is not of Redis's protocol", now)
            return nil
        case .complete(let reply):
            deliver(index, reply, now)
            return reply.consumed
        }
    }

    /// The other side does not speak what it should.
    func malformed(_ index: Int, _ what: String, _ now: Instant) {
        if conductor.beginning == nil { refused(index, what, "\(plan.target) gave ") }
        lastFailure = what
        lose(index, .refused("MALFORMED"), now)
    }

    /// Nobody awaits this.
    func unasked(_ index: Int, _ now: Instant) {
        lastFailure = "an answer that nobody asked for"
        lose(index, .refused("UNASKED"), now)
    }

    /// What an answer means for the operation that it belongs to, where one answer is all.
    enum Answer {
        case value(Bytes)
        case absent
        /// A write took effect, or a scan was whole.
        case done
        case failed(Recorder.Outcome, Failure)
    }

    /// Carries an answer to the oldest operation of a connection.
    func conclude(_ place: Int, _ answer: Answer, _ now: Instant) {
        guard let index = connections[place].next else {
            unasked(place, now)
            return
        }
        connections[place].removeNext()
        let session = sessions + index
        var worst = session.pointee.failure
        session.pointee.failure = nil
        switch answer {
        case .value(let bytes): worst = read(bytes, requests.values, session) ?? worst
        case .absent, .done: break
        case .failed(let outcome, let failure):
            session.pointee.outcome = outcome
            if session.pointee.part != .write { session.pointee.value = 0 }
            worst = failure
        }
        endPart(index, failure: worst, now: now)
    }

    private func deliver(_ index: Int, _ reply: Reply, _ now: Instant) {
        if connections[index].state == .greeting {
            greeted(index, reply)
        } else if let session = connections[index].next {
            conclude(session, index, reply, now)
        } else {
            unasked(index, now)
        }
    }

    /// What a reply means for the operation under way.
    private func conclude(_ index: Int, _ place: Int, _ reply: Reply, _ now: Instant) {
        let session = sessions + index
        session.pointee.awaited &-= 1
        let failure =
            switch session.pointee.part {
            case .read: concludeRead(session, reply)
            case .write: concludeWrite(session, reply)
            case .names where scheme == .quorum: concludeRange(session, reply, now)
            case .names: concludeNames(index, place, reply)
            case .records: concludeRecord(index, reply, now)
            }
        if let failure { session.pointee.failure = failure }
        guard session.pointee.awaited == 0 || session.pointee.part == .names else { return }
        connections[place].removeNext()
        if session.pointee.part == .names, session.pointee.awaited > 0 {
            // What the other sessions of this connection have asked for meanwhile comes first.
            session.pointee.part = .records
            connections[place].append(index)
            touch(place)
            return
        }
        let worst = session.pointee.failure
        session.pointee.failure = nil
        endPart(index, failure: worst, now: now)
    }

    private func concludeRead(
        _ session: UnsafeMutablePointer<Session>, _ reply: Reply
    ) -> Failure? {
        switch reply.kind {
        case .bulk:
            let values = plan.redis.dataType == .hash ? requests.fieldValues : requests.values
            return read(reply.payload, values, session)
        case .null: return nil
        case .array where plan.asksReplicas:
            return replicas?.hear(reply).flatMap { read($0, requests.values, session) }
        case .array where plan.redis.dataType == .hash: return readFields(session, reply)
        default: return refuse(session, reply)
        }
    }

    /// Takes a record that a scan found. What is not a record of the workload is passed over.
    func found(
        _ key: Bytes, _ value: Bytes, _ session: UnsafeMutablePointer<Session>, _ now: Instant
    ) {
        if let failure = read(value, requests.values, session) {
            session.pointee.failure = failure
        } else if let number = requests.number(of: key) {
            recordScanned(number, session, now)
        }
    }

    /// Notes who wrote a value.
    @inline(__always)
    private func read(
        _ value: Bytes, _ values: borrowing RecordValue, _ session: UnsafeMutablePointer<Session>
    ) -> Failure? {
        guard let writer = RecordValue.writer(of: value) else {
            session.pointee.value = Generator.opaque(value)
            return nil
        }
        session.pointee.value = writer.number
        guard plan.workload.dataIntegrity else { return nil }
        if values.isIntact(value, of: writer) {
            ledger.measurements.verified += 1
            return nil
        }
        session.pointee.outcome = .fail
        return .corruptValue
    }

    /// Names and values of a record's fields in turn. When every write is of all fields, all of
    /// them carry the name of the same one.
    private func readFields(
        _ session: UnsafeMutablePointer<Session>, _ reply: Reply
    ) -> Failure? {
        var writer: UInt64?
        var failure: Failure?
        var isName = true
        reply.forEachElement { element in
            isName.toggle()
            guard isName, failure == nil else { return }
            failure = read(element.payload, requests.fieldValues, session)
            if plan.isRegister, let writer, writer != session.pointee.value {
                session.pointee.outcome = .fail
                failure = .tornRecord
            }
            writer = session.pointee.value
        }
        return failure
    }

    private func concludeWrite(
        _ session: UnsafeMutablePointer<Session>, _ reply: Reply
    ) -> Failure? {
        switch reply.kind {
        case .simple: return nil
        case .array where plan.asksReplicas:
            _ = replicas?.hear(reply)
            return nil
        case .integer where plan.redis.commandsPerInsert > 1:
            // Of WAIT, the last one: how many replicas have the write.
            guard plan.redis.wait > 0, session.pointee.awaited == 0 else { return nil }
            guard Reply.number(reply.payload) ?? 0 < plan.redis.wait else { return nil }
            session.pointee.outcome = .unknown
            return .tooFewReplicas
        default:
            let failure = refuse(session, reply)
            // The other commands of the write may have had their effect.
            if plan.redis.commandsPerInsert > 1 { session.pointee.outcome = .unknown }
            return failure
        }
    }

    /// Asks for the records that an index names.
    private func concludeNames(_ index: Int, _ place: Int, _ reply: Reply) -> Failure? {
        let session = sessions + index
        named[index].removeAll(keepingCapacity: true)
        guard reply.kind == .array else {
            return refuse(session, reply)
        }
        var count: Int32 = 0
        reply.forEachElement { name in
            requests.found(name.payload, to: &connections[place].output)
            named[index].append(requests.number(of: name.payload))
            count += 1
        }
        session.pointee.awaited = count
        return nil
    }

    /// Where the scan would go on, and keys and values in turn.
    private func concludeRange(
        _ session: UnsafeMutablePointer<Session>, _ reply: Reply, _ now: Instant
    ) -> Failure? {
        guard reply.kind == .array else { return refuse(session, reply) }
        var goesOn = false
        var count = 0
        var key: Bytes?
        reply.forEachElement { part in
            guard part.kind == .array else {
                goesOn = part.kind == .bulk
                return
            }
            part.forEachElement { word in
                guard let name = key else {
                    key = word.payload
                    return
                }
                key = nil
                count += 1
                found(name, word.payload, session, now)
            }
        }
        session.pointee.value = 0
        // Records that were too large together, or among too many deleted ones.
        guard !goesOn || count >= Int(session.pointee.operation.scanLength) else {
            session.pointee.outcome = .fail
            return .refused("SHORT-SCAN")
        }
        return session.pointee.failure
    }

    private func concludeRecord(_ index: Int, _ reply: Reply, _ now: Instant) -> Failure? {
        let session = sessions + index
        guard reply.kind == .array else { return refuse(session, reply) }
        session.pointee.value = 0
        if let failure = readFields(session, reply) { return failure }
        // Records come in the order of their names, the last one when none is awaited any more.
        let place = named[index].count - 1 - Int(session.pointee.awaited)
        if plan.isRegister, let number = named[index][place] {
            recordScanned(number, session, now)
        }
        return nil
    }

    /// `-TIMEOUT`: some replicas may have written; `-UNAVAILABLE`: certainly none. Other errors
    /// are refusals before anything was done.
    private func refuse(
        _ session: UnsafeMutablePointer<Session>, _ reply: Reply
    ) -> Failure {
        session.pointee.value = session.pointee.part == .write ? session.pointee.value : 0
        guard reply.kind == .error else {
            session.pointee.outcome = .fail
            return .refused("UNEXPECTED-REPLY")
        }
        let message = reply.payload
        var length = 0
        while length < message.count, message[length] != 32, length < 40 { length += 1 }
        let word = message.slice(0, length).text
        session.pointee.outcome = word == "TIMEOUT" ? .unknown : .fail
        switch word {
        case "TIMEOUT": return .storeTimeout
        case "UNAVAILABLE", "GONE": return .unavailable
        default: return .refused(word)
        }
    }

    /// Stands for a value that no load generator wrote.
    private static func opaque(_ value: Bytes) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for i in 0..<value.count { hash = (hash ^ UInt64(value[i])) &* 0x100_0000_01b3 }
        return hash | Recorder.opaque
    }
}
