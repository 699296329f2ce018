/// What is stored under a key in one version: a value, a deletion, or the state of a richer kind
/// of register, with the time at which it ends.
public struct Content: Sendable {
    /// How the bytes are to be read.
    public enum Form: UInt8, Sendable {
        case value = 0
        /// Deleted; no bytes.
        case tombstone = 1
        /// Concurrent values with their causal context.
        case siblings = 2
        /// What an acceptor of a consensus register has promised and accepted.
        case register = 3
    }

    public var form: Form
    /// Empty for a tombstone.
    public var bytes: Bytes
    /// Milliseconds since 1970 from which on it reads as absent; 0: never.
    public var expiry: UInt64

    @inlinable
    public init(_ form: Form, _ bytes: Bytes, expiry: UInt64 = 0) {
        self.form = form
        self.bytes = bytes
        self.expiry = expiry
    }

    /// A value, or a deletion if it is nil.
    @inlinable
    public init(_ value: Bytes?, expiry: UInt64 = 0) {
        if let value {
            self.init(.value, value, expiry: expiry)
        } else {
            self.init(.tombstone, .empty)
        }
    }

    public static let tombstone = Content(.tombstone, .empty)

    @inlinable public var isTombstone: Bool { form == .tombstone }

    /// The bytes; nil for a tombstone.
    @inlinable public var value: Bytes? { form == .tombstone ? nil : bytes }

    /// A value of the default keyspace that never ends needs no further words in logs and frames.
    @inlinable public var isPlain: Bool { form.rawValue <= 1 && expiry == 0 }
}
