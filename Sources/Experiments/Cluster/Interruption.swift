import Foundation
import Load

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
