import Basics
import Storage

/// A disk that forgets, in a crash, what was not synced.
///
/// A file is a durable image and the appends since the last sync, in order. Appends are durable
/// when the sync that covers them ends; creating, replacing, truncating and removing are atomic
/// and durable when they return, as the seam promises. Jobs are done when a sync ends that was
/// begun after them; a crash finds any number of them done, the last one perhaps in part.
public final class SimulatedDisk: Disk {
    /// What a crash does to appends that were not synced.
    public enum CrashOutcome: Sendable {
        /// Everything written is kept: the process died, the machine did not.
        case keepAll
        /// Nothing unsynced survives.
        case loseAll
        /// A random prefix survives, its last append perhaps cut at a sector.
        case losesSuffix
        /// Every append is kept, lost or torn by itself; what is lost below something that was
        /// kept reads as zeros.
        case anySubset
    }

    /// Writes are torn at multiples of this many bytes of the file.
    static let sectorBytes = 512

    private struct File {
        var name: String
        /// Everything, as the running process sees it.
        var bytes: [UInt8]
        /// Bytes that a crash cannot take.
        var durable: Int
    }
    private struct Append {
        var file: Int
        var end: Int
    }

    /// Sorted by name.
    private var contents: [File] = []
    /// Appends that no finished sync covers, oldest first.
    private var pending: [Append] = []
    /// The first `head` of `pending` are durable already.
    private var head = 0
    /// Appends since the disk was new.
    private(set) var appendCount: UInt64 = 0
    /// Appends covered by finished syncs.
    private var syncedCount: UInt64 = 0
    /// Jobs that are not done, oldest first, each with the appends that were made before it.
    private var jobs: [(job: DiskJob, after: UInt64)] = []
    public private(set) var progress = DiskProgress()
    /// When true, every request is refused, as a dead disk would.
    public var isBroken = false
    /// When true, no room is found for anything but appends; who looks at `progress` makes none.
    public var isFull = false { didSet { progress.isFull = isFull } }

    public init() {}

    /// Appends that a crash could take.
    var unsyncedCount: Int { pending.count - head }

    // MARK: The seam

    public func files() throws(DiskError) -> [DiskFile] {
        try check("list the files", "")
        return contents.map { DiskFile(name: $0.name, size: $0.bytes.count) }
    }

    public func read(_ name: String, at offset: Int, count: Int) throws(DiskError) -> [UInt8] {
        let file = try contents[find(name, "read")]
        guard offset >= 0, count >= 0, offset + count <= file.bytes.count else {
            throw DiskError(
                "cannot read \(count) bytes at \(offset) of \(name): it has \(file.bytes.count)")
        }
        return Array(file.bytes[offset..<offset + count])
    }

    public func create(_ name: String) throws(DiskError) {
        try check("create", name)
        guard index(of: name) == nil else {
            throw DiskError("cannot create \(name): it exists")
        }
        insert(File(name: name, bytes: [], durable: 0))
    }

    public func append(_ bytes: Bytes, to name: String) throws(DiskError) {
        try check("append to", name)
        let file = make(name)
        contents[file].bytes.append(
            contentsOf: UnsafeRawBufferPointer(start: bytes.base, count: bytes.count))
        pending.append(Append(file: file, end: contents[file].bytes.count))
        appendCount &+= 1
    }

    public func truncate(_ name: String, to size: Int) throws(DiskError) {
        let file = try find(name, "truncate")
        guard size >= 0, size <= contents[file].bytes.count else {
            throw DiskError(
                "cannot cut \(name) to \(size) bytes: it has \(contents[file].bytes.count)")
        }
        contents[file].bytes.removeSubrange(size...)
        settle(file)
    }

    public func overwrite(
        _ name: String, at offset: Int, with bytes: [UInt8]
    ) throws(DiskError) {
        let file = try find(name, "overwrite")
        guard offset >= 0, offset + bytes.count <= contents[file].bytes.count else {
            throw DiskError("cannot overwrite \(bytes.count) bytes at \(offset) of \(name)")
        }
        contents[file].bytes.replaceSubrange(offset..<offset + bytes.count, with: bytes)
        settle(file)
    }

    public func replace(_ name: String, with bytes: [UInt8]) throws(DiskError) {
        try check("replace", name)
        if let file = index(of: name) {
            contents[file].bytes = bytes
            settle(file)
        } else {
            insert(File(name: name, bytes: bytes, durable: bytes.count))
        }
    }

    public func remove(_ name: String) throws(DiskError) {
        _ = try find(name, "remove")
        drop(name)
    }

    // MARK: Syncing and crashing

    /// A mark that covers everything appended so far, to be given to `finishSync`.
    public func beginSync() -> UInt64 { appendCount }

    /// Everything up to the mark is durable now.
    public func finishSync(upTo mark: UInt64) {
        while syncedCount < mark, head < pending.count {
            let append = pending[head]
            if append.file >= 0 {
                contents[append.file].durable = max(contents[append.file].durable, append.end)
            }
            head += 1
            syncedCount &+= 1
        }
        if head == pending.count {
            pending.removeAll(keepingCapacity: true)
            head = 0
        }
        doJobs(mark)
    }

    /// The power goes: decides the fate of every append that was not synced.
    public func crash(_ outcome: CrashOutcome, drawing random: inout RandomSource) {
        switch outcome {
        case .keepAll: break
        case .loseAll: losePending(after: head, tearing: nil, &random)
        case .losesSuffix:
            let kept = head + random.below(unsyncedCount + 1)
            let torn = kept < pending.count && random.chance(1, in: 2) ? kept : nil
            losePending(after: kept, tearing: torn, &random)
        case .anySubset: loseSubset(&random)
        }
        if outcome == .keepAll { syncedCount = appendCount }
        interruptJobs(&random)
        for file in contents.indices { contents[file].durable = contents[file].bytes.count }
        syncedCount = appendCount
        pending.removeAll(keepingCapacity: true)
        head = 0
    }

    /// Cuts every file to what was appended before `kept`, and leaves some sectors of `torn`.
    private func losePending(after kept: Int, tearing torn: Int?, _ random: inout RandomSource) {
        var ends = contents.map(\.durable)
        for append in pending[head..<kept] where append.file >= 0 {
            ends[append.file] = max(ends[append.file], append.end)
        }
        if let torn, pending[torn].file >= 0 {
            let append = pending[torn]
            let start = ends[append.file]
            ends[append.file] = SimulatedDisk.tear(start, append.end, &random)
        }
        for file in contents.indices where contents[file].bytes.count > ends[file] {
            contents[file].bytes.removeSubrange(ends[file]...)
        }
    }

    private func loseSubset(_ random: inout RandomSource) {
        var ends = contents.map(\.durable)
        var starts = ends
        for append in pending[head...] where append.file >= 0 {
            let file = append.file
            let start = starts[file]
            starts[file] = append.end
            let end: Int
            switch random.below(3) {
            case 0: end = append.end
            case 1: end = start
            default: end = SimulatedDisk.tear(start, append.end, &random)
            }
            for i in end..<append.end { contents[file].bytes[i] = 0 }
            if end > start { ends[file] = max(ends[file], end) }
        }
        for file in contents.indices where contents[file].bytes.count > ends[file] {
            contents[file].bytes.removeSubrange(ends[file]...)
        }
    }

    /// A place between `start` and `end` at a sector boundary, or `start` when there is none.
    private static func tear(_ start: Int, _ end: Int, _ random: inout RandomSource) -> Int {
        let first = start / sectorBytes + 1
        let last = (end - 1) / sectorBytes
        guard end > start, first <= last else { return start }
        return (first + random.below(last - first + 1)) * sectorBytes
    }

    // MARK: Jobs

    public func schedule(_ job: DiskJob) {
        if case .write(_, let bytes) = job { progress.waiting += bytes.count }
        jobs.append((job, appendCount))
    }

    private func doJobs(_ mark: UInt64) {
        let due = jobs.prefix { $0.after <= mark }.count
        for (job, _) in jobs.prefix(due) { carryOut(job, steps: .max) }
        jobs.removeFirst(due)
    }

    /// In a crash: some of the jobs are done, and the next one in part.
    private func interruptJobs(_ random: inout RandomSource) {
        var left = jobs.isEmpty ? 0 : random.below(jobs.count + 1)
        for (job, after) in jobs {
            if case .install = job, after > syncedCount { break }
            carryOut(job, steps: left > 0 ? .max : random.below(4))
            if left == 0 { break }
            left -= 1
        }
        jobs.removeAll()
        progress = DiskProgress()
        progress.isFull = isFull
    }

    /// Does the first so many steps of a job.
    private func carryOut(_ job: DiskJob, steps: Int) {
        switch job {
        case .reserve(let name, _):
            progress.isFull = isFull
            if !isFull, steps > 0 { settle(make(name)) }
        case .trim: break
        case .write(let name, let bytes):
            progress.waiting -= bytes.count
            if isFull { return }
            let file = make(name)
            contents[file].bytes += steps == .max ? bytes[...] : bytes[..<(bytes.count / 2)]
            settle(file)
        case .install(let installation): install(installation, steps: steps)
        case .remove(let names): for name in names.prefix(steps) { drop(name) }
        case .snapshot(let name): progress.snapshot = name
        }
    }

    private func install(_ installation: Installation, steps: Int) {
        let isComplete = installation.parts.allSatisfy { part in
            contents.contains { $0.name == part.name && $0.bytes.count == part.size }
        }
        guard isComplete else {
            for part in installation.parts { drop(part.name) }
            progress.refused = installation.number
            return
        }
        settle(make(installation.segment))
        for name in installation.heads.prefix(steps) {
            let file = make(name)
            contents[file].bytes = installation.bytes
            settle(file)
        }
        for name in installation.obsolete.prefix(max(0, steps - installation.heads.count)) {
            drop(name)
        }
        progress.installed = installation.number
    }

    /// The index of a file, which is made if it is not there.
    private func make(_ name: String) -> Int {
        if let file = index(of: name) { return file }
        return insert(File(name: name, bytes: [], durable: 0))
    }

    private func drop(_ name: String) {
        guard let file = index(of: name) else { return }
        settle(file)
        contents.remove(at: file)
        for i in head..<pending.count where pending[i].file > file { pending[i].file -= 1 }
    }

    // MARK: Files

    private func index(of name: String) -> Int? {
        contents.firstIndex { $0.name == name }
    }

    private func find(_ name: String, _ what: String) throws(DiskError) -> Int {
        try check(what, name)
        guard let file = index(of: name) else {
            throw DiskError("cannot \(what) \(name): there is no such file")
        }
        return file
    }

    private func check(_ what: String, _ name: String) throws(DiskError) {
        if isBroken { throw DiskError("cannot \(what) \(name): the simulated disk is broken") }
    }

    @discardableResult
    private func insert(_ file: File) -> Int {
        let place = contents.firstIndex { file.name < $0.name } ?? contents.count
        contents.insert(file, at: place)
        for i in head..<pending.count where pending[i].file >= place { pending[i].file += 1 }
        return place
    }

    /// All of the file is durable now, and its pending appends are settled.
    private func settle(_ file: Int) {
        contents[file].durable = contents[file].bytes.count
        for i in head..<pending.count where pending[i].file == file { pending[i].file = -1 }
    }
}
