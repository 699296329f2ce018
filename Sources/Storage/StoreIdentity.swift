import Basics

/// Who a data directory belongs to, and in which of its lives the node is.
///
/// Two files hold the same bytes, so that one damaged file does no harm:
///
/// ```
/// meta = magic:8 format:u32 crc:u32 store:u64 cluster:u64 incarnation:u64 nameLength:u32 name
///        modeLength:u8 mode moment:u64 ceiling:u64
/// ```
///
/// Integers are little-endian; the crc covers all other bytes. `moment` and `ceiling` reserve the
/// first stamps of the life (`StampReserve`). Format 1 ended with the name. The incarnation rises
/// at every start, before the node answers anything: the simplest rule under which a version that
/// was given before a crash, and then forgotten, is never given again.
public struct StoreIdentity: Sendable, Equatable {
    /// Drawn when the data directory was made; every frame of the log depends on it.
    public let store: UInt64
    /// The cluster that the node is a member of.
    public let cluster: UInt64
    /// The node's name in that cluster.
    public let node: String
    /// Counts the starts, from 1.
    public let incarnation: UInt64
    /// What concurrent writes of the default keyspace come to, in a word; empty: nobody said.
    public let mode: String
    /// Stamps that this life may give at first.
    public let reserved: StampReserve
    /// Those of the life before.
    public let reservedBefore: StampReserve
    /// The wall clock when this life began; nil if nobody said.
    public let openedAt: WallTime?

    /// The two copies, in the order in which they are written.
    public static let fileNames = ["node.meta", "node.meta.copy"]

    /// "QMETA", carriage return, line feed, end of file.
    private static let magic: UInt64 = 0x1a0a_0d41_5445_4d51
    private static let format: UInt32 = 2
    private static let fixedBytes = 44
    private static let tailBytes = 17
    private static let longestName = 4_096

    /// Reads who the directory belongs to and raises the incarnation durably, or makes a new store
    /// named `newStore` (a random number) if the directory has none, in incarnation `first`.
    /// Refuses one of another node or cluster, of another mode (if `mode` says one), of a later
    /// format, or without a readable copy. With `wall` it reserves the first stamps of the life.
    public static func open(
        on disk: any Disk, node: String, cluster: UInt64, newStore: UInt64, first: UInt64 = 1,
        mode: String = "", at wall: WallTime? = nil
    ) throws(StorageError) -> StoreIdentity {
        precondition(node.utf8.count <= longestName, "a node's name above 4096 bytes")
        precondition(mode.utf8.count <= 255, "a mode's name above 255 bytes")
        let reserved = wall.map { StampReserve(from: 0, at: $0) } ?? StampReserve()
        let files = try asStorageError { () throws(DiskError) in try disk.files() }
        let identity: StoreIdentity
        if let last = try newestCopy(on: disk, files) {
            guard last.cluster == cluster else {
                throw .foreign(
                    file: fileNames[0], found: "cluster \(hexadecimal(last.cluster))",
                    expected: "cluster \(hexadecimal(cluster))")
            }
            guard last.node == node else {
                throw .foreign(
                    file: fileNames[0], found: "node \(last.node)", expected: "node \(node)")
            }
            guard last.mode == mode || last.mode.isEmpty || mode.isEmpty else {
                throw .foreign(
                    file: fileNames[0], found: "a store of mode \(last.mode)",
                    expected: "mode \(mode)")
            }
            identity = StoreIdentity(
                store: last.store, cluster: cluster, node: node, incarnation: last.incarnation + 1,
                mode: mode.isEmpty ? last.mode : mode, reserved: reserved.joined(last.reserved),
                reservedBefore: last.reserved, openedAt: wall)
        } else {
            try prepareFirstSegment(on: disk, files)
            identity = StoreIdentity(
                store: newStore, cluster: cluster, node: node, incarnation: first, mode: mode,
                reserved: reserved, reservedBefore: StampReserve(), openedAt: wall)
        }
        for name in fileNames {
            try asStorageError { () throws(DiskError) in
                try disk.replace(name, with: identity.encoded())
            }
        }
        return identity
    }

    /// The largest incarnation that a readable copy names, of whatever node; 0 without one.
    public static func lastIncarnation(on disk: any Disk) throws(DiskError) -> UInt64 {
        var last: UInt64 = 0
        for file in try disk.files() where fileNames.contains(file.name) {
            if let copy = try? read(file, on: disk) { last = max(last, copy.incarnation) }
        }
        return last
    }

    /// The valid copy of the highest incarnation; nil if there are no copies at all.
    private static func newestCopy(
        on disk: any Disk, _ files: [DiskFile]
    ) throws(StorageError) -> StoreIdentity? {
        var newest: StoreIdentity?
        var reason: StorageError?
        for file in files where fileNames.contains(file.name) {
            do {
                let copy = try read(file, on: disk)
                if let known = newest, known.incarnation >= copy.incarnation { continue }
                newest = copy
            } catch {
                if case .newerFormat = error { throw error }
                reason = reason ?? error
            }
        }
        if newest == nil, let reason { throw reason }
        return newest
    }

    /// The first segment is made before the identity, so that a directory with an identity and
    /// without segments has lost them.
    private static func prepareFirstSegment(
        on disk: any Disk, _ files: [DiskFile]
    ) throws(StorageError) {
        var hasFirst = false
        for file in files {
            guard let number = LogFormat.segment(ofFile: file.name) else { continue }
            guard file.size == 0 else {
                throw .missing(
                    file: fileNames[0], what: "\(file.name) belongs to a store without a name")
            }
            hasFirst = hasFirst || number == 1
        }
        if hasFirst { return }
        try asStorageError { () throws(DiskError) in try disk.create(LogFormat.fileName(1)) }
    }

    private static func read(
        _ file: DiskFile, on disk: any Disk
    ) throws(StorageError) -> StoreIdentity {
        guard file.size >= fixedBytes, file.size <= fixedBytes + longestName + tailBytes + 255
        else {
            throw .damaged(
                file: file.name, offset: 0,
                what: "\(file.size) bytes long, expected \(fixedBytes) and the node's name")
        }
        let bytes = try asStorageError { () throws(DiskError) in
            try disk.read(file.name, at: 0, count: file.size)
        }
        return try Bytes.lending(bytes) { bytes throws(StorageError) in
            try decode(bytes, of: file.name)
        }
    }

    private static func decode(
        _ bytes: Bytes, of file: String
    ) throws(StorageError) -> StoreIdentity {
        let fields: Fields
        do { fields = try split(bytes) } catch {
            throw .damaged(file: file, offset: 0, what: "\(error)")
        }
        guard fields.magic == magic else {
            throw .unrecognised(file: file, what: "it does not begin with an identity's header")
        }
        guard fields.format <= format else {
            throw .newerFormat(file: file, found: fields.format, supported: format)
        }
        guard fields.crc == checksum(bytes), let name = fields.name else {
            throw .damaged(file: file, offset: 0, what: "it does not match its checksum")
        }
        return StoreIdentity(
            store: fields.identity[0], cluster: fields.identity[1], node: name.text,
            incarnation: fields.identity[2], mode: fields.mode.text, reserved: fields.reserved,
            reservedBefore: StampReserve(), openedAt: nil)
    }

    private struct Fields {
        var magic: UInt64
        var format: UInt32
        var crc: UInt32
        var identity: [UInt64] = []
        /// Nil if its length does not fit.
        var name: Bytes?
        var mode = Bytes.empty
        var reserved = StampReserve()
    }

    /// The fields, unchecked.
    private static func split(_ bytes: Bytes) throws(DecodeError) -> Fields {
        var reader = ByteReader(bytes)
        var fields = Fields(
            magic: try reader.integer(), format: try reader.integer(), crc: try reader.integer())
        for _ in 0..<3 { fields.identity.append(try reader.integer()) }
        let nameLength = Int(try reader.integer(UInt32.self))
        if fields.format == 1 {
            fields.name = reader.remaining == nameLength ? try reader.take(nameLength) : nil
            return fields
        }
        guard reader.remaining >= nameLength + tailBytes else { return fields }
        let name = try reader.take(nameLength)
        let modeLength = Int(try reader.integer(UInt8.self))
        guard reader.remaining == modeLength + 16 else { return fields }
        fields.mode = try reader.take(modeLength)
        fields.reserved = StampReserve(
            moment: try reader.integer(), ceiling: try reader.integer())
        fields.name = name
        return fields
    }

    private func encoded() -> [UInt8] {
        var buffer = ByteBuffer()
        buffer.appendInteger(StoreIdentity.magic)
        buffer.appendInteger(StoreIdentity.format)
        buffer.appendInteger(UInt32(0))
        buffer.appendInteger(store)
        buffer.appendInteger(cluster)
        buffer.appendInteger(incarnation)
        buffer.appendInteger(UInt32(node.utf8.count))
        buffer.append(node)
        buffer.append(UInt8(mode.utf8.count))
        buffer.append(mode)
        buffer.appendInteger(reserved.moment)
        buffer.appendInteger(reserved.ceiling)
        buffer.overwrite(StoreIdentity.checksum(buffer.bytes), at: 12)
        return buffer.bytes.copied()
    }

    private static func checksum(_ bytes: Bytes) -> UInt32 {
        CRC32C.checksum(bytes.slice(16, bytes.count), seed: CRC32C.checksum(bytes.slice(0, 12)))
    }
}
