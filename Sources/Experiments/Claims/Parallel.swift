import Platform

/// The same work on several threads.
enum Parallel {
    /// Runs `body` on `jobs` threads, this one among them, and waits until all have returned.
    ///
    /// - Throws: when a thread cannot be started; those that run are waited for first.
    static func run(jobs: Int, _ body: @escaping @Sendable () -> Void) throws(SystemError) {
        try nest(jobs - 1, body)
    }

    /// A thread is joined by the frame that started it, since it cannot be kept in an array.
    private static func nest(
        _ others: Int, _ body: @escaping @Sendable () -> Void
    ) throws(SystemError) {
        guard others > 0 else { return body() }
        let thread = try WorkerThread(body)
        let rest: Result<Void, SystemError>
        do throws(SystemError) {
            rest = .success(try nest(others - 1, body))
        } catch {
            rest = .failure(error)
        }
        thread.join()
        try rest.get()
    }
}
