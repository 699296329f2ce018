import Basics

/// A walk over the keys of a keyspace, page by page. Bytes live for the turn.
public struct Scan: Sendable {
    /// Where it begins, which says in which order keys come.
    public enum Place: Sendable {
        /// In the order of hashes: any key may come next, but the place is a number, means the same
        /// on every node, and outlives every change of the keyspace.
        case hash(UInt64)
        /// In the order of the keys' bytes.
        case key(Bytes)
        /// By hash, from where the node likes.
        case anywhere
    }

    public enum Extent: Sendable {
        /// About so many keys by hash, exactly so many by key, unless there are fewer.
        case page(Int)
        /// Every key, within `Limits.keysAtOnce`.
        case all
    }

    public var place: Place
    public var extent: Extent
    public var keyspace: KeyspaceID
    /// False: only the names of keys are wanted.
    public var hasValues: Bool
    public var options: RequestOptions

    public init(
        _ place: Place, _ extent: Extent, in keyspace: KeyspaceID, hasValues: Bool = false,
        options: RequestOptions = RequestOptions()
    ) {
        self.place = place
        self.extent = extent
        self.keyspace = keyspace
        self.hasValues = hasValues
        self.options = options
    }
}

// entries = (keyLength:u32 valueLength:u32 key value)*
//
//   valueLength  all ones: the value was not asked for

/// What a scan found. Bytes live until the effects are carried out.
public struct ScanPage: Sendable {
    public let entries: Bytes
    public let count: Int
    /// Where to go on; nil at the end.
    public let next: Scan.Place?

    public init(entries: Bytes, count: Int, next: Scan.Place?) {
        self.entries = entries
        self.count = count
        self.next = next
    }

    static let noValue = UInt32.max

    /// Calls `body` with every key in order, and its value if it was asked for.
    public func forEach(_ body: (_ key: Bytes, _ value: Bytes?) -> Void) {
        var reader = ByteReader(entries)
        do throws(DecodeError) {
            while reader.remaining > 0 {
                let keyCount = Int(try reader.integer(UInt32.self))
                let valueCount = try reader.integer(UInt32.self)
                let key = try reader.take(keyCount)
                let value =
                    valueCount == ScanPage.noValue ? nil : try reader.take(Int(valueCount))
                body(key, value)
            }
        } catch {
            preconditionFailure("the coordinator has written these entries: \(error)")
        }
    }
}

extension ByteBuffer {
    /// Appends an entry of a page.
    public mutating func appendEntry(_ key: Bytes, _ value: Bytes?) {
        appendInteger(UInt32(key.count))
        appendInteger(value.map { UInt32($0.count) } ?? ScanPage.noValue)
        append(key)
        if let value { append(value) }
    }
}
