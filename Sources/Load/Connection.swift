import Basics
import Platform

/// A connection to the store, with the requests that wait for their replies on it.
///
/// Replies come in the order of the requests, so that a ring of session numbers tells whose each
/// one is. Several sessions may share a connection: then their requests are pipelined.
struct Connection: ~Copyable {
    enum State {
        /// Not connected; tries again at `retryAt`.
        case waiting
        case connecting
        /// The TLS handshake is under way.
        case securing
        /// Connected, and told the store who speaks and which quorum; the answers are awaited.
        case greeting
        case ready
    }

    var state = State.waiting
    var socket: Socket?
    var watch: Watch?
    /// What lies over the socket, or in place of it.
    var tls: TLSConnection?
    var postgres: PostgresConnection?
    var adapter: ChildProcess?
    /// Of `postgres://`: what the statement under way has come to so far.
    var pending = PostgresAnswer()
    /// Tells reports about this connection from those about an earlier one.
    var generation: UInt32 = 0
    /// Which of `addresses` comes next.
    var address: Int
    let addresses: [SocketAddress]
    var retryAt = Instant.origin
    /// Failed attempts to connect since the last success.
    var attempts = 0
    /// Replies to the greeting that are still to come.
    var greetings = 0
    /// The received start of a reply, and what the system has not taken yet.
    var input = ByteBuffer(capacity: 256)
    var output = ByteBuffer(capacity: 2_048)
    /// On the list of connections that have something to say.
    var isTouched = false
    /// Waiting for the socket to take more.
    var isBlocked = false

    private var ring: [Int32]
    private var first = 0
    private(set) var waiting = 0

    /// `sessions` is how many may have a request under way here.
    init(address: Int, of addresses: [SocketAddress], sessions: Int) {
        self.address = address
        self.addresses = addresses
        ring = [Int32](repeating: 0, count: max(1, sessions))
    }

    /// The session that the next reply is for; nil when nobody asked.
    @inline(__always)
    var next: Int? { waiting == 0 ? nil : Int(ring[first]) }

    @inline(__always)
    mutating func append(_ session: Int) {
        var place = first &+ waiting
        if place >= ring.count { place &-= ring.count }
        ring[place] = Int32(truncatingIfNeeded: session)
        waiting &+= 1
    }

    @inline(__always)
    mutating func removeNext() {
        first = first &+ 1 == ring.count ? 0 : first &+ 1
        waiting &-= 1
    }
}
