import Basics
import Platform
import Workloads

/// Every link between the members of a local cluster, in one thread: accepts what members dial,
/// connects to whom they mean, and passes bytes on as the link's setting says.
public final class Relay {
    private let table: LinkTable
    private let world: RelayWorld
    private let loop: EventLoop
    private let targets: [SocketAddress]
    private let links: [FaultLink]
    private var listeners: [Listener] = []
    private var passages: [Passage?] = []
    private var serial: UInt32 = 0
    private var seen: UInt64 = .max
    private var isStopping = false
    private let buffer = UnsafeMutableRawBufferPointer.allocate(
        byteCount: 256 << 10, alignment: 64)
    private let root: RandomSource

    /// Ends `run` and makes it look at the settings, from any thread.
    public let stopRequest: WakeUp
    public let poke: WakeUp

    private struct Listener {
        var socket: Socket
        var watch: Watch
    }

    /// Listeners that the system gave no descriptor for a connection, and when to ask again.
    private var paused: [Int] = []
    private var acceptAgain = Instant.distantFuture

    private enum Kind: UInt8 { case listener = 1, near, far, stop, poke }

    /// `targets` are the members' own peer addresses, on loopback.
    public init(_ table: LinkTable, targets: [SocketAddress]) throws(SystemError) {
        precondition(targets.count == table.members, "every member has an address")
        self.table = table
        self.targets = targets
        links = table.links
        world = RelayWorld(table)
        root = RandomSource(seed: table.seed)
        loop = try EventLoop()
        stopRequest = try WakeUp()
        poke = try WakeUp()
        _ = try loop.watch(
            stopRequest.descriptor, for: .readable, token: UInt64(Kind.stop.rawValue) << 56)
        _ = try loop.watch(
            poke.descriptor, for: .readable, token: UInt64(Kind.poke.rawValue) << 56)
        table.clearOpen()
        for (index, link) in links.enumerated() {
            let address = LinkTable.address(of: link, port: targets[link.to].port)
            let socket = try Socket.listen(on: address)
            let watch = try loop.watch(
                socket.descriptor, for: .readable,
                token: UInt64(Kind.listener.rawValue) << 56 | UInt64(index))
            listeners.append(Listener(socket: socket, watch: watch))
        }
    }

    deinit {
        for listener in listeners { listener.socket.close() }
        for case let passage? in passages {
            passage.near.socket?.close()
            passage.far.socket?.close()
        }
        buffer.deallocate()
    }

    /// Signals that end the relay, and the one that makes it look at its settings.
    public func watch(stop: [Int32], poke number: Int32) throws(SystemError) {
        for signal in stop {
            try loop.watch(signal: signal, token: UInt64(Kind.stop.rawValue) << 56)
        }
        try loop.watch(signal: number, token: UInt64(Kind.poke.rawValue) << 56)
    }

    /// Relays until it is asked to stop.
    public func run() {
        while !isStopping {
            if table.generation != seen { applySettings() }
            for ready in loop.wait(until: nextDeadline) { take(ready) }
            pumpDue()
            if !paused.isEmpty, acceptAgain <= Clocks.monotonic() { resumeAccepting() }
        }
    }

    private var nextDeadline: Instant? {
        var deadline = paused.isEmpty ? nil : acceptAgain as Instant?
        for case let passage? in passages where passage.state == .open {
            for lane in [passage.forward.deadline, passage.backward.deadline] {
                if let lane { deadline = min(deadline ?? .distantFuture, lane) }
            }
        }
        return deadline
    }

    private func take(_ ready: Ready) {
        let index = Int(UInt32(truncatingIfNeeded: ready.token))
        switch Kind(rawValue: UInt8(truncatingIfNeeded: ready.token >> 56)) {
        case .stop?: isStopping = true
        case .poke?: _ = poke.drain()
        case .listener?: accept(index)
        case .near?, .far?:
            guard let passage = passages[index],
                passage.serial & 0xff_ffff == UInt32(truncatingIfNeeded: ready.token >> 32)
                    & 0xff_ffff
            else { return }
            let isNear = ready.token >> 56 == UInt64(Kind.near.rawValue)
            advance(passage, isNear: isNear, ready)
        case nil: preconditionFailure("a token of no kind")
        }
    }

    // MARK: Making connections

    private func accept(_ index: Int) {
        let link = links[index]
        let back = FaultLink(from: link.to, to: link.from)
        do throws(SystemError) {
            while let socket = try listeners[index].socket.accept() {
                let setting = table[link]
                if setting.cut == .reset || table[back].cut == .reset {
                    world.count(1, .refused, link)
                    socket.reset()
                    continue
                }
                if setting.impairment.isBlackHole { world.count(1, .refused, link) }
                try open(link, socket, isSwallowed: setting.impairment.isBlackHole)
            }
        } catch {
            // Out of descriptors; asking again at once would only burn the processor.
            world.count(1, .refused, link)
            loop.change(listeners[index].watch, to: [])
            paused.append(index)
            acceptAgain = Clocks.monotonic() + .milliseconds(100)
        }
    }

    private func resumeAccepting() {
        for index in paused { loop.change(listeners[index].watch, to: .readable) }
        paused.removeAll()
        acceptAgain = .distantFuture
    }

    private func open(
        _ link: FaultLink, _ socket: Socket, isSwallowed: Bool
    ) throws(SystemError) {
        serial &+= 1
        let index = passages.firstIndex { $0 == nil } ?? passages.count
        if index == passages.count { passages.append(nil) }
        let passage = Passage(
            link, accepted: socket, index: index, serial: serial,
            state: isSwallowed ? .swallowed : .connecting,
            random: root.fork("connection", UInt64(serial)))
        passages[index] = passage
        passage.forward.setting = table[passage.forward.link]
        passage.backward.setting = table[passage.backward.link]
        world.count(1, .connections, link)
        world.count(1, .open, link)
        guard !isSwallowed else { return }
        do throws(SystemError) {
            let far = try Socket.connect(to: targets[link.to])
            passage.far.socket = far
            passage.far.watch = try loop.watch(
                far.descriptor, for: .writable, token: token(.far, passage))
            passage.far.interest = .writable
        } catch {
            close(passage, byReset: true)
        }
    }

    private func token(_ kind: Kind, _ passage: Passage) -> UInt64 {
        UInt64(kind.rawValue) << 56 | UInt64(passage.serial & 0xff_ffff) << 32
            | UInt64(passage.index)
    }

    private func connected(_ passage: Passage) {
        guard let far = passage.far.socket, let near = passage.near.socket else { return }
        if far.connectionError(to: targets[passage.link.to]) != nil {
            return close(passage, byReset: true)
        }
        passage.state = .open
        do throws(SystemError) {
            passage.near.watch = try loop.watch(
                near.descriptor, for: .readable, token: token(.near, passage))
            passage.near.interest = .readable
        } catch {
            close(passage, byReset: true)
            return
        }
        tend(passage)
    }

    // MARK: Passing bytes

    private func advance(_ passage: Passage, isNear: Bool, _ ready: Ready) {
        switch passage.state {
        case .connecting: return connected(passage)
        case .swallowed: return
        case .open, .halfOpen: break
        }
        let now = Clocks.monotonic()
        let incoming = isNear ? passage.forward : passage.backward
        let outgoing = isNear ? passage.backward : passage.forward
        guard let socket = isNear ? passage.near.socket : passage.far.socket else { return }
        if ready.failed {
            // It is no longer watched; one that is not read now is dead all the same.
            if isNear { passage.near.interest = [] } else { passage.far.interest = [] }
            if !incoming.wantsInput {
                incoming.hasEnded = true
                incoming.hasFailed = true
            }
        }
        if ready.writable, outgoing.isBlocked, !outgoing.pump(to: socket, at: now, world) {
            outgoing.hasFailed = true
        }
        if ready.readable, incoming.wantsInput {
            let other = isNear ? passage.far.socket : passage.near.socket
            switch socket.read(into: buffer) {
            case .bytes(let count):
                guard let base = buffer.baseAddress else { return }
                incoming.take(Bytes(base: base, count: count), to: other, at: now, world)
            case .wouldBlock: break
            case .closed: incoming.hasEnded = true
            case .failed:
                incoming.hasEnded = true
                incoming.hasFailed = true
            }
        }
        tend(passage)
    }

    private func pumpDue() {
        var now = Instant.origin
        for case let passage? in passages where passage.state == .open {
            for (lane, end) in [
                (passage.forward, passage.far.socket), (passage.backward, passage.near.socket),
            ] {
                guard let deadline = lane.deadline, let end else { continue }
                if now == .origin { now = Clocks.monotonic() }
                guard deadline <= now else { continue }
                if !lane.pump(to: end, at: now, world) { lane.hasFailed = true }
                tend(passage)
            }
        }
    }

    /// Passes ends on, and waits for what each socket is to tell next.
    private func tend(_ passage: Passage) {
        guard passages[passage.index] === passage, passage.state == .open else {
            if passage.state == .halfOpen { silence(passage) }
            return
        }
        for (lane, destination) in [
            (passage.forward, passage.far.socket), (passage.backward, passage.near.socket),
        ] where lane.hasEnded && !lane.isFinished {
            // Across a cut nobody learns that the other end is gone.
            guard lane.setting.cut == nil || lane.setting.cut == .reset else { continue }
            if lane.hasFailed { return close(passage, byReset: true) }
            guard lane.isDrained else { continue }
            lane.isFinished = true
            destination?.shutdownWrites()
        }
        if passage.forward.isFinished && passage.backward.isFinished {
            return close(passage, byReset: false)
        }
        let isCut = passage.forward.setting.cut != nil || passage.backward.setting.cut != nil
        if passage.forward.hasFailed || passage.backward.hasFailed, !isCut {
            return close(passage, byReset: true)
        }
        update(&passage.near, reads: passage.forward, writes: passage.backward)
        update(&passage.far, reads: passage.backward, writes: passage.forward)
    }

    private func update(_ end: inout Passage.End, reads: Lane, writes: Lane) {
        guard let watch = end.watch else { return }
        var interest: Interest = []
        if reads.wantsInput { interest.insert(.readable) }
        if writes.isBlocked, !reads.hasFailed { interest.insert(.writable) }
        guard interest != end.interest else { return }
        loop.change(watch, to: interest)
        end.interest = interest
    }

    // MARK: Ends

    private func close(_ passage: Passage, byReset: Bool) {
        guard passages[passage.index] === passage else { return }
        passages[passage.index] = nil
        table.add(.max, .open, of: passage.link)
        drop(&passage.near, byReset: byReset)
        drop(&passage.far, byReset: byReset)
    }

    private func drop(_ end: inout Passage.End, byReset: Bool) {
        if let watch = end.watch { loop.unwatch(watch) }
        if byReset { end.socket?.reset() } else { end.socket?.close() }
        end = Passage.End()
    }

    /// Listens to neither end any more.
    private func silence(_ passage: Passage) {
        for isNear in [true, false] {
            let end = isNear ? passage.near : passage.far
            guard let watch = end.watch, !end.interest.isEmpty else { continue }
            loop.change(watch, to: [])
            if isNear { passage.near.interest = [] } else { passage.far.interest = [] }
        }
    }

    // MARK: Settings

    private func applySettings() {
        seen = table.generation
        for case let passage? in passages { apply(to: passage) }
        table.applied = seen
    }

    private func apply(to passage: Passage) {
        let before = (passage.forward.setting, passage.backward.setting)
        passage.forward.setting = table[passage.forward.link]
        passage.backward.setting = table[passage.backward.link]
        let after = (passage.forward.setting, passage.backward.setting)
        let isReset =
            after.0.resets != before.0.resets || after.1.resets != before.1.resets
            || after.0.cut == .reset || after.1.cut == .reset
        switch passage.state {
        case .swallowed where !after.0.impairment.isBlackHole: close(passage, byReset: true)
        case .halfOpen where !after.0.isHalfOpen && !after.1.isHalfOpen:
            close(passage, byReset: true)
        case .swallowed, .halfOpen: break
        case .connecting, .open:
            if isReset {
                world.count(1, .resets, passage.link)
                return close(passage, byReset: true)
            }
            if after.0.isHalfOpen, !before.0.isHalfOpen { split(passage, deadEnd: true) }
            if after.1.isHalfOpen, !before.1.isHalfOpen { split(passage, deadEnd: false) }
            tend(passage)
        }
    }

    /// Resets the near or the far end, and leaves the other one in silence.
    private func split(_ passage: Passage, deadEnd isNear: Bool) {
        guard passage.state == .open else { return }
        world.count(1, .resets, passage.link)
        if isNear { drop(&passage.near, byReset: true) } else { drop(&passage.far, byReset: true) }
        passage.state = .halfOpen
    }
}
