import Basics
import Platform
import Wire

/// A client's connection: socket, session, and what could not be dealt with yet.
struct ClientConnection: Reusable, ~Copyable {
    var socket = Socket(descriptor: -1)
    var watch: Watch?
    var session = Session()
    /// Counts connections since the node's start.
    var number: UInt64 = 0
    /// Received and not yet understood, or held back until output has been taken.
    var unread = ByteBuffer(capacity: 64)
    /// When it last sent something.
    var lastRead = Instant.origin
    var interest: Interest = .readable
    /// Whether it is in the turn's list of connections with output.
    var isDirty = false
    /// Whether `unread` may hold whole commands that wait for room in the output.
    var isHeld = false
    /// The other side will send no more: close when everything is answered.
    var isClosing = false

    /// With more than this many bytes of output, no further commands are read.
    static let outputPause = 1 << 20
    /// With more than this and a client that takes nothing the connection is closed.
    static let outputLimit = 32 << 20
    /// Longest command, in bytes.
    static let inputLimit = 64 << 20
    /// Buffers larger than this are given back when they are empty.
    static let keptBytes = 64 << 10
}
