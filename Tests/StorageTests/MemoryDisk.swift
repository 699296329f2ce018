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
    /// What was done to a running store's disk.
    enum Step {
        case append(String, [UInt8])
        case synced
        case job(DiskJob)
    }

    /// Everything done, in order, when it is kept.
    var journal: [Step]?
    var progress = DiskProgress()
    /// By name: the files of a checkpoint.
    var snapshots: [String: [String: File]] = [:]
    /// When true, no room is found for anything but appends.
    var isFull = false
    /// When set, everything that writes throws it.
    var refusal: DiskError?
    /// When set, so many writes succeed before it refuses.
    var writesLeft: Int?

    init() {}

    /// A disk with the same files, all synced.
    init(copying other: MemoryDisk) {
        contents = other.contents.mapValues { File(bytes: $0.bytes, synced: $0.bytes.count) }
    }

    func sync() {
        contents = MemoryDisk(copying: self).contents
        journal?.append(.synced)
    }

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
        journal?.append(.append(name, bytes.copied()))
        contents[name, default: File()].bytes += bytes.copied()
    }

    /// Jobs are done at once.
    func schedule(_ job: DiskJob) {
        journal?.append(.job(job))
        carryOut(job, steps: .max)
    }

    /// Does the first so many steps of a job.
    func carryOut(_ job: DiskJob, steps: Int) {
        switch job {
        case .reserve(let name, _):
            progress.isFull = isFull
            if steps > 0, !isFull, contents[name] == nil { contents[name] = File() }
        case .trim(let name, let size):
            precondition(contents[name]?.bytes.count == size, "a segment is trimmed to its size")
        case .write(let name, let bytes):
            if isFull { return }
            var file = contents[name] ?? File()
            file.bytes += steps == .max ? bytes : Array(bytes.prefix(bytes.count / 2))
            file.synced = file.bytes.count
            contents[name] = file
        case .install(let installation): install(installation, steps: steps)
        case .remove(let names): for name in names.prefix(steps) { contents[name] = nil }
        case .snapshot(let name):
            progress.snapshot = name
            snapshots[name] = contents.filter { $0.key.hasPrefix("checkpoint") }
        }
    }

    private func install(_ installation: Installation, steps: Int) {
        guard installation.parts.allSatisfy({ contents[$0.name]?.bytes.count == $0.size }) else {
            for part in installation.parts { contents[part.name] = nil }
            progress.refused = installation.number
            return
        }
        if contents[installation.segment] == nil { contents[installation.segment] = File() }
        let head = File(bytes: installation.bytes, synced: installation.bytes.count)
        for name in installation.heads.prefix(steps) { contents[name] = head }
        for name in installation.obsolete.prefix(max(0, steps - installation.heads.count)) {
            contents[name] = nil
        }
        progress.installed = installation.number
    }

    func truncate(_ name: String, to size: Int) throws(DiskError) {
        try replace(name, with: Array(file(name).bytes.prefix(size)))
    }

    func overwrite(_ name: String, at offset: Int, with bytes: [UInt8]) throws(DiskError) {
        var all = try file(name).bytes
        guard offset + bytes.count <= all.count else {
            throw DiskError("overwritten beyond the end of \(name)")
        }
        all.replaceSubrange(offset..<offset + bytes.count, with: bytes)
        try replace(name, with: all)
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
