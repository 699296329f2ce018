import Basics
import Platform
import Wire
import Workloads

/// One direction of a connection through the relay: what was received from its source, and is to
/// be written to its destination.
///
/// While the link is clean and nothing waits, bytes pass from the read buffer to the destination
/// and only the scanner looks at them. Otherwise whole messages are judged and queued, each with
/// the time at which it may leave; order is kept.
final class Lane {
    let link: FaultLink
    var setting = LinkSetting()
    private var scanner = FrameScanner()
    /// The head of a message that is not complete.
    private var partial = ByteBuffer(capacity: 64)
    /// What waits to be written, and how much of it may leave now.
    private var queue = ByteBuffer(capacity: 64)
    private var released = 0
    private var releases = Fifo<Release>()
    private var lastRelease = Instant.origin
    /// When the bandwidth has room again.
    private var nextFree = Instant.origin
    private var random: RandomSource
    /// The destination takes nothing at the moment.
    var isBlocked = false
    /// The source will send no more; that it failed is passed on as a reset.
    var hasEnded = false
    var hasFailed = false
    /// The end has been passed on.
    var isFinished = false

    private struct Release {
        var time: Instant
        var count: Int
    }

    /// With more than this waiting, no more is read.
    private static let queueLimit = 1 << 20
    /// Longest message that is kept for a replay, and how many are.
    private static let keptBytes = 64 << 10
    private static let keptMessages = 8

    init(_ link: FaultLink, random: RandomSource) {
        self.link = link
        self.random = random
    }

    /// Whether the source should be read.
    var wantsInput: Bool {
        !hasEnded && setting.cut != .stall && queue.count < Lane.queueLimit
    }
    /// Whether everything has left.
    var isDrained: Bool { queue.isEmpty && partial.isEmpty }
    /// Whether bytes may pass without a look at them.
    private var isPlain: Bool { setting.isClean && queue.isEmpty && partial.isEmpty }

    /// When something that waits may leave; nil when nothing waits for time alone.
    var deadline: Instant? {
        if setting.cut == .stall || isBlocked || hasFailed { return nil }
        if released > 0 { return .origin }
        return releases.first?.time
    }

    /// Takes what the source has sent. Returns how many bytes went to `destination` at once.
    func take(_ bytes: Bytes, to destination: Socket?, at now: Instant, _ world: RelayWorld) {
        if isPlain, !isBlocked, let destination {
            let passed = scanner.pass(bytes)
            world.count(passed.messages, .messages, link)
            world.count(UInt64(bytes.count), .bytes, link)
            switch destination.write(bytes) {
            case .wrote(bytes.count): return
            case .wrote(let count): hold(bytes.slice(count, bytes.count))
            case .wouldBlock: hold(bytes)
            case .failed: return  // The destination's own event tells its end.
            }
            isBlocked = true
        } else {
            judge(bytes, at: now, world)
        }
    }

    /// Queues bytes that may leave as soon as the destination takes them.
    private func hold(_ bytes: Bytes) {
        queue.append(bytes)
        released += bytes.count
    }

    // MARK: Whole messages

    private func judge(_ bytes: Bytes, at now: Instant, _ world: RelayWorld) {
        var rest = bytes
        if partial.isEmpty, !scanner.isAtBoundary {
            // Its head has passed already, so the rest of it does.
            let (used, messages) = scanner.pass(rest, toBoundary: true)
            world.count(messages, .messages, link)
            enqueue(rest.slice(0, used), at: now, world)
            rest = rest.slice(used, rest.count)
        }
        partial.append(rest)
        while let length = scanner.length(of: partial.bytes), partial.count >= length {
            if !scanner.expectsHandshake,
                !(Frame.headerBytes + 1...Frame.headerBytes + Frame.maximumBytes).contains(length)
            {
                break
            }
            let isHandshake = scanner.expectsHandshake
            let message = partial.bytes.slice(0, length)
            _ = scanner.pass(message)
            decide(message, isHandshake: isHandshake, at: now, world)
            partial.consume(length)
        }
        releaseUnknown(at: now, world)
    }

    /// What is not the peer protocol passes as it is; so does the head of a message once the link
    /// is clean again.
    private func releaseUnknown(at now: Instant, _ world: RelayWorld) {
        guard !partial.isEmpty else { return }
        let isImpossible =
            scanner.length(of: partial.bytes).map { length in
                !scanner.expectsHandshake
                    && !(Frame.headerBytes + 1...Frame.headerBytes + Frame.maximumBytes)
                        .contains(length)
            } ?? false
        guard isImpossible || setting.isClean else { return }
        _ = scanner.pass(partial.bytes)
        enqueue(partial.bytes, at: now, world)
        partial.removeAll()
    }

    private func decide(
        _ message: Bytes, isHandshake: Bool, at now: Instant, _ world: RelayWorld
    ) {
        let i = setting.impairment
        if setting.cut == .drop || !isHandshake && strikes(i.dropPerMillion) {
            return world.count(1, .dropped, link)
        }
        world.count(1, .messages, link)
        guard !isHandshake else { return enqueue(message, at: now, world) }
        if strikes(i.corruptPerMillion) {
            world.count(1, .corrupted, link)
            var damaged = ByteBuffer(capacity: message.count)
            damaged.append(message)
            let place = random.below(message.count)
            damaged.overwrite(message[place] ^ (1 << UInt8(random.below(8))), at: place)
            enqueue(damaged.bytes, at: now, world)
        } else {
            enqueue(message, at: now, world)
        }
        if strikes(i.duplicatePerMillion) {
            world.count(1, .duplicated, link)
            enqueue(message, at: now, world)
        }
        if i.replayPerMillion > 0 { replay(message, i.replayPerMillion, at: now, world) }
    }

    /// Sends an old message again, perhaps one of an earlier connection, and keeps this one.
    private func replay(
        _ message: Bytes, _ perMillion: Int, at now: Instant, _ world: RelayWorld
    ) {
        let kept = world.kept(link)
        if !kept.isEmpty, strikes(perMillion) {
            world.count(1, .replayed, link)
            Bytes.lending(kept[random.below(kept.count)]) { enqueue($0, at: now, world) }
        }
        guard message.count <= Lane.keptBytes else { return }
        world.keep(
            (0..<message.count).map { message[$0] }, link, most: Lane.keptMessages)
    }

    private func strikes(_ perMillion: Int) -> Bool {
        perMillion > 0 && random.chance(UInt64(perMillion), in: 1_000_000)
    }

    private func enqueue(_ bytes: Bytes, at now: Instant, _ world: RelayWorld) {
        guard bytes.count > 0 else { return }
        let i = setting.impairment
        world.count(UInt64(bytes.count), .bytes, link)
        var delay = i.latency
        if i.jitter > .zero { delay = delay + random.exponential(mean: i.jitter) }
        if strikes(i.tailPerMillion) { delay = delay + i.tail }
        var start = now
        if i.bandwidth > 0 {
            let wire = Int64(bytes.count) * 1_000_000_000 / Int64(i.bandwidth)
            nextFree = max(now, nextFree) + .nanoseconds(wire)
            start = nextFree
        }
        lastRelease = max(lastRelease, start + delay)
        if lastRelease > now { world.count(1, .delayed, link) }
        queue.append(bytes)
        releases.append(Release(time: lastRelease, count: bytes.count))
    }

    // MARK: Writing

    /// Writes what may leave now. Returns false when the destination has failed.
    func pump(to destination: Socket, at now: Instant, _ world: RelayWorld) -> Bool {
        guard setting.cut != .stall else { return true }
        while let next = releases.first, next.time <= now {
            released += next.count
            _ = releases.popFirst()
        }
        isBlocked = false
        guard released > 0 else { return true }
        var count = released
        let slice = setting.impairment.sliceBytes
        if slice > 0, count > 1 {
            count = min(count, 1 + random.below(slice))
            world.count(1, .sliced, link)
        }
        switch destination.write(queue.bytes.slice(0, count)) {
        case .wrote(let written):
            queue.consume(written)
            released -= written
            isBlocked = written < count
        case .wouldBlock: isBlocked = true
        case .failed: return false
        }
        if queue.isEmpty { queue.shrink(to: 64 << 10) }
        return true
    }
}
