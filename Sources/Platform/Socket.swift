import Basics
import CLinux
import Glibc

/// A non-blocking TCP socket, by its descriptor. Whoever holds the last copy closes it, once.
public struct Socket: Sendable, Hashable {
    public let descriptor: Int32

    /// Takes over a descriptor that is open and non-blocking.
    public init(descriptor: Int32) { self.descriptor = descriptor }

    /// How a read went.
    public enum ReadOutcome: Sendable, Equatable {
        /// At least one byte.
        case bytes(Int)
        /// Nothing at the moment.
        case wouldBlock
        /// The other side will send no more.
        case closed
        case failed(errno: Int32)
    }

    /// How a write went.
    public enum WriteOutcome: Sendable, Equatable {
        /// This many bytes are with the system; may be fewer than given.
        case wrote(Int)
        /// Nothing was taken: watch for `writable`.
        case wouldBlock
        case failed(errno: Int32)
    }

    /// Listens. Port 0 lets the system choose: `localAddress` tells. An address that another
    /// process listens on is refused; one that is only in TIME_WAIT is not.
    public static func listen(
        on address: SocketAddress, backlog: Int32 = 1_024
    ) throws(SystemError) -> Socket {
        try address.withSystemAddress { (system, length) -> Result<Socket, SystemError> in
            let descriptor = tcpSocket(system.pointee.sa_family)
            guard descriptor >= 0 else { return .failure(SystemError("socket", "\(address)")) }
            let socket = Socket(descriptor: descriptor)
            socket.set(SOL_SOCKET, SO_REUSEADDR)
            var failure: SystemError?
            if bind(descriptor, system, length) != 0 {
                failure = SystemError("bind", "\(address)")
            } else if Glibc.listen(descriptor, backlog) != 0 {
                failure = SystemError("listen", "\(address)")
            }
            guard let failure else { return .success(socket) }
            socket.close()
            return .failure(failure)
        }.get()
    }

    /// Begins to connect; the socket becomes writable when that is decided, and
    /// `connectionError` tells how.
    public static func connect(to address: SocketAddress) throws(SystemError) -> Socket {
        try address.withSystemAddress { (system, length) -> Result<Socket, SystemError> in
            let descriptor = tcpSocket(system.pointee.sa_family)
            guard descriptor >= 0 else { return .failure(SystemError("socket", "\(address)")) }
            let socket = Socket(descriptor: descriptor)
            socket.sendAtOnce()
            if Glibc.connect(descriptor, system, length) != 0, errno != EINPROGRESS {
                let failure = SystemError("connect", "\(address)")
                socket.close()
                return .failure(failure)
            }
            return .success(socket)
        }.get()
    }

    /// Two sockets that are connected with one another: ours is non-blocking, theirs is for a
    /// program that is started. Neither lives on in programs that do not get it.
    public static func pair() throws(SystemError) -> (ours: Socket, theirs: Socket) {
        var ends: [Int32] = [-1, -1]
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, type, 0, &ends) == 0 else { throw SystemError("socketpair") }
        _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
        return (Socket(descriptor: ends[0]), Socket(descriptor: ends[1]))
    }

    /// The next waiting connection, non-blocking and without Nagle's delay; nil when none waits.
    /// Fails with EMFILE when the process is out of descriptors.
    public func accept() throws(SystemError) -> Socket? {
        while true {
            let flags = Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
            let accepted = linux_accept4(descriptor, nil, nil, flags)
            if accepted >= 0 {
                let socket = Socket(descriptor: accepted)
                socket.sendAtOnce()
                return socket
            }
            switch errno {
            case EINTR, ECONNABORTED: continue
            case EAGAIN: return nil
            default: throw SystemError("accept")
            }
        }
    }

    /// Why connecting failed; nil when it succeeded.
    public func connectionError(to address: SocketAddress) -> SystemError? {
        var code: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        let result = getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length)
        if result != 0 { return SystemError("getsockopt", "\(address)") }
        return code == 0 ? nil : SystemError("connect", "\(address)", code: code)
    }

    /// Reads what is there, at most as much as the buffer holds.
    @inlinable
    public func read(into buffer: UnsafeMutableRawBufferPointer) -> ReadOutcome {
        while true {
            let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
            if count > 0 { return .bytes(count) }
            if count == 0 { return .closed }
            if errno == EAGAIN { return .wouldBlock }
            if errno != EINTR { return .failed(errno: errno) }
        }
    }

    /// Writes as much as the system takes in one call. Never raises SIGPIPE.
    @inlinable
    public func write(_ bytes: Bytes) -> WriteOutcome {
        while true {
            let count = send(descriptor, bytes.base, bytes.count, Int32(MSG_NOSIGNAL))
            if count >= 0 { return .wrote(count) }
            if errno == EAGAIN { return .wouldBlock }
            if errno != EINTR { return .failed(errno: errno) }
        }
    }

    /// The address of this end; nil when the socket is neither bound nor connected.
    public var localAddress: SocketAddress? { address(getsockname) }
    /// The address of the other end; nil when the socket is not connected.
    public var remoteAddress: SocketAddress? { address(getpeername) }

    public func close() { _ = Glibc.close(descriptor) }

    /// Closes it and tells the other side with a reset; what it has not read yet is lost.
    public func reset() {
        var setting = linger(l_onoff: 1, l_linger: 0)
        setsockopt(
            descriptor, SOL_SOCKET, SO_LINGER, &setting, socklen_t(MemoryLayout<linger>.size))
        close()
    }

    /// Announces that nothing more will be sent.
    public func shutdownWrites() { _ = shutdown(descriptor, Int32(SHUT_WR)) }

    /// What is written leaves at once, however small (TCP_NODELAY).
    public func sendAtOnce() { set(Int32(IPPROTO_TCP), TCP_NODELAY) }

    /// Fails once what was sent has not been acknowledged for so long (TCP_USER_TIMEOUT): a network
    /// that lost packets for a while is then tried anew, and not when TCP would next do so.
    public func failAfter(unacknowledged limit: Instant.Duration) {
        set(
            Int32(IPPROTO_TCP), Int32(TCP_USER_TIMEOUT),
            to: Int32(clamping: limit.nanoseconds / 1_000_000))
    }

    private func set(_ level: Int32, _ option: Int32, to value: Int32 = 1) {
        var value = value
        setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    private func address(
        _ call: (Int32, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
    ) -> SocketAddress? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                call(descriptor, $0, &length)
            }
        }
        return result == 0 ? SocketAddress(storage) : nil
    }
}

private func tcpSocket(_ family: sa_family_t) -> Int32 {
    let type = Int32(
        SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    return socket(Int32(family), type, Int32(IPPROTO_TCP))
}
