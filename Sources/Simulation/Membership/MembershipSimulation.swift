import Basics
import Membership

/// Many members that watch each other, in one thread and virtual time.
public struct MembershipSimulation: ~Copyable {
    private final class Place {
        var membership: Membership
        var isUp = true
        var alarm = Instant.distantFuture
        var alarmNumber: UInt64 = 0
        var life: UInt32 = 1

        init(_ membership: consuming Membership) { self.membership = membership }
    }

    private let configuration: MembershipConfiguration
    private var places: [Place] = []
    private var future = EventHeap()
    private var slab = ByteSlab()
    private var random: RandomSource
    private var effects = Membership.Effects()
    /// By node: the side of the partition it is on.
    private var sides: [UInt8]
    /// Messages lost among a thousand.
    public var lossPerThousand: UInt64
    private let meanDelay: Instant.Duration

    /// Virtual nanoseconds since the beginning.
    private var now: UInt64 = 0
    /// Events so far.
    public private(set) var events: UInt64 = 0
    public private(set) var messages: UInt64 = 0
    public private(set) var bytes: UInt64 = 0
    /// How often a member that was up was called dead by another.
    public private(set) var falseDeaths = 0
    /// A hash over everything that happened, in order.
    public private(set) var digest: UInt64 = 0

    /// `nodes` members that know of the first one only and begin within a second.
    public init(
        nodes: Int, seed: UInt64,
        configuration: MembershipConfiguration = MembershipConfiguration(),
        lossPerThousand: UInt64 = 0, meanDelay: Instant.Duration = .microseconds(500)
    ) {
        precondition(nodes > 0 && nodes <= Limits.nodes, "members are 1 to Limits.nodes")
        self.configuration = configuration
        self.lossPerThousand = lossPerThousand
        self.meanDelay = meanDelay
        random = RandomSource(seed: seed)
        sides = [UInt8](repeating: 0, count: nodes)
        for index in 0..<nodes {
            places.append(
                Place(
                    Membership(
                        id: NodeID(index), configuration: configuration, seed: random.next())))
            future.push(
                .reachable, at: index == 0 ? 1 : random.below(1_000_000_000) + 2, target: index)
        }
    }

    public var time: Instant { Instant(nanoseconds: now) }
    public var nodes: Int { places.count }

    /// What one member thinks of another; nil if it does not know it.
    public func status(of node: Int, at observer: Int) -> MemberStatus? {
        places[observer].membership.status(of: NodeID(node))
    }

    /// How much a member doubts itself.
    public func doubt(of node: Int) -> Int { places[node].membership.doubt }

    /// Whether all members that are up think that exactly these live.
    public var agrees: Bool {
        places.allSatisfy { observer in
            !observer.isUp
                || places.indices.allSatisfy { node in
                    let status = observer.membership.status(of: NodeID(node))
                    return places[node].isUp ? status == .alive : status == nil || status == .dead
                }
        }
    }

    /// Ends a member; messages to it are lost.
    public mutating func stop(_ node: Int) { places[node].isUp = false }

    /// A member begins a new life that remembers nothing, and knows the first that is up.
    public mutating func restart(_ node: Int) {
        let place = places[node]
        place.isUp = true
        place.life += 1
        place.alarm = .distantFuture
        place.alarmNumber &+= 1
        place.membership = Membership(
            id: NodeID(node), configuration: configuration, seed: random.next())
        future.push(.reachable, at: now + 1, target: node)
    }

    /// Cuts the members below `border` off from the others.
    public mutating func divide(at border: Int) {
        for node in sides.indices { sides[node] = node < border ? 0 : 1 }
    }

    public mutating func unite() {
        for node in sides.indices { sides[node] = 0 }
    }

    /// Lets time pass.
    public mutating func run(for duration: Instant.Duration) {
        let end = now + UInt64(duration.nanoseconds)
        while future.nextTime <= end, let event = future.pop() { step(event) }
        now = end
    }

    /// Lets time pass until all agree, in steps of a tenth of a second; nil if they do not in time.
    public mutating func runUntilAgreed(
        within limit: Instant.Duration
    ) -> Instant.Duration? {
        let start = time
        while time - start < limit {
            if agrees { return time - start }
            run(for: .milliseconds(100))
        }
        return agrees ? time - start : nil
    }

    private mutating func step(_ event: ScheduledEvent) {
        now = event.time
        events &+= 1
        var state = digest ^ event.time ^ UInt64(event.target) << 48 ^ UInt64(event.kind.rawValue)
        digest = RandomSource.splitMix(&state)
        let index = Int(event.target)
        let place = places[index]
        switch event.kind {
        case .message: receive(Int(event.a), at: index, place)
        case .deadline:
            guard place.isUp, event.b == place.alarmNumber else { return }
            place.alarm = .distantFuture
            place.membership.tick(at: time, into: &effects)
            carryOut(index, place)
        default:
            guard place.isUp else { return }
            let seed = places.indices.first { $0 != index && places[$0].isUp } ?? 0
            place.membership.start(
                with: index == 0 && place.life == 1 ? [] : [NodeID(seed)], at: time,
                into: &effects)
            carryOut(index, place)
        }
    }

    private mutating func receive(_ slot: Int, at index: Int, _ place: Place) {
        defer { slab.give(back: slot) }
        let sender = Int(slab.slots[slot].sender)
        guard place.isUp, sides[sender] == sides[index] else { return }
        do throws(DecodeError) {
            try place.membership.receive(
                slab.slots[slot].bytes.bytes, from: NodeID(sender), at: time, into: &effects)
        } catch {
            preconditionFailure("members understand each other: \(error)")
        }
        carryOut(index, place)
    }

    private mutating func carryOut(_ index: Int, _ place: Place) {
        for (node, status) in effects.changes where status == .dead {
            let other = Int(node.index)
            if places[other].isUp, sides[other] == sides[index] { falseDeaths += 1 }
        }
        for (to, start, end) in effects.messages { send(from: index, to, start, end) }
        effects.removeAll()
        let deadline = place.membership.nextDeadline
        if deadline < place.alarm || place.alarm <= time {
            place.alarm = deadline
            place.alarmNumber &+= 1
            guard deadline < .distantFuture else { return }
            future.push(
                .deadline, at: max(now + 1, deadline.nanoseconds), target: index,
                b: place.alarmNumber)
        }
    }

    private mutating func send(from index: Int, _ to: NodeID, _ start: Int, _ end: Int) {
        messages &+= 1
        bytes &+= UInt64(end - start)
        guard Int(to.index) < places.count, !random.chance(lossPerThousand, in: 1_000) else {
            return
        }
        let slot = slab.take()
        slab.slots[slot].bytes.append(effects.bytes.bytes.slice(start, end))
        slab.slots[slot].sender = UInt16(truncatingIfNeeded: index)
        let delay = 50_000 + UInt64(random.exponential(mean: meanDelay).nanoseconds)
        future.push(.message, at: now + delay, target: Int(to.index), a: UInt32(slot))
    }
}
