import Foundation
import Load
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

/// Ctrl-C: the first asks the command to stop and keep what it has; the second ends everything.
public enum Interruption {
    /// Watches SIGINT, SIGTERM and SIGHUP from now on. Call once, before any thread is started,
    /// and never in a process that watches signals by itself.
    ///
    /// - Returns: The flag that the first signal raises.
    public static func watch() -> StopFlag {
        let flag = StopFlag()
        var signals = signals()
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        let thread = Thread {
            var signals = Interruption.signals()
            var number: Int32 = 0
            while sigwait(&signals, &number) == 0 {
                if flag.isRaised {
                    StartedProcesses.kill()
                    _exit(128 + number)
                }
                flag.raise()
                FileHandle.standardError.write(
                    Data("stopping; once more to end at once\n".utf8))
            }
        }
        thread.start()
        return flag
    }

    private static func signals() -> sigset_t {
        var signals = sigset_t()
        sigemptyset(&signals)
        for number in [SIGINT, SIGTERM, SIGHUP] { sigaddset(&signals, number) }
        return signals
    }
}
