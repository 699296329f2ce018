/// What was wrong with bytes that should have been decoded.
public enum DecodeError: Error, Equatable, Sendable {
    case truncated(need: Int, have: Int)
    case invalid(StaticStringBox)

    public static func == (a: DecodeError, b: DecodeError) -> Bool {
        switch (a, b) {
        case (.truncated(let n, let h), .truncated(let m, let i)): n == m && h == i
        case (.invalid(let x), .invalid(let y)): x.text == y.text
        default: false
        }
    }

    public static func invalid(_ what: StaticString) -> DecodeError {
        .invalid(StaticStringBox(what))
    }

    /// A static string as text.
    public struct StaticStringBox: Sendable {
        let string: StaticString
        init(_ string: StaticString) { self.string = string }
        public var text: String { "\(string)" }
    }
}

extension DecodeError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .truncated(let need, let have): "needs \(need) bytes, has \(have)"
        case .invalid(let what): what.text
        }
    }
}

/// The decoding primitives: reads little-endian integers and runs of bytes, never past the end.
public struct ByteReader {
    public let bytes: Bytes
    @usableFromInline var position = 0

    @inlinable
    public init(_ bytes: Bytes) { self.bytes = bytes }

    /// Offset of the next byte to be read.
    @inlinable public var offset: Int { position }
    @inlinable public var remaining: Int { bytes.count &- position }

    @inlinable
    public mutating func integer<T: FixedWidthInteger>(
        _ type: T.Type = T.self
    ) throws(DecodeError) -> T {
        let size = MemoryLayout<T>.size
        guard remaining >= size else { throw .truncated(need: size, have: remaining) }
        defer { position &+= size }
        return T(littleEndian: bytes.base.loadUnaligned(fromByteOffset: position, as: T.self))
    }

    @inlinable
    public mutating func take(_ count: Int) throws(DecodeError) -> Bytes {
        guard count >= 0, remaining >= count else {
            throw .truncated(need: count, have: remaining)
        }
        defer { position &+= count }
        return Bytes(base: bytes.base + position, count: count)
    }
}
