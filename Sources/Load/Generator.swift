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
    private let share: Int
    let conductor: Conductor
    let loop: EventLoop
    let sessions: UnsafeMutablePointer<Session>
    let sessionCount: Int
    let connections: UnsafeMutablePointer<Connection>
    let connectionCount: Int
    /// Connections that writes go over, the first ones.
    let writerCount: Int
    let requests: Requests
    // One thread has all of these, and none is touched while it is being changed: the check of
    // that at run time would take a quarter of an operation's time.
    @exclusivity(unchecked) var ledger: Ledger
    @exclusivity(unchecked) var work: Work
    @exclusivity(unchecked) var numbers: ProcessNumbers
    let received: UnsafeMutableRawBufferPointer
    let scheme: Target.Scheme
    /// Without a store: operations end where they start.
    let isNull: Bool
    /// Whether operations are heard about in Redis's protocol.
    let speaksRESP: Bool
    /// Of `etcd://`: a slot for each connection.
    let http: HTTPClient?
    /// Of `etcd://` with a login: the gateway has given a token.
    var hasToken = false
    /// Of `rediss://`.
    let tls: TLSContext?
    /// Where replies name replicas: what they said.
    @exclusivity(unchecked) var replicas: ReplicaLog?
    /// Reads answers in JSON; keys and values on their way in or out of it.
    @exclusivity(unchecked) var json = JSONReader()
    @exclusivity(unchecked) var scratch = ByteBuffer(capacity: 2_048)

    /// By session: the numbers of the names that its scan found; nil for names of others.
    @exclusivity(unchecked) var named: [[UInt64?]]
    /// Where the key ends in `scratch`.
    @exclusivity(unchecked) var pairKeyEnd = 0

    /// Ready sessions in the order in which they became so: a ring.
    @exclusivity(unchecked) var free: [Int32]
    @exclusivity(unchecked) var firstFree = 0
    @exclusivity(unchecked) var freeCount = 0
    /// Connections that have something to say.
    @exclusivity(unchecked) var touched: [Int32]
    @exclusivity(unchecked) var touchedCount = 0
    /// Sessions that wait before they try an insert again.
    var pausing = 0

    private var endOfStarts = Instant.distantFuture
    @exclusivity(unchecked) var busy = 0
    var connected = 0
    /// When the last connection was lost; nil while one stands.
    var absentSince: Instant?
    @exclusivity(unchecked) var isEnding = false
    @exclusivity(unchecked) var ending = LoadResult.Ending.completed
    var random: RandomSource
    private var trend: BacklogTrend

    private var nextTick = Instant.origin
    /// Why connecting failed last.
    var lastFailure = ""

    private static let readBytes = 1 << 17
    /// Operations that a target without a socket may do before the loop looks around.
    private static let burst = 4_096

    init(
        _ plan: LoadPlan, share: Int, firstProcess: UInt32, conductor: Conductor
    ) throws {
        self.plan = plan
        self.share = share
        self.conductor = conductor
        scheme = plan.target.scheme
        isNull = scheme == .null
        speaksRESP = scheme == .quorum || scheme == .redis
        loop = try EventLoop()
        let whole = Work.Share(
            number: plan.worker * plan.generators + share, count: plan.workers * plan.generators)
        sessionCount = plan.sessionCount.share(share, of: plan.generators)
        let primaries = isNull ? 0 : plan.connectionCount.share(share, of: plan.generators)
        writerCount = primaries
        connectionCount = plan.readAddresses.isEmpty ? primaries : primaries * 2
        http =
            scheme == .etcd ? try Generator.gateway(plan, slots: connectionCount, loop) : nil
        tls = speaksRESP && plan.target.isSecure ? try plan.tls.context() : nil
        sessions = .allocate(capacity: sessionCount)
        connections = .allocate(capacity: connectionCount)
        numbers = ProcessNumbers(first: firstProcess, share: whole)
        for i in 0..<sessionCount {
            let writer = primaries == 0 ? -1 : Int32(i % primaries)
            let reader = connectionCount > primaries ? writer + Int32(primaries) : writer
            (sessions + i).initialize(
                to: Session(writer: writer, reader: reader, process: numbers.take() ?? 0))
        }
        for i in 0..<connectionCount {
            let addresses = i < primaries ? plan.target.addresses : plan.readAddresses
            let number = share + i % primaries * plan.generators
            (connections + i).initialize(
                to: Connection(
                    address: addresses.isEmpty ? 0 : number % addresses.count, of: addresses,
                    sessions: sessionCount.share(i % primaries, of: primaries)))
        }
        free = [Int32](repeating: 0, count: sessionCount)
        named = Array(repeating: [], count: sessionCount)
        touched = [Int32](repeating: 0, count: connectionCount)
        requests = Requests(plan)
        replicas = plan.asksReplicas ? ReplicaLog(keeps: plan.recordsHistory) : nil
        work = Work(plan, share: whole)
        random = RandomSource(seed: plan.seed).fork("generator", UInt64(whole.number))
        let part = Work.part(of: plan, whole)
        let reserve = part == .max ? UInt64(sessionCount) * 10_000 : part / 4 * 5 + 4
        ledger = Ledger(plan, share: share, expected: reserve, conductor: conductor)
        trend = BacklogTrend(tick: Generator.tick)
        received = .allocate(byteCount: Generator.readBytes, alignment: 16)
        if isNull { for index in 0..<sessionCount { giveFree(index) } }
    }

    deinit {
        for i in 0..<connectionCount {
            connections[i].socket?.close()
            if let adapter = connections[i].adapter { Generator.end(adapter) }
        }
        connections.deinitialize(count: connectionCount)
        connections.deallocate()
        sessions.deinitialize(count: sessionCount)
        sessions.deallocate()
        received.deallocate()
    }

    /// Connects, waits for the common beginning, generates, and ends.
    func run() {
        defer { conductor.ended() }
        guard connectAll() else { return }
        conductor.prepared()
        guard let beginning = awaitBeginning() else { return }
        ledger.begin(at: beginning, warmup: plan.warmup)
        if let duration = plan.duration { endOfStarts = ledger.measuringFrom + duration }
        work.begin(at: beginning)
        absentSince = connected == 0 && !isNull ? beginning : nil
        generate()
        ledger.measurements.closeInterval(next: 0)
        report(Clocks.monotonic())
        if plan.checksOnline {
            conductor.publish(ledger.recorder.takeFresh(), upTo: .distantFuture, of: share)
        }
    }

    private func awaitBeginning() -> Instant? {
        while true {
            if conductor.stop.isRaised || conductor.failure != nil { return nil }
            let now = Clocks.monotonic()
            if let instant = conductor.beginning, now >= instant { return instant }
            turn(until: min(now + .milliseconds(1), conductor.beginning ?? .distantFuture))
        }
    }

    /// How long a look at the clock for rare things may be put off.
    private static let tick = Instant.Duration.milliseconds(50)

    private func generate() {
        var drained = Instant.distantFuture
        while true {
            let now = Clocks.monotonic()
            if now >= nextTick {
                tick(now)
                nextTick = now + Generator.tick
            }
            if !isEnding {
                startDue(now)
                // An open loop still starts what was due before the end and had no session.
                if work.quota == 0 || !work.isOpen && now >= endOfStarts { isEnding = true }
            }
            flushTouched()
            if isEnding {
                if drained == .distantFuture { drained = now + patience }
                if busy == 0 { break }
                if now >= drained { abandon(now) }
                turn(until: min(nextTick, drained))
            } else if isNull, !work.isOpen {
                continue
            } else {
                let due = freeCount > 0 ? work.nextArrival : .distantFuture
                turn(until: min(nextTick, work.isOpen ? nextTick : endOfStarts), due: due)
            }
        }
    }

    /// How long answers to what is under way are waited for at the end: briefly when somebody
    /// waits for the run to stop.
    private var patience: Instant.Duration {
        guard ending == .interrupted else {
            let retries = Int64(plan.phase == .load ? plan.workload.insertionRetryLimit : 0)
            return plan.requestTimeout + (plan.requestTimeout + plan.retryPause * 2) * retries
        }
        return min(plan.requestTimeout, .seconds(1))
    }

    /// Waits for sockets and deals with what they bring. Up to `due`, when an operation is to
    /// start, the last stretch is spent polling: a sleeping thread wakes too late.
    private func turn(until deadline: Instant, due: Instant) {
        guard due < .distantFuture, plan.spin > .zero else {
            turn(until: min(deadline, due))
            return
        }
        let alarm = due + plan.spin * -1
        let limit = min(deadline, alarm)
        turn(until: Clocks.monotonic() >= limit ? .origin : limit)
    }

    private func turn(until deadline: Instant) {
        for ready in loop.wait(until: http.map { min(deadline, $0.deadline) } ?? deadline) {
            if let http, HTTPClient.isToken(ready.token) {
                http.act(ready)
                continue
            }
            let index = Int(truncatingIfNeeded: ready.token & 0xffff_ffff)
            let connection = connections + index
            guard
                connection.pointee.generation & 0x7fff_ffff
                    == UInt32(truncatingIfNeeded: ready.token >> 32)
            else { continue }
            switch connection.pointee.state {
            case .connecting: connectionDecided(index)
            case .securing: shakeHands(index)
            default:
                if ready.writable, connection.pointee.isBlocked { flush(index) }
                if ready.readable { receive(index) }
                if ready.failed { receiveLast(index, of: ready.token) }
            }
        }
        if http != nil { takeHTTPAnswers() }
    }

    /// One turn while no operation is due: for connecting.
    func idle(until deadline: Instant) {
        flushTouched()
        turn(until: deadline)
    }

    // MARK: Starting

    /// Starts whatever is due and has a session.
    private func startDue(_ now: Instant) {
        guard work.isOpen else {
            var left = isNull ? Generator.burst : .max
            while freeCount > 0, work.quota > 0, !isEnding, left > 0 {
                let instant = Clocks.monotonic()
                start(takeFree(), intended: instant, now: instant)
                left -= 1
            }
            return
        }
        while work.nextArrival <= now, work.nextArrival < endOfStarts, freeCount > 0,
            work.quota > 0, !isEnding
        {
            let intended = work.nextArrival
            work.advance()
            let instant = Clocks.monotonic()
            ledger.started(intended: intended, now: instant)
            start(takeFree(), intended: intended, now: instant)
        }
        if work.nextArrival >= endOfStarts || work.nextArrival == .distantFuture {
            isEnding = true
        }
        if now > work.nextArrival + plan.saturationLag, !isEnding {
            ending = .overloaded(lag: now - work.nextArrival)
            isEnding = true
        }
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

    // MARK: Now and then

    private func tick(_ now: Instant) {
        for index in 0..<connectionCount {
            let connection = connections + index
            switch connection.pointee.state {
            case .ready:
                guard let oldest = connection.pointee.next else { continue }
                // Replies come in order, so that none is older than the first.
                if now - sessions[oldest].invoked > plan.requestTimeout {
                    lose(index, .requestTimeout, now)
                }
            case .connecting, .securing, .greeting:
                if now > connection.pointee.retryAt { lose(index, .connectionLost, now) }
            case .waiting where now >= connection.pointee.retryAt && !(isEnding && busy == 0):
                connect(index, now)
            case .waiting: break
            }
        }
        if plan.warmsUpUntilSteady { endWarmup() }
        if pausing > 0 { tryAgain(now) }
        if let absentSince, now - absentSince > plan.absenceLimit, !isEnding {
            ending = .targetLost(lastFailure)
            isEnding = true
        }
        if conductor.stop.isRaised, !isEnding {
            ending = .interrupted
            isEnding = true
        }
        if plan.workload.arrivals.isSteady, !isEnding, work.isOpen, !plan.toleratesBacklog,
            trend.grows(lag: lag(now), completed: ledger.completed)
        {
            ending = .overloaded(lag: lag(now))
            isEnding = true
        }
        if now >= ledger.nextReport { report(now) }
        if plan.checksOnline { publish(now) }
    }

    /// Hands what was recorded to the online check. What is under way began at the mark or later,
    /// and so does everything that is to come.
    private func publish(_ now: Instant) {
        var mark = now
        for index in 0..<sessionCount where sessions[index].state == .busy {
            mark = min(mark, sessions[index].invoked)
        }
        conductor.publish(ledger.recorder.takeFresh(), upTo: mark, of: share)
    }

    /// Takes over when the warm-up ends, once that is known: the conductor gives every generator
    /// the time to hear of it before.
    private func endWarmup() {
        guard let instant = conductor.measuringFrom, instant != ledger.measuringFrom else { return }
        ledger.measure(from: instant)
        if let duration = plan.duration { endOfStarts = instant + duration }
    }

    private func lag(_ now: Instant) -> Instant.Duration {
        work.isOpen && now > work.nextArrival && !isEnding ? now - work.nextArrival : .zero
    }

    private func report(_ now: Instant) {
        ledger.report(now, connected: connected, lag: lag(now), done: work.done)
    }
}

extension Int {
    /// This many things dealt out in turn to `count` hands: how many hand `number` gets.
    func share(_ number: Int, of count: Int) -> Int {
        self / count + (number < self % count ? 1 : 0)
    }
}
