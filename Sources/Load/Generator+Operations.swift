import Basics
import Platform
import Workloads

/// Operations: how they start, what their parts are, how they end.
extension Generator {
    func start(_ index: Int, intended: Instant, now: Instant) {
        let session = sessions + index
        let operation = work.next(isMeasured: intended >= ledger.measuringFrom)
        session.pointee.operation = operation
        session.pointee.intended = intended
        session.pointee.attempts = 0
        begin(index, now)
    }

    /// Starts a session's operation, for the first time or again.
    private func begin(_ index: Int, _ now: Instant) {
        let session = sessions + index
        session.pointee.started = now
        session.pointee.state = .busy
        busy &+= 1
        switch session.pointee.operation.kind {
        case .read, .readModifyWrite: session.pointee.part = .read
        case .update, .insert: session.pointee.part = .write
        case .scan: session.pointee.part = .names
        }
        send(index, now)
    }

    /// Queues the requests of the current part of a session's operation.
    func send(_ index: Int, _ now: Instant) {
        let session = sessions + index
        session.pointee.invoked = now
        session.pointee.outcome = .ok
        session.pointee.value = 0
        let isWrite = session.pointee.part == .write
        let write = isWrite ? nameWrite(session) : WriteID(process: 0, sequence: 0)
        if isWrite { session.pointee.value = write.number }
        guard !isNull else {
            endPart(index, failure: nil, now: Clocks.monotonic())
            return
        }
        let place = session.pointee.connection
        let connection = connections + place
        guard connection.pointee.state == .ready else {
            // Of two connections the other one was lost in the middle of the operation.
            session.pointee.outcome = .fail
            endPart(index, failure: .connectionLost, now: now)
            return
        }
        connection.pointee.append(index)
        switch scheme {
        case .postgres: askPostgres(index, place, write)
        case .etcd: askGateway(index, place, write)
        case .memcached: askMemcached(index, place, write)
        case .exec: askAdapter(index, place, write)
        default: ask(index, place, write)
        }
        touch(place)
    }

    /// Queues requests of Redis's protocol.
    private func ask(_ index: Int, _ place: Int, _ write: WriteID) {
        let session = sessions + index
        let connection = connections + place
        let operation = session.pointee.operation
        switch session.pointee.part {
        case .read:
            session.pointee.awaited = requests.read(
                operation.record, draw: session.pointee.sequence &+ operation.record,
                to: &connection.pointee.output)
        case .write:
            session.pointee.awaited = requests.write(
                operation, write, to: &connection.pointee.output)
        case .names, .records:
            session.pointee.awaited =
                scheme == .quorum
                ? requests.range(operation, to: &connection.pointee.output)
                : requests.names(operation, to: &connection.pointee.output)
        }
    }

    private func nameWrite(_ session: UnsafeMutablePointer<Session>) -> WriteID {
        if plan.phase == .load {
            return WriteID(
                process: WriteID.loader, sequence: session.pointee.operation.record)
        }
        session.pointee.sequence &+= 1
        return WriteID(process: session.pointee.process, sequence: session.pointee.sequence)
    }

    /// All replies of a part have come, or never will. Goes on with the next part, or ends the
    /// operation.
    func endPart(_ index: Int, failure: Failure?, now: Instant) {
        let session = sessions + index
        let outcome = session.pointee.outcome
        let kind = session.pointee.operation.kind
        let isWrite = session.pointee.part == .write
        record(session, now)
        let isMeasured = session.pointee.intended >= ledger.measuringFrom
        if isMeasured, let failure { ledger.measurements.count(failure) }
        if outcome == .unknown { retire(index) }
        if kind == .readModifyWrite {
            if isMeasured {
                ledger.endedHalf(
                    isWrite ? .update : .read, outcome, spent: now - session.pointee.invoked)
            }
            if !isWrite, outcome == .ok {
                session.pointee.part = .write
                send(index, now)
                return
            }
        }
        if kind == .insert {
            if outcome != .ok, pauseForRetry(index, isMeasured, now) { return }
            work.acknowledge(session.pointee.operation)
        }
        ledger.ended(
            kind, outcome, intended: session.pointee.intended, started: session.pointee.started,
            now: now, isMeasured: isMeasured)
        busy &-= 1
        session.pointee.state = .idle
        guard isUsable(session) else { return }
        if !work.isOpen, work.quota > 0, !isEnding, !isNull {
            start(index, intended: now, now: now)
        } else {
            giveFree(index)
        }
    }

    private func record(_ session: UnsafeMutablePointer<Session>, _ now: Instant) {
        // What a scan found was recorded when it came: each record a read of its own.
        guard session.pointee.operation.kind != .scan else { return }
        ledger.recorder.record(
            Recorder.Entry(
                process: session.pointee.process, isWrite: session.pointee.part == .write,
                outcome: session.pointee.outcome, record: session.pointee.operation.record,
                value: session.pointee.value, invoked: session.pointee.invoked, completed: now,
                intended: session.pointee.intended))
        replicas?.note(address: connections[session.pointee.connection].address)
    }

    /// Records that a scan found a record with the value that was just read.
    func recordScanned(
        _ number: UInt64, _ session: UnsafeMutablePointer<Session>, _ now: Instant
    ) {
        ledger.recorder.record(
            Recorder.Entry(
                process: session.pointee.process, isWrite: false, outcome: .ok, isScanned: true,
                record: number, value: session.pointee.value, invoked: session.pointee.invoked,
                completed: now, intended: session.pointee.invoked))
    }

    /// After an unknown outcome the operation may still take effect: the client goes on as
    /// somebody else, so that a process never has two operations under way.
    private func retire(_ index: Int) {
        guard let number = numbers.take() else {
            ending = .processesExhausted
            isEnding = true
            return
        }
        sessions[index].process = number
        sessions[index].sequence = 0
    }

    /// Whether a session's connections stand.
    func isUsable(_ session: UnsafeMutablePointer<Session>) -> Bool {
        if isNull { return true }
        let (writer, reader) = (Int(session.pointee.writer), Int(session.pointee.reader))
        return connections[writer].state == .ready
            && (reader == writer || connections[reader].state == .ready)
    }

    // MARK: Inserts that are tried again

    /// Puts a failed insert of the load phase off, if it may be tried again.
    private func pauseForRetry(_ index: Int, _ isMeasured: Bool, _ now: Instant) -> Bool {
        let session = sessions + index
        guard plan.phase == .load,
            Int(session.pointee.attempts) < plan.workload.insertionRetryLimit,
            ending == .completed
        else { return false }
        session.pointee.attempts += 1
        session.pointee.state = .pausing
        if isMeasured {
            ledger.measurements.countRetried(.insert, latency: now - session.pointee.started)
        }
        pausing += 1
        return true
    }

    /// Starts again what has waited long enough and has a connection.
    func tryAgain(_ now: Instant) {
        for index in 0..<sessionCount where sessions[index].state == .pausing {
            let session = sessions + index
            if ending != .completed {
                giveUp(index, now)
                continue
            }
            // Within a fifth of the interval either way, so that they do not come all at once.
            let spread = Double(index * 7_919 % 401) / 1_000 + 0.8
            let pause = Int64(Double(plan.retryPause.nanoseconds) * spread)
            guard now - session.pointee.invoked > .nanoseconds(pause), isUsable(session) else {
                continue
            }
            pausing -= 1
            busy -= 1
            begin(index, now)
        }
    }

    /// Ends an insert that waits to be tried again.
    private func giveUp(_ index: Int, _ now: Instant) {
        let session = sessions + index
        pausing -= 1
        busy -= 1
        session.pointee.state = .idle
        ledger.ended(
            .insert, session.pointee.outcome == .ok ? .fail : session.pointee.outcome,
            intended: session.pointee.intended, started: session.pointee.started, now: now,
            isMeasured: session.pointee.intended >= ledger.measuringFrom)
        if isUsable(session) { giveFree(index) }
    }

    /// Gives up on every answer that has not come, and on every insert to be tried again.
    func abandon(_ now: Instant) {
        for index in 0..<connectionCount where connections[index].waiting > 0 {
            lose(index, .requestTimeout, now)
        }
        for index in 0..<sessionCount where sessions[index].state == .pausing {
            giveUp(index, now)
        }
    }
}
