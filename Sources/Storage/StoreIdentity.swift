import Basics

/// Who a data directory belongs to, and in which of its lives the node is.
///
/// Two files hold the same bytes, so that one damaged file does no harm:
///
/// ```
/// meta = magic:8 format:u32 crc:u32 store:u64 cluster:u64 incarnation:u64 nameLength:u32 name
/// ```
///
/// Integers are little-endian; the crc covers all other bytes. The incarnation rises at every
/// start, before the node answers anything: the simplest rule under which a version that was given
/// before a crash, and then forgotten, is never given again.
public struct StoreIdentity: Sendable, Equatable {
    /// Drawn when the data directory was made; every frame of the log depends on it.
    public let store: UInt64
    /// The cluster that the node is a member of.
    public let cluster: UInt64
    /// The node's name in that cluster.
    public let node: String
    /// Counts the starts, from 1.
    public let incarnation: UInt64

    /// The two copies, in the order in which they are written.
    public static let fileNames = ["node.meta", "node.meta.copy"]

    /// "QMETA", carriage return, line feed, end of file.
    private static let magic: UInt64 = 0x1a0a_0d41_5445_4d51
    private static let format: UInt32 = 1
    private static let fixedBytes = 44
    private static let longestName = 4_096

    /// Reads who the directory belongs to and raises the incarnation durably, or makes a new store
    /// named `newStore` (a random number) if the directory has none, in incarnation `first`.
    /// Refuses one of another node or cluster, of a later format, or without a readable copy.
    public static func open(
        on disk: any Disk, node: String, cluster: UInt64, newStore: UInt64, first: UInt64 = 1
    ) throws(StorageError) -> StoreIdentity {
        precondition(node.utf8.count <= longestName, "a node's name above 4096 bytes")
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
            identity = StoreIdentity(
                store: last.store, cluster: cluster, node: node, incarnation: last.incarnation + 1)
        } else {
            try prepareFirstSegment(on: disk, files)
            identity = StoreIdentity(
                store: newStore, cluster: cluster, node: node, incarnation: first)
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
        guard file.size >= fixedBytes, file.size <= fixedBytes + longestName else {
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
        let fields: (magic: UInt64, format: UInt32, crc: UInt32, identity: [UInt64], name: Bytes?)
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
            incarnation: fields.identity[2])
    }

    /// The fields, unchecked; no name if its length does not fit.
    private static func split(
        _ bytes: Bytes
    ) throws(DecodeError) -> (UInt64, UInt32, UInt32, [UInt64], Bytes?) {
        var reader = ByteReader(bytes)
        let magic: UInt64 = try reader.integer()
        let format: UInt32 = try reader.integer()
        let crc: UInt32 = try reader.integer()
        var identity: [UInt64] = []
        for _ in 0..<3 { identity.append(try reader.integer()) }
        let nameLength = Int(try reader.integer(UInt32.self))
        let name = reader.remaining == nameLength ? try reader.take(nameLength) : nil
        return (magic, format, crc, identity, name)
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
        buffer.overwrite(StoreIdentity.checksum(buffer.bytes), at: 12)
        return buffer.bytes.copied()
    }

    private static func checksum(_ bytes: Bytes) -> UInt32 {
        CRC32C.checksum(bytes.slice(16, bytes.count), seed: CRC32C.checksum(bytes.slice(0, 12)))
    }
}
