import Basics
import Glibc
import Platform
import Storage

/// Reads the files of a data directory again, slowly, on a thread of its own: what has rotted is
/// found while memory still holds it, and not by the next start.
final class Scrubber {
    /// What was done and found since the start.
    struct Findings: Sendable {
        var bytes: UInt64 = 0
        var rounds: UInt64 = 0
        var damaged: UInt64 = 0
    }

    struct Shared: ~Copyable {
        var findings = Findings()
        /// Found, and not yet taken.
        var fresh: [String] = []
        var isStopping = false
    }

    private let shared: Monitor<Shared>

    /// Begins a round once an `interval`. `wakeUp` is signalled when damage was found.
    init(
        folder: String, store: UInt64, interval: Instant.Duration, wakeUp: WakeUp
    ) throws(SystemError) {
        let shared = Monitor(Shared())
        self.shared = shared
        let thread = try WorkerThread {
            let worker = ScrubWorker(folder: folder, store: store, shared: shared, wakeUp: wakeUp)
            worker.run(interval)
        }
        thread.detach()
    }

    deinit { shared.update { $0.isStopping = true } }

    var findings: Findings { shared.update { $0.findings } }

    /// What is damaged, as far as it was not told before.
    func takeDamage() -> [String] {
        shared.update { shared in
            defer { shared.fresh = [] }
            return shared.fresh
        }
    }
}

/// The scrubber's thread.
private struct ScrubWorker: ~Copyable {
    let folder: String
    let store: UInt64
    let shared: Monitor<Scrubber.Shared>
    let wakeUp: WakeUp

    /// 16 MiB a second.
    private static let pauseBytes = 1 << 20
    private static let pause = Instant.Duration.milliseconds(62)

    func run(_ interval: Instant.Duration) {
        while pause(interval) {
            do throws(SystemError) {
                for name in try finished() where try !check(name) { return }
                shared.update { $0.findings.rounds &+= 1 }
            } catch {
                // A file that has gone meanwhile is no news, and nothing else can be read now: the
                // next round tries again.
                continue
            }
        }
    }

    /// False when the thread is to end.
    private func pause(_ duration: Instant.Duration) -> Bool {
        shared.wait(
            until: Clocks.monotonic() + duration, for: { $0.isStopping },
            then: { !$0.isStopping })
    }

    /// The files to which nothing is added any more.
    private func finished() throws(SystemError) -> [String] {
        var sizes: [(name: String, size: Int)] = []
        for name in try FileSystem.list(folder) where FileCheck.covers(name) {
            guard try FileSystem.kind(of: "\(folder)/\(name)") == .file else { continue }
            sizes.append((name, try File("\(folder)/\(name)", .read).size()))
        }
        let current = sizes.filter { $0.size > 0 }.compactMap { FileCheck.segment($0.name) }.max()
        let head = "\(folder)/\(FileCheck.headName)"
        let parts =
            try FileSystem.kind(of: head) == .file
            ? FileCheck.parts(ofHead: try FileSystem.read(head, limit: 1 << 20), store: store) : []
        return sizes.map(\.name).filter { name in
            if let segment = FileCheck.segment(name) { return segment < current ?? 0 }
            return !name.hasSuffix(".part") || parts.contains(name)
        }
    }

    /// False when the thread is to end.
    private func check(_ name: String) throws(SystemError) -> Bool {
        let file = try File("\(folder)/\(name)", .read)
        let size = try file.size()
        // What is on the disk is to be read, not what the page cache still holds.
        file.forgetCached()
        var sincePause = 0
        var isStopping = false
        var refusal: SystemError?
        let damage: StorageError?
        do throws(DiskError) {
            damage = try FileCheck.damage(in: DiskFile(name: name, size: size), store: store) {
                offset, count throws(DiskError) in
                sincePause += count
                shared.update { $0.findings.bytes &+= UInt64(count) }
                if sincePause >= ScrubWorker.pauseBytes {
                    sincePause = 0
                    isStopping = !pause(ScrubWorker.pause)
                }
                if isStopping { throw DiskError("stopped") }
                do throws(SystemError) {
                    let bytes = try file.read(at: offset, count: count)
                    guard bytes.count == count else { throw SystemError("pread", name, code: EIO) }
                    return bytes
                } catch {
                    refusal = error
                    throw DiskError("\(error)")
                }
            }
        } catch {
            if isStopping { return false }
            // A sector that cannot be read is damage like any other.
            report(refusal.map { "\($0)" } ?? error.description)
            return true
        }
        if let damage { report("\(damage)") }
        return true
    }

    private func report(_ what: String) {
        shared.update { shared in
            shared.findings.damaged &+= 1
            shared.fresh.append(what)
        }
        wakeUp.signal()
    }
}
