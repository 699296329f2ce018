import CLinux
import Glibc

/// Wakes an event loop from another thread: a counter that its owner watches like a socket.
public final class WakeUp: Sendable {
    /// To be watched for `readable`.
    public let descriptor: Int32

    public init() throws(SystemError) {
        descriptor = eventfd(0, Int32(EFD_NONBLOCK) | Int32(EFD_CLOEXEC))
        guard descriptor >= 0 else { throw SystemError("eventfd") }
    }

    deinit { close(descriptor) }

    /// Adds one to the counter; safe from any thread.
    public func signal() {
        var one: UInt64 = 1
        let written = write(descriptor, &one, 8)
        precondition(written == 8 || errno == EAGAIN, "an eventfd cannot be refused")
    }

    /// Takes the counter: how often `signal` was called since the last time.
    public func drain() -> UInt64 {
        var count: UInt64 = 0
        return read(descriptor, &count, 8) == 8 ? count : 0
    }
}
