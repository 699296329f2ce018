import Basics
import Glibc

/// A value that threads share, one at a time, and can wait for a change of (Hoare 1974).
public final class Monitor<Value: ~Copyable>: @unchecked Sendable {
    // Sendable without checking: `value` is touched only with `mutex` held, and neither it nor a
    // reference into it leaves the closures that hold it.
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let changed: UnsafeMutablePointer<pthread_cond_t>
    private var value: Value

    public init(_ value: consuming sending Value) {
        mutex = .allocate(capacity: 1)
        changed = .allocate(capacity: 1)
        self.value = value
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(changed, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(changed)
        pthread_mutex_destroy(mutex)
        changed.deallocate()
        mutex.deallocate()
    }

    /// Runs `body` alone with the value, and wakes whoever waits for a change.
    public func update<Result, Failure: Error>(
        _ body: (inout Value) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        pthread_mutex_lock(mutex)
        defer {
            pthread_cond_broadcast(changed)
            pthread_mutex_unlock(mutex)
        }
        return try body(&value)
    }

    /// Runs `body` alone with the value as soon as `condition` holds, or at `deadline`.
    public func wait<Result, Failure: Error>(
        until deadline: Instant? = nil, for condition: (borrowing Value) -> Bool,
        then body: (inout Value) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while !condition(value) {
            if let deadline {
                var time = timespec(
                    tv_sec: Int(deadline.nanoseconds / 1_000_000_000),
                    tv_nsec: Int(deadline.nanoseconds % 1_000_000_000))
                if pthread_cond_timedwait(changed, mutex, &time) == ETIMEDOUT { break }
            } else {
                pthread_cond_wait(changed, mutex)
            }
        }
        return try body(&value)
    }
}
