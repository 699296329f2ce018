import Consistency
import Platform

/// A check on several threads, which take the parts of a history one after the other.
public enum ParallelCheck {
    private struct Progress {
        var next = 0
        var reports: [Consistency.Report] = []
    }

    /// The report of the whole history, the same for any number of `jobs` (at least one).
    ///
    /// - Throws: `SystemError` when a thread cannot be started.
    public static func run(_ checker: Checker, jobs: Int) throws(SystemError) -> Consistency.Report
    {
        let parts = checker.parts
        let progress = Monitor(Progress())
        // What spans keys is one piece of work and the longest, so that it comes first.
        let work: @Sendable () -> Void = {
            while true {
                let piece = progress.update { (progress: inout Progress) -> Int in
                    defer { progress.next += 1 }
                    return progress.next
                }
                guard piece <= parts.count else { return }
                let report =
                    piece == 0
                    ? checker.checkAcrossKeys() : checker.check(keys: parts[piece - 1])
                progress.update { $0.reports.append(report) }
            }
        }
        let others = min(max(1, jobs) - 1, parts.count)
        try start(others, work)
        return checker.finish(progress.update { $0.reports })
    }

    /// Runs `work` on this thread and `others` more, and waits for all of them.
    private static func start(
        _ others: Int, _ work: @escaping @Sendable () -> Void
    ) throws(SystemError) {
        guard others > 0 else { return work() }
        let thread = try WorkerThread(work)
        do {
            try start(others - 1, work)
        } catch {
            thread.join()
            throw error
        }
        thread.join()
    }
}
