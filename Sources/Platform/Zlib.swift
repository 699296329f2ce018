import CZlib

/// zlib's format of deflate (RFC 1950), as HdrHistogram's compressed encoding wraps it.
public enum Zlib {
    /// Compresses `bytes` with the default effort.
    public static func compress(_ bytes: [UInt8]) throws(ZlibError) -> [UInt8] {
        var length = compressBound(uLong(bytes.count))
        var packed = [UInt8](repeating: 0, count: Int(length))
        let result = packed.withUnsafeMutableBufferPointer { target in
            bytes.withUnsafeBufferPointer { source in
                CZlib.compress(
                    target.baseAddress, &length, source.baseAddress, uLong(source.count))
            }
        }
        guard result == Z_OK else { throw ZlibError(code: result) }
        packed.removeLast(packed.count - Int(length))
        return packed
    }

    /// Expands `bytes` to at most `limit` bytes; more, or what is not zlib's format, is an error.
    public static func expand(_ bytes: [UInt8], limit: Int) throws(ZlibError) -> [UInt8] {
        var length = uLong(limit)
        var plain = [UInt8](repeating: 0, count: limit)
        let result = plain.withUnsafeMutableBufferPointer { target in
            bytes.withUnsafeBufferPointer { source in
                uncompress(target.baseAddress, &length, source.baseAddress, uLong(source.count))
            }
        }
        guard result == Z_OK else { throw ZlibError(code: result) }
        plain.removeLast(limit - Int(length))
        return plain
    }
}

/// Why zlib could not do what it was asked.
public struct ZlibError: Error, Equatable, Sendable, CustomStringConvertible {
    /// zlib's own code, below 0.
    public let code: Int32

    public var description: String {
        switch code {
        case Z_DATA_ERROR: "the compressed bytes are damaged or cut off"
        case Z_BUF_ERROR: "the compressed bytes are cut off, or hold more than there may be"
        default: "zlib failed with code \(code)"
        }
    }
}
