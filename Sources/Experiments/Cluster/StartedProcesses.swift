import Foundation
import Platform
import Synchronization

/// The processes that this program has started and not yet ended.
public enum StartedProcesses {
    private static let running = Mutex<Set<ProcessIdentity>>([])

    static func add(_ process: ProcessIdentity) {
        running.withLock { _ = $0.insert(process) }
    }

    static func remove(_ process: ProcessIdentity) {
        running.withLock { _ = $0.remove(process) }
    }

    /// Kills all of them at once.
    static func kill() {
        let all = running.withLock { $0 }
        // One that has ended by itself is what is wanted.
        for process in all { _ = try? process.send(signal: SIGKILL) }
    }
}
