import Basics
import Platform
import Wire

/// The one connection with another member, whichever side dialled it: of two nodes the one with
/// the smaller index dials.
final class PeerLink {
    enum State {
        /// No connection; the dialling side tries again at this time.
        case down(until: Instant)
        case connecting(until: Instant)
        /// Connected, and the other side's handshake has not come yet.
        case greeting(until: Instant)
        case up
    }

    let node: NodeID
    let member: Member
    /// Where it is dialled: the member's own address, unless a route says otherwise.
    var address: SocketAddress
    /// Whether this node dials.
    let dials: Bool
    var state = State.down(until: .origin)
    var socket: Socket?
    var watch: Watch?
    /// Counts connections, so that ready tokens of an earlier one are recognised.
    var generation: UInt32 = 0
    var writer = FrameWriter(seed: 0)
    /// Received and not yet understood: the head of a frame.
    var input = ByteBuffer(capacity: 4 << 10)
    /// Attempts since the link was last up.
    var failures = 0
    /// Whether messages of this turn wait to be written.
    var isDirty = false
    /// Since when the system has taken nothing; nil while it takes everything.
    var blockedSince: Instant?

    /// How long connecting and greeting may take, each.
    static let patience = Instant.Duration.seconds(2)
    /// A peer that takes nothing for this long is dropped: messages are safe to lose.
    static let blockedLimit = Instant.Duration.seconds(5)
    /// Most bytes that wait for a peer.
    static let outputLimit = 64 << 20

    init(_ node: NodeID, _ member: Member, dials: Bool) {
        self.node = node
        self.member = member
        address = member.address
        self.dials = dials
    }

    var isUp: Bool { if case .up = state { true } else { false } }

    /// When `NodeProcess` must look at the link, if nothing happens before.
    var deadline: Instant {
        switch state {
        case .down(let until): dials ? until : .distantFuture
        case .connecting(let until), .greeting(let until): until
        case .up: blockedSince.map { $0 + PeerLink.blockedLimit } ?? .distantFuture
        }
    }

    var token: UInt64 { Token(.link, index: UInt32(node.index), generation: generation).raw }

    /// Lets go of the connection. The dialling side tries again after 50 ms, doubled with every
    /// failure up to 2 s, half of it at random, so that nodes do not dial in step.
    func disconnect(_ loop: EventLoop, at now: Instant, using random: inout RandomSource) {
        if let watch { loop.unwatch(watch) }
        socket?.close()
        watch = nil
        socket = nil
        generation &+= 1
        writer.reset()
        writer.buffer.shrink(to: 64 << 10)
        input.removeAll()
        input.shrink(to: 64 << 10)
        blockedSince = nil
        let ceiling = min(2_000, 50 << min(failures, 6))
        failures += 1
        let delay = UInt64(ceiling / 2) + random.below(UInt64(ceiling / 2 + 1))
        state = .down(until: now + .milliseconds(delay))
    }
}

/// A connection that another node has made and that has not yet said who it is.
final class Greeter {
    let socket: Socket
    let deadline: Instant
    var watch: Watch?
    var input = ByteBuffer(capacity: Handshake.bytes)

    init(_ socket: Socket, deadline: Instant) {
        self.socket = socket
        self.deadline = deadline
    }
}
