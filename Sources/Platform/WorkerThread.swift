import Glibc

/// A thread that runs one function to its end.
public struct WorkerThread: ~Copyable, Sendable {
    private let thread: pthread_t

    /// Starts it. Signals go to other threads, so that only the event loop sees them.
    public init(_ body: @escaping @Sendable () -> Void) throws(SystemError) {
        let box = Unmanaged.passRetained(Body(body))
        var every = sigset_t()
        var previous = sigset_t()
        sigfillset(&every)
        pthread_sigmask(SIG_SETMASK, &every, &previous)
        defer { pthread_sigmask(SIG_SETMASK, &previous, nil) }
        var thread = pthread_t()
        let result = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, box.toOpaque())
        guard result == 0 else {
            box.release()
            throw SystemError("pthread_create", code: result)
        }
        self.thread = thread
    }

    /// Lets it end by itself, unwatched.
    public consuming func detach() {
        let result = pthread_detach(thread)
        precondition(result == 0, "a thread can be detached once")
    }

    /// Waits until it has ended. This or `detach` must be called exactly once.
    public consuming func join() {
        let result = pthread_join(thread, nil)
        precondition(result == 0, "a thread can be joined once")
    }
}

private final class Body: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}
