import Basics
import Consistency
import Partitioning
import Replication
import Storage
import Wire

/// A cluster in one thread, ruled by a seed: real nodes on a virtual network, disks and clocks.
///
/// One heap holds everything that will happen, to nodes, clients and the weather alike. Every
/// step enters the digest, so that two runs with equal digests are the same run. Nothing here
/// decides by anything but the scenario.
public struct SimulatedCluster: ~Copyable {
    let scenario: Scenario
    /// Commands decide what happens, and when nodes notice.
    let isScripted: Bool
    let families: FaultFamilies
    public let conditions: Conditions
    public internal(set) var schedule: [ScheduledFault]
    let configuration: Configuration
    let placement: Placement
    let clusterSeed: UInt64

    var future = EventHeap()
    /// Virtual nanoseconds since the run began.
    var now: UInt64 = 0
    var digest = RunDigest()
    /// The digest after every step, when it is asked for.
    var stepLog: StepLog?
    /// The step that is to be told in words, and the words.
    var watched: UInt64?
    var watchedStep: String?
    var slab = ByteSlab()
    var network: SimulatedNetwork
    var machines: [Machine] = []
    var connections = Slots<ClientConnection>(limit: .max)
    var clients: [SimulatedClient] = []
    var effects = Effects()
    var batch = RequestBatch()
    let facts: SimulatedFacts
    /// Faults of the schedule that have begun and not ended.
    var active: [Int] = []

    var history = History()
    /// By operation of the history: its number in the order of drawing, −1 for others.
    var numbers: [Int32] = []
    /// By number of an operation: when it began.
    var turns: [UInt64] = []
    var counts = OperationCounts()
    var injected = FaultCounts()
    var traffic = TrafficCounts()
    var invariants: Invariants
    var probes = ProbeHits()
    var timeline: Timeline?

    var isOmitted: [Bool] = []
    var nextProcess: UInt32
    /// Clients that still have operations to run.
    var activeClients = 0
    var phase = Phase.faulty
    /// Members that come and go.
    var churn: Churn?
    let founders: [RingMember]
    /// Seeds of the draws that are functions of place and time.
    let diskStream: UInt64
    let clientStream: UInt64
    var detection: RandomSource
    var crashes: RandomSource

    /// The parts of a run.
    enum Phase: UInt64 {
        /// Clients run while faults strike.
        case faulty
        /// All has healed; what is on its way arrives or times out.
        case quiet
        /// Every key is read from all replicas.
        case reading
        /// Nothing more is asked.
        case over
    }

    /// A cluster whose nodes have started and reach each other; no client has asked anything.
    /// `isScripted`: clients wait for commands instead of drawing operations.
    public init(
        _ scenario: Scenario, isScripted: Bool = false, timeline: Timeline? = nil
    ) throws(ScenarioError) {
        try scenario.validate()
        self.init(valid: scenario, isScripted: isScripted, timeline: timeline)
    }

    private init(valid scenario: Scenario, isScripted: Bool, timeline: Timeline?) {
        let root = RandomSource(seed: scenario.seed)
        let families = Swarm.families(scenario)
        let conditions = scenario.conditions ?? Swarm.conditions(scenario, families)
        var placementRandom = root.fork("placement")
        let clusterSeed = placementRandom.next()
        self.init(
            scenario: scenario, families: families, conditions: conditions, root: root,
            clusterSeed: clusterSeed, isScripted: isScripted, timeline: timeline)
        if scenario.recordsHistory {
            history.reserve(min(scenario.operations + scenario.keys, 1 << 20))
            for key in 0..<scenario.keys { _ = history.key("k\(key)") }
            turns = [UInt64](repeating: 0, count: numberCount)
        }
        startMachines()
        startClients(isScripted: isScripted)
        if !isScripted { scheduleFaults() }
        if !isScripted, scenario.antiEntropy { scheduleComparisons() }
        if !isScripted, scenario.collects { scheduleCollections() }
        if !isScripted, families.contains(.churn) { scheduleChurn() }
    }

    private init(
        scenario: Scenario, families: FaultFamilies, conditions: Conditions, root: RandomSource,
        clusterSeed: UInt64, isScripted: Bool, timeline: Timeline?
    ) {
        self.scenario = scenario
        self.isScripted = isScripted
        self.families = families
        self.conditions = conditions
        self.clusterSeed = clusterSeed
        self.timeline = timeline
        schedule =
            scenario.schedule ?? scenario.planned(under: conditions)
            ?? Swarm.schedule(scenario, families, conditions)
        configuration = scenario.configuration
        founders = (0..<scenario.nodes).map {
            RingMember(name: NodeID($0).description, address: "\($0)")
        }
        placement = Placement(
            members: founders.map(\.name),
            clusterSeed: clusterSeed, n: scenario.n, virtualNodes: 16, shardCount: 32)
        facts = SimulatedFacts(scenario, placement)
        network = SimulatedNetwork(
            nodes: scenario.machines, conditions: conditions, seed: scenario.seed)
        var streams = root.fork("places")
        diskStream = streams.next()
        clientStream = streams.next()
        detection = root.fork("detection")
        crashes = root.fork("crashes")
        invariants = Invariants(
            nodes: scenario.machines, keys: scenario.keys,
            largestMessage: Self.largestMessage(scenario),
            showsOnlyRecords: scenario.quorumKind == .strict,
            forgets: scenario.collects && scenario.mode == .cp)
        nextProcess = UInt32(scenario.clients) + 1
    }

    /// What no message may be longer than: a register has room for the value before, and a set of
    /// siblings for all that it may hold.
    private static func largestMessage(_ scenario: Scenario) -> Int {
        switch scenario.mode {
        case .cp: 256 + 2 * scenario.paddingBytes
        case .siblings: (128 + scenario.paddingBytes) * 2 * Limits.siblings
        case .lww, .abd: 128 + scenario.paddingBytes
        }
    }

    private mutating func startMachines() {
        for index in 0..<scenario.machines {
            let machine = Machine(peers: scenario.machines)
            if index < conditions.clockDrifts.count {
                machine.clock.drift = conditions.clockDrifts[index]
            }
            if index < conditions.clockOffsets.count {
                machine.clock.offset = conditions.clockOffsets[index]
            }
            machine.isSpare = index >= scenario.nodes
            machines.append(machine)
        }
        for index in machines.indices where !machines[index].isSpare { start(index) }
        for index in machines.indices { meetPeers(of: index) }
    }

    /// Operations are numbered across clients; the last numbers may belong to none.
    private var numberCount: Int {
        (scenario.operations + scenario.clients - 1) / scenario.clients * scenario.clients
    }

    private mutating func startClients(isScripted: Bool) {
        let clientCount = scenario.clients
        isOmitted = [Bool](repeating: false, count: numberCount)
        for number in scenario.omitted where number >= 0 && number < numberCount {
            isOmitted[number] = true
        }
        // The last one does nothing but the final reads.
        for index in 0...clientCount {
            let share = (scenario.operations + clientCount - 1 - index) / clientCount
            let total = isScripted || index == clientCount ? 0 : share
            clients.append(
                SimulatedClient(
                    process: UInt32(index), total: total,
                    isReader: index >= scenario.writers ?? clientCount, keys: scenario.keys,
                    seed: scenario.seed))
            for _ in 0..<scenario.machines {
                guard connections.insert() != nil else {
                    preconditionFailure("connections have no limit")
                }
            }
            guard total > 0 else { continue }
            activeClients += 1
            var random = RandomSource(seed: clientStream &+ UInt64(index))
            let start = random.exponential(mean: conditions.meanThinkTime)
            future.push(.clientTurn, at: UInt64(start.nanoseconds) + 1, target: index)
        }
    }

    // MARK: The loop

    /// Runs until nothing is left to happen, or until `limit` steps were taken.
    mutating func run(limit: UInt64 = .max) {
        while digest.steps < limit, let event = future.pop() { step(event) }
    }

    /// Runs everything that happens up to `instant`, and lets the time come to it.
    public mutating func run(until instant: Instant) {
        while future.nextTime <= instant.nanoseconds, let event = future.pop() { step(event) }
        now = max(now, instant.nanoseconds)
    }

    private mutating func step(_ event: ScheduledEvent) {
        now = event.time
        let target = Int(event.target)
        switch event.kind {
        case .message, .deadline, .synced, .clientBytes, .reachable, .compare, .collect:
            if machines[target].pauses > 0 {
                machines[target].deferred.append(event)
                probes.hit(.eventsHeldByAPause)
                return note(event, code: 0)
            }
            nodeStep(event, target)
        case .replyBytes:
            note(event, code: hash(ofSlot: Int(event.a)))
            receiveReply(Int(event.a), client: target)
        case .clientTurn:
            note(event, code: 0)
            takeTurn(target)
        case .clientAlarm:
            note(event, code: 0)
            checkPatience(target)
        case .connectionLost:
            note(event, code: 0)
            loseConnection(Int(event.a), generation: UInt32(truncatingIfNeeded: event.b))
        case .fault:
            note(event, code: 0)
            strike(Int(event.b >> 1), begins: event.b & 1 == 0)
        case .churn:
            note(event, code: 0)
            tendChurn()
        case .phase:
            note(event, code: 0)
            enter(Phase(rawValue: event.b) ?? .over)
        }
    }

    private mutating func nodeStep(_ event: ScheduledEvent, _ target: Int) {
        switch event.kind {
        case .message:
            note(event, code: hash(ofSlot: Int(event.a)))
            receiveMessage(Int(event.a), at: target)
        case .deadline:
            note(event, code: 0)
            ring(event.b, at: target)
        case .synced:
            note(event, code: 0)
            endSync(life: event.a, at: target)
        case .clientBytes:
            note(event, code: hash(ofSlot: Int(event.a)))
            receiveRequest(Int(event.a), at: target)
        case .compare:
            note(event, code: 0)
            if machines[target].node != nil { turn(target, .compare(preview: false)) }
        case .collect:
            note(event, code: 0)
            if machines[target].node != nil { turn(target, .collect) }
        default:
            note(event, code: 0)
            evaluate(target, reaches: Int(event.a))
        }
    }

    @inline(__always)
    private mutating func note(_ event: ScheduledEvent, code: UInt64) {
        digest.step(
            time: event.time, sequence: event.sequence, node: event.target,
            code: event.kind.rawValue, a: code, b: event.b)
        if stepLog != nil || watched != nil { log(event) }
    }

    private func hash(ofSlot index: Int) -> UInt64 {
        XXH3.hash64(slab.slots[index].bytes.bytes, seed: 0)
    }

    // MARK: Phases

    private mutating func enter(_ next: Phase) {
        phase = next
        switch next {
        case .faulty: break
        case .quiet:
            heal()
            var rest = scenario.timeout * 3 + .milliseconds(100)
            if scenario.antiEntropy {
                compareEverything()
                rest = rest + scenario.timeout * 20 + .seconds(30)
            }
            if scenario.collects {
                collectEverything()
                rest = rest + .seconds(10)
            }
            future.push(
                .phase, at: now + UInt64(rest.nanoseconds), target: 0, b: Phase.reading.rawValue)
        case .reading:
            if churn?.isOver == false {
                phase = .quiet
                return future.push(
                    .phase, at: now + 1_000_000_000, target: 0, b: Phase.reading.rawValue)
            }
            if scenario.readsAtEnd && scenario.recordsHistory {
                readNextKey(0)
            } else {
                phase = .over
            }
        case .over: break
        }
    }

    /// A client has run its last operation.
    mutating func clientFinished() {
        activeClients -= 1
        if activeClients == 0, phase == .faulty {
            future.push(.phase, at: now + 1, target: 0, b: Phase.quiet.rawValue)
        }
    }

    /// What must hold when nothing is left to happen. Replicas must agree if they have compared
    /// what they hold; reads repair only what they read.
    mutating func checkRest() {
        if scenario.antiEntropy { checkConvergence() }
        for (index, machine) in machines.enumerated() {
            guard let inFlight = machine.node?.requestsInFlight else { continue }
            if inFlight > 0 {
                invariants.report(
                    "\(NodeID(index)) still has \(inFlight) requests in flight at rest", at: now)
            }
        }
        for (index, machine) in machines.enumerated() {
            let owed = machine.node?.hintsOwed.reduce(0) { $0 + $1.count } ?? 0
            let expired = machine.node?.counters.hintsExpired ?? 0
            if owed + (scenario.antiEntropy ? 0 : Int(expired)) > 0 {
                invariants.report(
                    "\(NodeID(index)) has not handed over \(owed) writes, and gave up \(expired)",
                    at: now)
            }
        }
        if slab.count > 0 {
            invariants.report("\(slab.count) messages are still on their way at rest", at: now)
        }
        for client in clients where client.current != nil {
            invariants.report("process \(client.process) still waits at rest", at: now)
        }
    }
}
