import Basics
import Storage

/// A disk in memory that knows what was synced, can crash, and can refuse.
final class MemoryDisk: Disk {
    struct File: Equatable {
        var bytes: [UInt8] = []
        /// This many bytes survive every crash.
        var synced = 0
    }

    var contents: [String: File] = [:]
    /// When set, everything that writes throws it.
    var refusal: DiskError?
    /// When set, so many writes succeed before it refuses.
    var writesLeft: Int?

    init() {}

    /// A disk with the same files, all synced.
    init(copying other: MemoryDisk) {
        contents = other.contents.mapValues { File(bytes: $0.bytes, synced: $0.bytes.count) }
    }

    func sync() { contents = MemoryDisk(copying: self).contents }

    /// Every file loses a random part of what was not synced; another part turns to zeros.
    func crash(_ random: inout RandomSource) {
        for name in contents.keys.sorted() {
            guard var file = contents[name] else { continue }
            let unsynced = file.bytes.count - file.synced
            file.bytes.removeLast(random.below(unsynced + 1))
            if file.bytes.count > file.synced, random.chance(1, in: 3) {
                let hole = file.synced + random.below(file.bytes.count - file.synced)
                for i in hole..<min(file.bytes.count, hole + 512) { file.bytes[i] = 0 }
            }
            file.synced = file.bytes.count
            contents[name] = file
        }
    }

    func files() throws(DiskError) -> [DiskFile] {
        contents.keys.sorted().map {
            DiskFile(name: $0, size: contents[$0]?.bytes.count ?? 0)
        }
    }

    func read(_ name: String, at offset: Int, count: Int) throws(DiskError) -> [UInt8] {
        let bytes = try file(name).bytes
        guard offset >= 0, offset + count <= bytes.count else {
            throw DiskError("read beyond the end of \(name)")
        }
        return Array(bytes[offset..<offset + count])
    }

    func create(_ name: String) throws(DiskError) {
        try write()
        guard contents[name] == nil else { throw DiskError("\(name) exists") }
        contents[name] = File()
    }

    func append(_ bytes: Bytes, to name: String) throws(DiskError) {
        try write()
        _ = try file(name)
        contents[name]?.bytes += bytes.copied()
    }

    func truncate(_ name: String, to size: Int) throws(DiskError) {
        try replace(name, with: Array(file(name).bytes.prefix(size)))
    }

    func replace(_ name: String, with bytes: [UInt8]) throws(DiskError) {
        try write()
        contents[name] = File(bytes: bytes, synced: bytes.count)
    }

    func remove(_ name: String) throws(DiskError) {
        try write()
        guard contents.removeValue(forKey: name) != nil else { throw DiskError("no \(name)") }
    }

    private func write() throws(DiskError) {
        if let refusal { throw refusal }
        guard let left = writesLeft else { return }
        guard left > 0 else { throw DiskError("no power") }
        writesLeft = left - 1
    }

    private func file(_ name: String) throws(DiskError) -> File {
        guard let file = contents[name] else { throw DiskError("no \(name)") }
        return file
    }
}
