import Basics
import Replication
import Workloads

/// What goes wrong, and how it is put right.
extension SimulatedCluster {
    mutating func scheduleFaults() {
        for (number, entry) in schedule.enumerated() {
            future.push(
                .fault, at: entry.start.nanoseconds, target: 0, b: UInt64(number) << 1)
            future.push(
                .fault, at: max(entry.end.nanoseconds, entry.start.nanoseconds + 1), target: 0,
                b: UInt64(number) << 1 | 1)
        }
    }

    /// Fault `number` of the schedule begins or ends. After the faulty phase nothing strikes,
    /// and what had struck has been healed.
    mutating func strike(_ number: Int, begins: Bool) {
        guard phase == .faulty else { return }
        inject(schedule[number].fault, begins: begins)
        if begins { active.append(number) } else { active.removeAll { $0 == number } }
    }

    /// Everything that is wrong ends now, and stays right.
    mutating func heal() {
        timeline?.add(now, "all", "everything heals")
        for number in active { inject(schedule[number].fault, begins: false) }
        active.removeAll()
        network.calmDown()
        for from in machines.indices {
            for to in machines.indices where to != from {
                scheduleEvaluation(from, to, within: 20_000_000)
            }
        }
    }

    /// A fault begins or ends.
    mutating func inject(_ fault: Fault, begins: Bool) {
        timeline?.add(now, "all", "\(begins ? "begin" : "end"): \(fault)")
        if begins { injected.count(fault) }
        switch fault {
        case .partition(let side, let oneWay):
            if oneWay, begins { probes.hit(.partitionInOneDirection) }
            network.partition(side, oneWay: oneWay, begins: begins)
            notice(side, cut: begins)
        case .cut(let links, let isNoticed):
            for link in links { network.cut(link.from, link.to, begins: begins) }
            notice(links, cut: begins, isCertain: isNoticed)
        case .lossyLink(let from, let to, let rate):
            network.lose(from, to, begins ? Int64(rate) : -Int64(rate))
        case .duplicatingLink(let from, let to, let rate):
            network.duplicate(from, to, begins ? Int64(rate) : -Int64(rate))
        case .slowDisk(let node, let by):
            let machine = machines[Int(node.index)]
            machine.syncDelay = machine.syncDelay + (begins ? by : by * -1)
        case .fullDisk(let node):
            let machine = machines[Int(node.index)]
            machine.fullDisks += begins ? 1 : -1
            machine.disk.isFull = machine.fullDisks > 0
        case .clockDrift(let node, let rate):
            machines[Int(node.index)].clock.driftWall(by: begins ? rate : -rate, at: now)
        case .crash(let node): setDown(Int(node.index), begins)
        case .pause(let node): setPaused(Int(node.index), begins)
        case .slowLink(let from, let to, let by):
            network.slow(from, to, by: begins ? by : by * -1)
        case .clockStep(let node, let microseconds):
            if begins, microseconds < 0 { probes.hit(.clockSteppedBack) }
            if begins { machines[Int(node.index)].clock.offset += microseconds }
        }
    }

    /// Nodes at a cut find out: half of them soon, half of them never; when it heals, all.
    private mutating func notice(_ side: [NodeID], cut: Bool) {
        for from in machines.indices {
            let isInside = side.contains(NodeID(from))
            for to in machines.indices where side.contains(NodeID(to)) != isInside {
                if !cut || (!isScripted && detection.chance(1, in: 2)) {
                    scheduleEvaluation(from, to, within: 30_000_000)
                }
            }
        }
    }

    private mutating func notice(_ links: [FaultLink], cut: Bool, isCertain: Bool) {
        for link in links {
            for (from, to) in [(link.from, link.to), (link.to, link.from)] {
                if !cut || isCertain || (!isScripted && detection.chance(1, in: 2)) {
                    scheduleEvaluation(from, to, within: 30_000_000)
                }
            }
        }
    }

    private mutating func setDown(_ index: Int, _ begins: Bool) {
        machines[index].downs += begins ? 1 : -1
        if begins {
            crash(index)
        } else if machines[index].downs == 0 {
            restart(index)
        }
    }

    private mutating func setPaused(_ index: Int, _ begins: Bool) {
        let machine = machines[index]
        machine.pauses += begins ? 1 : -1
        guard machine.pauses == 0 else { return }
        for event in machine.deferred {
            future.push(event.kind, at: now, target: index, a: event.a, b: event.b)
        }
        machine.deferred.removeAll(keepingCapacity: true)
    }
}

/// How many faults of each kind struck in a run.
public struct FaultCounts: Sendable, Equatable {
    public var partitions = 0
    public var crashes = 0
    public var pauses = 0
    public var slowLinks = 0
    public var clockSteps = 0
    public var badLinks = 0
    public var slowDisks = 0
    public var fullDisks = 0
    /// Members that were started and that have left.
    public var joins = 0
    public var leaves = 0
    public var lostMessages: UInt64 = 0
    public var duplicatedMessages: UInt64 = 0

    public init() {}

    /// Faults that struck, lost and repeated messages not counted.
    public var total: Int {
        partitions + crashes + pauses + slowLinks + clockSteps + badLinks + slowDisks + fullDisks
    }

    mutating func count(_ fault: Fault) {
        switch fault {
        case .partition, .cut: partitions += 1
        case .lossyLink, .duplicatingLink: badLinks += 1
        case .slowDisk: slowDisks += 1
        case .fullDisk: fullDisks += 1
        case .crash: crashes += 1
        case .pause: pauses += 1
        case .slowLink: slowLinks += 1
        case .clockStep, .clockDrift: clockSteps += 1
        }
    }
}
