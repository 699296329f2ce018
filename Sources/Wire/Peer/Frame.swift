import Basics

// A frame carries every message of one turn of the sender's loop:
//
//   length:u32 checksum:u32 message…
//
//   length    bytes of the messages, 1…maximumBytes
//   checksum  low half of XXH3-64 over the messages, seeded with the session: both boot nonces
//             mixed, so that a frame of an earlier connection never passes

/// Framing of the bytes between nodes.
public enum Frame {
    public static let headerBytes = 8
    /// The longest legal frame: one message with the longest key and value fits.
    public static let maximumBytes = 32 << 20
    /// A frame is closed when it has grown beyond this.
    public static let closeBytes = 1 << 20

    /// What stands at the head of the received bytes.
    public enum Next {
        /// The messages of one whole frame; `consumed` bytes in all.
        case messages(Bytes, consumed: Int)
        /// At least `need` bytes in all are needed.
        case incomplete(need: Int)
    }

    /// Looks for one frame at the head of `input`. O(frame).
    public static func next(_ input: Bytes, seed: UInt64) throws(DecodeError) -> Next {
        guard input.count >= headerBytes else { return .incomplete(need: headerBytes) }
        var reader = ByteReader(input)
        let length = Int(try reader.integer(UInt32.self))
        let checksum = try reader.integer(UInt32.self)
        guard length > 0, length <= maximumBytes else {
            throw .invalid("a frame whose length is zero or above 32 MiB")
        }
        guard input.count >= headerBytes + length else {
            return .incomplete(need: headerBytes + length)
        }
        let messages = try reader.take(length)
        guard UInt32(truncatingIfNeeded: XXH3.hash64(messages, seed: seed)) == checksum else {
            throw .invalid("a frame whose checksum does not match")
        }
        return .messages(messages, consumed: headerBytes + length)
    }
}

/// Collects the messages of a turn into frames.
public struct FrameWriter: ~Copyable {
    /// Whole frames, after `close()`, ready to be written.
    public var buffer = ByteBuffer(capacity: 4 << 10)
    public var seed: UInt64
    /// Where the open frame's header is, from the first unconsumed byte.
    private var openAt: Int?

    public init(seed: UInt64) { self.seed = seed }

    /// Where the next message goes: `encode` appends it to `buffer`. Call before each message.
    @inlinable
    public mutating func open() {
        if needsNewFrame { beginFrame() }
    }

    @usableFromInline
    var needsNewFrame: Bool {
        guard let openAt else { return true }
        return buffer.count - openAt > Frame.closeBytes
    }

    @usableFromInline
    mutating func beginFrame() {
        close()
        openAt = buffer.count
        buffer.appendInteger(0 as UInt64)
    }

    /// Fills in the header of the open frame, if any. Call before writing the buffer out.
    public mutating func close() {
        guard let start = openAt else { return }
        openAt = nil
        let length = buffer.count - start - Frame.headerBytes
        guard length > 0 else { return buffer.truncate(to: start) }
        let messages = buffer.bytes.slice(start + Frame.headerBytes, buffer.count)
        let checksum = UInt32(truncatingIfNeeded: XXH3.hash64(messages, seed: seed))
        buffer.overwrite(UInt32(length), at: start)
        buffer.overwrite(checksum, at: start + 4)
    }

    /// Forgets everything: the connection is gone, and messages are safe to lose.
    public mutating func reset() {
        buffer.removeAll()
        openAt = nil
    }
}
