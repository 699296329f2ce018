import Basics
import Platform
import Workloads

/// One thread's share of a load: its sessions, its part of the operations, what it measured.
///
/// A turn waits for sockets, carries every answer to its operation's end, and starts what is due:
/// in a closed loop at once on the same session, in an open loop when its time has come and a
/// session is free. Nothing is allocated per operation.
final class Generator: @unchecked Sendable {
    // Sendable without checking: one thread runs it from its start to its end; the others touch
    // it before that thread begins and after it was joined.
    let plan: LoadPlan
    let share: Int
    let conductor: Conductor
    let loop: EventLoop
    let sessions: UnsafeMutablePointer<Session>
    let sessionCount: Int
    let values: RecordValue
    let recorder: Recorder
    var measurements: Measurements
    let received: UnsafeMutableRawBufferPointer

    /// Ready sessions in the order in which they became so: a ring.
    var free: [Int32]
    var firstFree = 0
    var freeCount = 0

    private var stream: OperationStream
    private var schedule: ArrivalSchedule?
    private var nextArrival = Instant.distantFuture
    /// Operations that may still begin; only those that are measured count.
    private var quota: UInt64
    private let initialQuota: UInt64
    private var loaded: UInt64 = 0

    private(set) var beginning = Instant.origin
    private(set) var measuringFrom = Instant.origin
    private var endOfStarts = Instant.distantFuture
    var busy = 0
    var connected = 0
    /// When the last session was lost; nil while one is connected.
    var absentSince: Instant?
    var isEnding = false
    private(set) var ending = LoadResult.Ending.completed
    private(set) var lastCompletion = Instant.origin
    var random: RandomSource

    private var nextTick = Instant.origin
    private var nextReport = Instant.origin
    private var progress = LoadProgress()
    private var recent = Histogram()
    private var nextProcess: UInt32
    /// Why connecting failed last.
    var lastFailure = ""

    private static let readBytes = 1 << 17

    init(
        _ plan: LoadPlan, share: Int, firstProcess: UInt32, conductor: Conductor
    ) throws(SystemError) {
        self.plan = plan
        self.share = share
        self.conductor = conductor
        loop = try EventLoop()
        let shares = plan.generators
        let threads = plan.workload.threadCount
        sessionCount = threads / shares + (share < threads % shares ? 1 : 0)
        sessions = .allocate(capacity: sessionCount)
        nextProcess = firstProcess + UInt32(share)
        for i in 0..<sessionCount {
            let session = share + i * shares
            let process = nextProcess
            nextProcess += UInt32(shares)
            (sessions + i).initialize(
                to: Session(address: session % plan.target.addresses.count, process: process))
        }
        free = [Int32](repeating: 0, count: sessionCount)
        values = RecordValue(plan.workload)
        let workload = plan.workload
        let total = plan.phase == .load ? workload.insertCount : workload.operationCount
        let part = total / UInt64(shares) + (UInt64(share) < total % UInt64(shares) ? 1 : 0)
        quota = total == 0 ? .max : part
        initialQuota = quota
        let root = RandomSource(seed: plan.seed)
        stream = OperationStream(
            workload, random: root.fork("operations", UInt64(share)), share: share, of: shares)
        schedule = ArrivalSchedule(
            workload.arrivals, rate: workload.target,
            random: root.fork("arrivals", UInt64(share)), share: share, of: shares)
        random = root.fork("reconnects", UInt64(share))
        let reserve = part == 0 ? UInt64(sessionCount) * 10_000 : part * 5 / 4
        recorder = Recorder(isOn: plan.recordsHistory, expected: min(reserve, 4 << 20))
        measurements = Measurements(interval: plan.interval)
        received = .allocate(byteCount: Generator.readBytes, alignment: 16)
    }

    deinit {
        for i in 0..<sessionCount { sessions[i].socket?.close() }
        sessions.deinitialize(count: sessionCount)
        sessions.deallocate()
        received.deallocate()
    }

    /// Connects, waits for the common beginning, generates, and ends.
    func run() {
        defer { conductor.ended() }
        guard connectAll() else { return }
        conductor.prepared()
        guard awaitBeginning() else { return }
        measuringFrom = beginning + plan.warmup
        if let duration = plan.duration { endOfStarts = measuringFrom + duration }
        lastCompletion = measuringFrom
        nextReport = beginning + .seconds(1)
        if schedule != nil { advanceSchedule() }
        absentSince = connected == 0 ? beginning : nil
        generate()
        measurements.closeInterval(next: 0)
        report(Clocks.monotonic())
    }

    private func awaitBeginning() -> Bool {
        while true {
            if let instant = conductor.beginning {
                beginning = instant
                if Clocks.monotonic() >= instant { return true }
            } else if conductor.stop.isRaised || conductor.failure != nil {
                return false
            }
            turn(until: Clocks.monotonic() + .milliseconds(1))
        }
    }

    private func generate() {
        var drained = Instant.distantFuture
        while true {
            var now = Clocks.monotonic()
            if now >= nextTick {
                tick(now)
                nextTick = now + .milliseconds(50)
            }
            if !isEnding {
                startDue(now)
                // An open loop still starts what was due before the end and had no session.
                if quota == 0 || schedule == nil && now >= endOfStarts { isEnding = true }
            }
            if isEnding {
                if drained == .distantFuture { drained = now + patience }
                if busy == 0 { break }
                if now >= drained { abandon(now) }
            }
            now = min(nextTick, freeCount > 0 && !isEnding ? nextArrival : .distantFuture)
            turn(until: min(now, isEnding ? drained : schedule == nil ? endOfStarts : now))
        }
    }

    /// How long answers to what is under way are waited for at the end: briefly when somebody
    /// waits for the run to stop.
    private var patience: Instant.Duration {
        ending == .interrupted ? min(plan.requestTimeout, .seconds(1)) : plan.requestTimeout
    }

    /// Gives up on every answer that has not come.
    private func abandon(_ now: Instant) {
        for index in 0..<sessionCount where sessions[index].state == .busy {
            lose(index, .requestTimeout, now)
        }
    }

    /// Waits for sockets and deals with what they bring.
    func turn(until deadline: Instant) {
        for ready in loop.wait(until: deadline) {
            let index = Int(truncatingIfNeeded: ready.token & 0xffff_ffff)
            let session = sessions + index
            guard session.pointee.generation == UInt32(truncatingIfNeeded: ready.token >> 32)
            else { continue }
            if session.pointee.state == .connecting {
                connectionDecided(index)
                continue
            }
            if ready.writable, !session.pointee.output.isEmpty { flush(index) }
            if ready.readable, session.pointee.socket != nil { receive(index) }
        }
    }

    // MARK: Starting

    /// Starts whatever is due and has a session.
    private func startDue(_ now: Instant) {
        guard schedule != nil else {
            while freeCount > 0, quota > 0, !isEnding {
                let instant = Clocks.monotonic()
                start(takeFree(), intended: instant, now: instant)
            }
            return
        }
        while nextArrival <= now, nextArrival < endOfStarts, freeCount > 0, quota > 0 {
            let intended = nextArrival
            advanceSchedule()
            start(takeFree(), intended: intended, now: Clocks.monotonic())
        }
        if nextArrival >= endOfStarts { isEnding = true }
        if now > nextArrival + plan.saturationLag, !isEnding {
            ending = .overloaded(lag: now - nextArrival)
            isEnding = true
        }
    }

    private func advanceSchedule() {
        if let offset = schedule?.next() { nextArrival = beginning + offset }
    }

    private func takeFree() -> Int {
        let index = Int(free[firstFree])
        firstFree = firstFree &+ 1 == sessionCount ? 0 : firstFree &+ 1
        freeCount &-= 1
        return index
    }

    func giveFree(_ index: Int) {
        var place = firstFree &+ freeCount
        if place >= sessionCount { place &-= sessionCount }
        free[place] = Int32(truncatingIfNeeded: index)
        freeCount &+= 1
    }

    private func start(_ index: Int, intended: Instant, now: Instant) {
        let session = sessions + index
        if intended >= measuringFrom, quota != .max { quota &-= 1 }
        let operation: PlannedOperation
        if plan.phase == .load {
            let record =
                plan.workload.insertStart + UInt64(share) + loaded * UInt64(plan.generators)
            loaded += 1
            operation = PlannedOperation(kind: .insert, record: record)
        } else {
            operation = stream.next()
        }
        session.pointee.operation = operation
        session.pointee.intended = intended
        session.pointee.started = now
        session.pointee.isWriting = operation.kind == .update || operation.kind == .insert
        session.pointee.state = .busy
        busy &+= 1
        send(index, now)
    }

    /// Sends the current half of a session's operation.
    private func send(_ index: Int, _ now: Instant) {
        let session = sessions + index
        let workload = plan.workload
        let key = KeyName(
            record: session.pointee.operation.record, insertOrder: workload.insertOrder,
            zeroPadding: workload.zeroPadding)
        session.pointee.invoked = now
        if session.pointee.isWriting {
            let write: WriteID
            if plan.phase == .load {
                write = WriteID(
                    process: WriteID.loader, sequence: session.pointee.operation.record)
            } else {
                session.pointee.sequence &+= 1
                write = WriteID(
                    process: session.pointee.process, sequence: session.pointee.sequence)
            }
            session.pointee.writing = write.number
            session.pointee.encodeWrite(of: key, write, values)
        } else {
            session.pointee.writing = 0
            session.pointee.encodeRead(of: key)
        }
        flush(index)
    }

    // MARK: Ending

    /// Ends the current half of a session's operation. `value` is what a read returned.
    func end(
        _ index: Int, _ outcome: Recorder.Outcome, value: UInt64, failure: Failure?, now: Instant
    ) {
        let session = sessions + index
        let operation = session.pointee.operation
        let isMeasured = session.pointee.intended >= measuringFrom
        let writes = session.pointee.isWriting
        recorder.record(
            Recorder.Entry(
                process: session.pointee.process, isWrite: writes, outcome: outcome,
                record: operation.record, value: writes ? session.pointee.writing : value,
                invoked: session.pointee.invoked, completed: now,
                intended: session.pointee.intended))
        if isMeasured, let failure { measurements.count(failure) }
        if outcome == .unknown { retire(index) }
        if operation.kind == .readModifyWrite {
            if isMeasured {
                let spent = now - session.pointee.invoked
                measurements.count(
                    writes ? .update : .read, outcome, latency: spent, service: spent,
                    elapsed: now - measuringFrom, isWhole: false)
            }
            if !writes, outcome == .ok {
                session.pointee.isWriting = true
                send(index, now)
                return
            }
        }
        if operation.kind == .insert, plan.phase != .load {
            stream.acknowledge(operation.insertion)
        }
        let latency = now - session.pointee.intended
        if isMeasured {
            measurements.count(
                operation.kind, outcome, latency: latency,
                service: now - session.pointee.started, elapsed: now - measuringFrom,
                isWhole: true)
            lastCompletion = now
        }
        recent.record(latency)
        progress.operations &+= 1
        if outcome != .ok { progress.errors &+= 1 }
        busy &-= 1
        session.pointee.state = .ready
        guard session.pointee.socket != nil else { return }
        if schedule == nil, quota > 0, !isEnding {
            start(index, intended: now, now: now)
        } else {
            giveFree(index)
        }
    }

    /// After an unknown outcome the operation may still take effect: the client goes on as
    /// somebody else, so that a process never has two operations under way.
    private func retire(_ index: Int) {
        guard nextProcess < WriteID.loader - UInt32(plan.generators) else {
            ending = .processesExhausted
            isEnding = true
            return
        }
        sessions[index].process = nextProcess
        sessions[index].sequence = 0
        nextProcess += UInt32(plan.generators)
    }

    /// One above the largest process number given out.
    var processes: UInt32 { nextProcess }

    // MARK: Now and then

    private func tick(_ now: Instant) {
        for index in 0..<sessionCount {
            let session = sessions + index
            switch session.pointee.state {
            case .busy where now - session.pointee.invoked > plan.requestTimeout:
                lose(index, .requestTimeout, now)
            case .connecting, .greeting:
                if now > session.pointee.retryAt { lose(index, .connectionLost, now) }
            case .waiting where now >= session.pointee.retryAt && !isEnding: connect(index, now)
            default: break
            }
        }
        if let absentSince, now - absentSince > plan.absenceLimit, !isEnding {
            ending = .targetLost(lastFailure)
            isEnding = true
        }
        if conductor.stop.isRaised, !isEnding {
            ending = .interrupted
            isEnding = true
        }
        if now >= nextReport { report(now) }
    }

    private func report(_ now: Instant) {
        let before = reportedOperations
        let seconds = max((now - lastReport).seconds, 1e-9)
        progress.rate = Double(progress.operations - before) / seconds
        reportedOperations = progress.operations
        lastReport = now
        nextReport = max(nextReport + .seconds(1), now)
        progress.elapsed = now - beginning
        progress.isWarmingUp = now < measuringFrom
        progress.p50 = recent.percentile(50)
        progress.p99 = recent.percentile(99)
        progress.connected = connected
        progress.lag =
            schedule != nil && now > nextArrival && !isEnding ? now - nextArrival : .zero
        progress.share = share(at: now)
        recent.removeAll()
        conductor.report(progress, of: share)
    }

    private var reportedOperations: UInt64 = 0
    private lazy var lastReport = beginning

    /// How much of what is to be done is done, by count or by time.
    private func share(at now: Instant) -> Double? {
        let counted = initialQuota == .max ? nil : 1 - Double(quota) / Double(max(1, initialQuota))
        guard let duration = plan.duration else { return counted }
        let timed = min(1, (now - measuringFrom).seconds / max(duration.seconds, 1e-9))
        return max(0, max(timed, counted ?? 0))
    }
}
