import Basics
import CLinux
import CUV
import Glibc

/// One descriptor, signal or wake-up that has something for its owner.
public struct Ready: Sendable {
    /// What the owner gave when it began to watch.
    public let token: UInt64
    public let readable: Bool
    public let writable: Bool
    /// The descriptor is in error; it is readable and writable too, and no longer watched.
    public let failed: Bool
}

/// What a watch waits for.
public struct Interest: OptionSet, Sendable {
    public let rawValue: Int32
    public init(rawValue: Int32) { self.rawValue = rawValue }

    public static let readable = Interest(rawValue: Int32(UV_READABLE.rawValue))
    public static let writable = Interest(rawValue: Int32(UV_WRITABLE.rawValue))
}

/// A descriptor under watch; lives until `EventLoop.unwatch`.
public struct Watch {
    fileprivate let handle: UnsafeMutablePointer<uv_poll_t>
}

/// Sleeps until something can happen, and says what: the whole of libuv that we use.
///
/// Callbacks only append to a list that is reused, so that the owner's loop is plain code and a
/// turn allocates nothing. A loop belongs to one thread.
public final class EventLoop {
    private let loop: UnsafeMutablePointer<uv_loop_t>
    private let list: UnsafeMutablePointer<ReadyList>

    public init() throws(SystemError) {
        let descriptor = timerfd_create(
            CLOCK_MONOTONIC, Int32(TFD_NONBLOCK) | Int32(TFD_CLOEXEC))
        guard descriptor >= 0 else { throw SystemError("timerfd_create") }
        loop = .allocate(capacity: 1)
        list = .allocate(capacity: 1)
        let result = uv_loop_init(loop)
        guard result == 0 else {
            loop.deallocate()
            list.deallocate()
            close(descriptor)
            throw SystemError("uv_loop_init", code: -result)
        }
        list.initialize(to: ReadyList(timer: descriptor))
        loop.pointee.data = UnsafeMutableRawPointer(list)
        let timer = UnsafeMutablePointer<uv_poll_t>.allocate(capacity: 1)
        try EventLoop.check("uv_poll_init", uv_poll_init(loop, timer, descriptor))
        try EventLoop.check(
            "uv_poll_start", uv_poll_start(timer, Int32(UV_READABLE.rawValue), timerFired))
    }

    deinit {
        uv_walk(loop, { handle, _ in if let handle { release(handle) } }, nil)
        while uv_run(loop, UV_RUN_DEFAULT) != 0 {}
        uv_loop_close(loop)
        loop.deallocate()
        close(list.pointee.timer)
        list.pointee.items.deallocate()
        list.deallocate()
    }

    /// Sleeps until something is ready or `deadline` has come; nil: as long as it takes;
    /// `.origin`: not at all. May return early with nothing. The list is valid until the next
    /// call. Deadlines are exact to the kernel's timer, about 50 microseconds.
    public func wait(until deadline: Instant?) -> UnsafeBufferPointer<Ready> {
        list.pointee.count = 0
        if let deadline, deadline > .origin { list.pointee.arm(deadline) }
        _ = uv_run(loop, deadline == .origin ? UV_RUN_NOWAIT : UV_RUN_ONCE)
        return UnsafeBufferPointer(start: list.pointee.items, count: list.pointee.count)
    }

    /// Begins to watch a non-blocking descriptor. Level-triggered: what is not read or written
    /// is reported again.
    public func watch(
        _ descriptor: Int32, for interest: Interest, token: UInt64
    ) throws(SystemError) -> Watch {
        let handle = UnsafeMutablePointer<uv_poll_t>.allocate(capacity: 1)
        let result = uv_poll_init(loop, handle, descriptor)
        guard result == 0 else {
            handle.deallocate()
            throw SystemError("uv_poll_init", "descriptor \(descriptor)", code: -result)
        }
        handle.pointee.data = UnsafeMutableRawPointer(bitPattern: UInt(token))
        let watch = Watch(handle: handle)
        change(watch, to: interest)
        return watch
    }

    /// Waits for something else from now on; for nothing when `interest` is empty.
    public func change(_ watch: Watch, to interest: Interest) {
        let result =
            interest.isEmpty
            ? uv_poll_stop(watch.handle)
            : uv_poll_start(watch.handle, interest.rawValue, descriptorReady)
        precondition(result == 0, "a watch that was ended cannot be changed")
    }

    /// Ends a watch; the descriptor may be closed at once. What this turn's list still says about
    /// it is the owner's to ignore.
    public func unwatch(_ watch: Watch) {
        release(UnsafeMutableRawPointer(watch.handle).assumingMemoryBound(to: uv_handle_t.self))
    }

    /// Reports a signal as a ready token instead of its usual effect, until the loop ends.
    public func watch(signal number: Int32, token: UInt64) throws(SystemError) {
        let handle = UnsafeMutablePointer<uv_signal_t>.allocate(capacity: 1)
        try EventLoop.check("uv_signal_init", uv_signal_init(loop, handle))
        handle.pointee.data = UnsafeMutableRawPointer(bitPattern: UInt(token))
        try EventLoop.check("uv_signal_start", uv_signal_start(handle, signalArrived, number))
    }

    private static func check(_ call: String, _ result: Int32) throws(SystemError) {
        guard result == 0 else { throw SystemError(call, code: -result) }
    }
}

/// Where callbacks leave what they learnt; reached through the loop's data pointer.
private struct ReadyList {
    var items = UnsafeMutablePointer<Ready>.allocate(capacity: 256)
    var count = 0
    var capacity = 256
    let timer: Int32
    /// What the timer is set to. It may be earlier than asked: that costs an idle turn now and
    /// then, and saves a system call in every other one.
    var armed = Instant.distantFuture

    init(timer: Int32) { self.timer = timer }

    mutating func append(_ ready: Ready) {
        if count == capacity {
            let larger = UnsafeMutablePointer<Ready>.allocate(capacity: capacity * 2)
            larger.moveInitialize(from: items, count: count)
            items.deallocate()
            items = larger
            capacity *= 2
        }
        (items + count).initialize(to: ready)
        count += 1
    }

    mutating func arm(_ deadline: Instant) {
        guard deadline < armed else { return }
        armed = deadline
        var setting = itimerspec()
        setting.it_value.tv_sec = Int(deadline.nanoseconds / 1_000_000_000)
        setting.it_value.tv_nsec = Int(deadline.nanoseconds % 1_000_000_000)
        let result = timerfd_settime(timer, Int32(TFD_TIMER_ABSTIME), &setting, nil)
        precondition(result == 0, "an absolute time cannot be refused")
    }
}

private func append(
    _ token: UnsafeMutableRawPointer?, to loop: UnsafeMutablePointer<uv_loop_t>,
    readable: Bool, writable: Bool, failed: Bool
) {
    guard let list = loop.pointee.data?.assumingMemoryBound(to: ReadyList.self) else { return }
    list.pointee.append(
        Ready(
            token: UInt64(UInt(bitPattern: token)), readable: readable, writable: writable,
            failed: failed))
}

private func descriptorReady(
    _ handle: UnsafeMutablePointer<uv_poll_t>?, status: Int32, events: Int32
) {
    guard let handle else { return }
    let failed = status < 0
    append(
        handle.pointee.data, to: handle.pointee.loop,
        readable: failed || events & Int32(UV_READABLE.rawValue) != 0,
        writable: failed || events & Int32(UV_WRITABLE.rawValue) != 0, failed: failed)
}

private func timerFired(
    _ handle: UnsafeMutablePointer<uv_poll_t>?, status: Int32, events: Int32
) {
    guard let list = handle?.pointee.loop.pointee.data?.assumingMemoryBound(to: ReadyList.self)
    else { return }
    var expirations: UInt64 = 0
    read(list.pointee.timer, &expirations, 8)
    list.pointee.armed = .distantFuture
}

private func signalArrived(_ handle: UnsafeMutablePointer<uv_signal_t>?, number: Int32) {
    guard let handle else { return }
    append(
        handle.pointee.data, to: handle.pointee.loop, readable: true, writable: false,
        failed: false)
}

/// Every handle is an allocation of its own, given back when libuv has let go of it.
private func release(_ handle: UnsafeMutablePointer<uv_handle_t>) {
    guard uv_is_closing(handle) == 0 else { return }
    uv_close(handle) { UnsafeMutableRawPointer($0)?.deallocate() }
}
