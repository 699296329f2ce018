import Basics
import Platform
import Storage

/// Makes the log durable on a thread of its own, so that the loop never waits for the disk.
///
/// Group commit: the next sync begins when the one before has ended, with all that has gathered
/// meanwhile; there is no commit timer. With `everysec` a sync begins at most once a second.
final class Syncer {
    /// Written by the loop's thread, taken whole by the syncer's.
    struct Batch: ~Copyable {
        var bytes = ByteBuffer(capacity: 64 << 10)
        /// Which files the bytes belong to, in order; a count of zero asks for a sync only.
        var runs: [(file: String, count: Int)] = []
        var position = LogPosition.zero

        mutating func add(_ bytes: Bytes, to file: String) {
            self.bytes.append(bytes)
            note(file, bytes.count)
        }

        mutating func note(_ file: String, _ count: Int) {
            if let last = runs.indices.last, runs[last].file == file {
                runs[last].count += count
            } else {
                runs.append((file, count))
            }
        }

        mutating func clear() {
            bytes.removeAll()
            bytes.shrink(to: 4 << 20)
            runs.removeAll(keepingCapacity: true)
        }
    }

    struct Shared: ~Copyable {
        var batch = Batch()
        var isWaiting = false
        var isStopping = false
        var synced = LogPosition.zero
        /// Times that a file was synced.
        var syncs: UInt64 = 0
        var failure: DiskError?
    }

    let shared: Monitor<Shared>
    private var staged = Batch()
    private var thread: WorkerThread?

    /// `wakeUp` is signalled whenever `progress` has changed.
    init(folder: String, interval: Instant.Duration, wakeUp: WakeUp) throws(SystemError) {
        let shared = Monitor(Shared())
        self.shared = shared
        thread = try WorkerThread {
            var writer = BatchWriter(folder: folder)
            writer.run(shared, interval: interval, wakeUp: wakeUp)
        }
    }

    deinit { shared.update { $0.isStopping = true } }

    /// Gathers bytes, or with none the wish for a sync; they go to the thread with `request`.
    func add(_ bytes: Bytes, to file: String) { staged.add(bytes, to: file) }

    /// Hands over what was gathered; it shall be durable up to `position`.
    func request(_ position: LogPosition) {
        shared.update { shared in
            if shared.batch.runs.isEmpty {
                swap(&shared.batch, &staged)
            } else {
                for run in staged.runs { shared.batch.note(run.file, run.count) }
                shared.batch.bytes.append(staged.bytes.bytes)
            }
            shared.batch.position = position
            shared.isWaiting = true
        }
        staged.clear()
    }

    /// The log was durable up to here when it was opened.
    func begin(at position: LogPosition) {
        shared.update { $0.synced = max($0.synced, position) }
    }

    /// How far the log is durable. Throws what the disk said if it has refused.
    func progress() throws(DiskError) -> LogPosition {
        let (synced, failure) = shared.update { ($0.synced, $0.failure) }
        if let failure { throw failure }
        return synced
    }

    /// Times that a file was synced so far.
    var syncs: UInt64 { shared.update { $0.syncs } }

    /// Writes and syncs what was requested, then ends the thread.
    func stop() throws(DiskError) -> LogPosition {
        if let thread = thread.take() {
            shared.update { $0.isStopping = true }
            thread.join()
        }
        return try progress()
    }
}

/// The syncer's thread.
private struct BatchWriter: ~Copyable {
    let folder: String
    private var batch = Syncer.Batch()
    private var file: File?

    init(folder: String) { self.folder = folder }

    mutating func run(
        _ shared: Monitor<Syncer.Shared>, interval: Instant.Duration, wakeUp: WakeUp
    ) {
        var earliest = Instant.origin
        while true {
            let isStopping = takeBatch(from: shared)
            if batch.runs.isEmpty && isStopping { return }
            if !isStopping, interval > .zero {
                // Whoever stops the syncer ends this pause.
                shared.wait(until: earliest, for: { $0.isStopping }, then: { _ in })
            }
            earliest = Clocks.monotonic() + interval
            let position = batch.position
            do throws(SystemError) {
                let syncs = try writeAndSync()
                shared.update { shared in
                    shared.synced = max(shared.synced, position)
                    shared.syncs &+= syncs
                }
                wakeUp.signal()
            } catch {
                // After a failed sync the page cache may call lost pages clean: no second try.
                let failure = DiskError("the log cannot be made durable: \(error)")
                shared.update { $0.failure = failure }
                wakeUp.signal()
                return
            }
            batch.clear()
        }
    }

    private mutating func takeBatch(from shared: Monitor<Syncer.Shared>) -> Bool {
        shared.wait(for: { $0.isWaiting || $0.isStopping }) { shared in
            swap(&shared.batch, &batch)
            shared.isWaiting = false
            return shared.isStopping
        }
    }

    /// A segment that is not there yet must be found after a crash, once its bytes are durable.
    private mutating func open(_ path: String) throws(SystemError) {
        let isNew = try FileSystem.kind(of: path) == nil
        file = try File(path, .append, permissions: 0o600)
        if isNew { try FileSystem.syncFolder(folder) }
    }

    /// Returns how many times it synced a file.
    private mutating func writeAndSync() throws(SystemError) -> UInt64 {
        var syncs: UInt64 = 1
        for run in batch.runs {
            let path = "\(folder)/\(run.file)"
            if file?.path != path { try open(path) }
            let bytes = batch.bytes.bytes.slice(0, run.count)
            try file?.write(bytes)
            batch.bytes.consume(run.count)
            if run.file != batch.runs.last?.file {
                try file?.syncData()
                syncs += 1
            }
        }
        try file?.syncData()
        return syncs
    }
}
