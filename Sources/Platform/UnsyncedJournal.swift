import Basics
import Glibc
import Synchronization

// A mapped file: a header of two words, head and tail, then records from head to tail, each at a
// multiple of eight bytes:
//
//   state:u64 (0 kept back, 1 settled)  offset:u64  pathBytes:u32  bytes:u32  path  contents
//
//   head, tail   bytes from the end of the header
//   path         from the folder on whose files it is about, so that the two may be moved
//   offset       where in its file the contents belong

/// Bytes that were appended to files and not synced, where SIGKILL cannot lose them but the next
/// start can: it decides how much of them a failing disk would have kept.
final class UnsyncedJournal: Sendable {
    private static let headerBytes = 16
    private static let recordHeader = 24
    private static let capacity = 64 << 20
    /// Sectors are written whole or not at all.
    private static let sectorBytes = 512

    private struct State: ~Copyable {
        // Invariant: `base` maps `capacity` bytes; records lie whole between head and tail.
        let base: UnsafeMutableRawPointer
        /// By path: where the next append belongs, and records kept back.
        var files: [String: Pending] = [:]

        struct Pending {
            var end: Int
            var records: [Int] = []
            /// The first of them have been written, and wait for the sync.
            var written = 0
        }

        var head: Int {
            get { Int(base.load(as: UInt64.self)) }
            nonmutating set { base.storeBytes(of: UInt64(newValue), as: UInt64.self) }
        }
        var tail: Int {
            get { Int(base.load(fromByteOffset: 8, as: UInt64.self)) }
            nonmutating set {
                base.storeBytes(of: UInt64(newValue), toByteOffset: 8, as: UInt64.self)
            }
        }

        func record(_ at: Int) -> Record { Record(place: base + headerBytes + at) }
    }

    private struct Record {
        let place: UnsafeMutableRawPointer
        var isSettled: Bool { place.load(as: UInt64.self) != 0 }
        var offset: Int { Int(place.load(fromByteOffset: 8, as: UInt64.self)) }
        private var pathBytes: Int { Int(place.load(fromByteOffset: 16, as: UInt32.self)) }
        private var contentBytes: Int { Int(place.load(fromByteOffset: 20, as: UInt32.self)) }
        var path: String {
            String(
                decoding: UnsafeRawBufferPointer(
                    start: place + recordHeader, count: pathBytes), as: UTF8.self)
        }
        var contents: Bytes {
            Bytes(base: place + recordHeader + pathBytes, count: contentBytes)
        }
        var length: Int { UnsyncedJournal.length(pathBytes, contentBytes) }

        func settle() { place.storeBytes(of: 1, as: UInt64.self) }
    }

    private let state: Mutex<State>
    let path: String
    private let folder: String

    /// `folder` holds the files.
    init(_ path: String, below folder: String) throws(SystemError) {
        self.path = path
        self.folder = folder.hasSuffix("/") ? String(folder.dropLast()) : folder
        let file = try File(path, .readWrite, permissions: 0o600)
        if try file.size() < UnsyncedJournal.capacity {
            try file.truncate(to: UnsyncedJournal.capacity)
        }
        let mapped = mmap(
            nil, UnsyncedJournal.capacity, PROT_READ | PROT_WRITE, MAP_SHARED, file.descriptor, 0)
        guard let mapped, mapped != MAP_FAILED else { throw SystemError("mmap", path) }
        state = Mutex(State(base: mapped))
    }

    private func name(of path: String) -> [UInt8] {
        precondition(path.hasPrefix(folder + "/"), "a file below the folder")
        return Array(path.utf8.dropFirst(folder.utf8.count + 1))
    }

    private static func length(_ path: Int, _ contents: Int) -> Int {
        (recordHeader + path + contents + 7) / 8 * 8
    }

    // MARK: While the process runs

    /// Keeps the bytes back. False when they must be written as usual: one append that is larger
    /// than the whole journal. A full journal is written through and synced first.
    func append(
        _ bytes: Bytes, to path: String, descriptor: Int32
    ) throws(SystemError) -> Bool {
        let result = state.withLock { state -> Result<Bool, SystemError> in
            do throws(SystemError) {
                return .success(
                    try UnsyncedJournal.append(bytes, path, name(of: path), descriptor, &state))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    private static func append(
        _ bytes: Bytes, _ path: String, _ name: [UInt8], _ descriptor: Int32,
        _ state: inout State
    ) throws(SystemError) -> Bool {
        let length = length(name.count, bytes.count)
        if state.head >= state.tail {
            state.tail = 0
            state.head = 0
        }
        guard headerBytes + state.tail + length <= capacity else {
            // What other files have here stays; this file's bytes are early, never late.
            try write(path, descriptor, &state)
            settle(path, &state)
            return false
        }
        var status = stat()
        if state.files[path] == nil {
            guard fstat(descriptor, &status) == 0 else { throw SystemError("fstat", path) }
            state.files[path] = State.Pending(end: Int(status.st_size))
        }
        let at = state.tail
        let place = state.base + headerBytes + at
        let end = state.files[path]?.end ?? 0
        place.storeBytes(of: 0, as: UInt64.self)
        place.storeBytes(of: UInt64(end), toByteOffset: 8, as: UInt64.self)
        place.storeBytes(of: UInt32(name.count), toByteOffset: 16, as: UInt32.self)
        place.storeBytes(of: UInt32(bytes.count), toByteOffset: 20, as: UInt32.self)
        Bytes.lending(name) {
            (place + recordHeader).copyMemory(from: $0.base, byteCount: $0.count)
        }
        (place + recordHeader + name.count).copyMemory(from: bytes.base, byteCount: bytes.count)
        // The record counts from here on; before, a kill leaves nothing of it.
        state.tail = at + length
        state.files[path]?.end = end + bytes.count
        state.files[path]?.records.append(at)
        return true
    }

    /// Writes what is kept back for a file into it.
    func writeThrough(_ path: String, descriptor: Int32) throws(SystemError) {
        let result = state.withLock { state -> Result<Void, SystemError> in
            do throws(SystemError) {
                return .success(try UnsyncedJournal.write(path, descriptor, &state))
            } catch {
                return .failure(error)
            }
        }
        try result.get()
    }

    private static func write(
        _ path: String, _ descriptor: Int32, _ state: inout State
    ) throws(SystemError) {
        guard let pending = state.files[path] else { return }
        for at in pending.records[pending.written...] {
            let record = state.record(at)
            try writeAll(record.contents, to: descriptor, at: record.offset, about: path)
        }
        state.files[path]?.written = pending.records.count
    }

    /// What was written through is durable.
    func settled(_ path: String) { state.withLock { UnsyncedJournal.settle(path, &$0) } }

    private static func settle(_ path: String, _ state: inout State) {
        guard let pending = state.files[path] else { return }
        for at in pending.records[..<pending.written] { state.record(at).settle() }
        state.files[path]?.records.removeFirst(pending.written)
        state.files[path]?.written = 0
        if state.files[path]?.records.isEmpty == true { state.files[path] = nil }
        while state.head < state.tail, state.record(state.head).isSettled {
            state.head += state.record(state.head).length
        }
    }

    /// What is kept back for a file is gone for good.
    func forget(_ path: String) {
        state.withLock { state in
            guard let pending = state.files[path] else { return }
            state.files[path]?.written = pending.records.count
            UnsyncedJournal.settle(path, &state)
        }
    }

    /// Adds what is kept back to what was read of the file from `offset` on. Returns how many
    /// bytes of the buffer are known then.
    func overlay(
        _ path: String, from offset: Int, onto buffer: UnsafeMutableRawBufferPointer, known: Int
    ) -> Int {
        state.withLock { state in
            guard let pending = state.files[path] else { return known }
            var known = known
            for at in pending.records {
                let record = state.record(at)
                let contents = record.contents
                for i in 0..<contents.count {
                    let place = record.offset + i - offset
                    guard place >= 0, place < buffer.count else { continue }
                    buffer[place] = contents[i]
                    known = max(known, place + 1)
                }
            }
            return known
        }
    }

    /// Everything that is kept back becomes part of its file: the process ends in an orderly way.
    func flushAll() throws(SystemError) {
        for path in state.withLock({ $0.files.keys.sorted() }) {
            let file = try File(path, .append)
            try writeThrough(path, descriptor: file.descriptor)
            settled(path)
        }
    }

    /// Bytes that the file itself does not have yet.
    func pendingBytes(_ path: String) -> Int {
        state.withLock { state in
            guard let pending = state.files[path] else { return 0 }
            return pending.records[pending.written...].reduce(0) {
                $0 + state.record($1).contents.count
            }
        }
    }

    // MARK: After a kill

    /// Decides what became of what an earlier process left: every file is cut to what was synced,
    /// and gets back a beginning of the rest, which may be torn at a sector, or nothing.
    func settle(seed: UInt64) throws(SystemError) {
        let left = state.withLock { state -> [(path: String, offset: Int, bytes: [UInt8])] in
            var left: [(path: String, offset: Int, bytes: [UInt8])] = []
            var at = state.head
            while at < state.tail {
                let record = state.record(at)
                if !record.isSettled {
                    let contents = record.contents
                    left.append(
                        (record.path, record.offset, (0..<contents.count).map { contents[$0] }))
                }
                at += record.length
            }
            return left
        }
        var random = RandomSource(seed: seed).fork("unsynced", UInt64(left.count))
        var seen: [String] = []
        for entry in left where !seen.contains(entry.path) {
            seen.append(entry.path)
            let records = left.filter { $0.path == entry.path }
            try UnsyncedJournal.restore(
                "\(folder)/\(entry.path)", from: entry.offset, records.map(\.bytes), &random)
        }
        state.withLock { state in
            state.tail = 0
            state.head = 0
        }
    }

    private static func restore(
        _ path: String, from offset: Int, _ appends: [[UInt8]], _ random: inout RandomSource
    ) throws(SystemError) {
        guard try FileSystem.kind(of: path) == .file else { return }
        let file = try File(path, .readWrite)
        guard try file.size() >= offset else { return }
        try file.truncate(to: offset)
        var kept: [UInt8] = []
        if !random.chance(1, in: 3) {
            let whole = random.below(appends.count + 1)
            for append in appends[..<whole] { kept += append }
            if whole < appends.count, random.chance(1, in: 2) {
                kept += appends[whole].prefix(
                    torn(offset + kept.count, appends[whole].count, &random))
            }
        }
        if !kept.isEmpty {
            try Bytes.lending(kept) { (all) throws(SystemError) in
                try file.write(all, at: offset)
            }
        }
        try file.syncData()
    }

    /// How many bytes of an append survive that ends at a sector's boundary; 0 if none does.
    private static func torn(
        _ start: Int, _ count: Int, _ random: inout RandomSource
    ) -> Int {
        let first = start / sectorBytes + 1
        let last = (start + count - 1) / sectorBytes
        guard count > 0, first <= last else { return 0 }
        return (first + random.below(last - first + 1)) * sectorBytes - start
    }
}
