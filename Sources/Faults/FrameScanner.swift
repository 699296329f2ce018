import Basics
import Wire

/// Finds where messages begin in the bytes of a peer connection: a handshake, then frames.
///
/// Works on pieces of any size, so that a link whose bytes pass untouched can become one that
/// loses whole messages at any time.
struct FrameScanner {
    /// Bytes of the current message that are still to come, its length being known.
    private var left = 0
    /// The first bytes of a header, as far as they have come.
    private var header: UInt32 = 0
    private var headerBytes = 0
    private(set) var expectsHandshake = true
    /// A length was impossible: this is not the peer protocol, and nothing is known any more.
    private(set) var isLost = false

    private static let lengthBytes = 4

    /// Whether the next byte begins a message.
    var isAtBoundary: Bool { left == 0 && headerBytes == 0 && !isLost }

    /// Takes bytes as they pass. `toBoundary`: only to the end of the message that is under way.
    mutating func pass(_ bytes: Bytes, toBoundary: Bool = false) -> (used: Int, messages: UInt64) {
        var used = 0
        var messages: UInt64 = 0
        while used < bytes.count {
            if isLost { return (bytes.count, messages) }
            if toBoundary, isAtBoundary { break }
            if left == 0 {
                begin(bytes[used])
                used += expectsHandshake ? 0 : 1
                if left == 0 { continue }
            }
            if expectsHandshake, left > 0 { expectsHandshake = false }
            let step = min(left, bytes.count - used)
            left -= step
            used += step
            if left == 0 { messages += 1 }
        }
        return (used, messages)
    }

    /// The first byte of a message, or another of its header.
    private mutating func begin(_ byte: UInt8) {
        if expectsHandshake {
            left = Handshake.bytes
            return
        }
        header |= UInt32(byte) << UInt32(8 * headerBytes)
        headerBytes += 1
        guard headerBytes == FrameScanner.lengthBytes else { return }
        let length = Int(header)
        header = 0
        headerBytes = 0
        guard length > 0, length <= Frame.maximumBytes else {
            isLost = true
            return
        }
        left = Frame.headerBytes - FrameScanner.lengthBytes + length
    }

    /// Bytes of the message at the head of `bytes`, which begin at a boundary; nil when they do
    /// not tell yet.
    func length(of bytes: Bytes) -> Int? {
        if expectsHandshake { return Handshake.bytes }
        guard bytes.count >= FrameScanner.lengthBytes else { return nil }
        let length =
            Int(bytes[0]) | Int(bytes[1]) << 8 | Int(bytes[2]) << 16 | Int(bytes[3]) << 24
        return Frame.headerBytes + length
    }
}
