import Basics
import CCurl
import Glibc

/// Requests over HTTP/1.1 by libcurl, on connections that stay open, watched by the owner's loop.
///
/// There is a fixed number of slots, each with at most one request under way. The owner passes on
/// what its loop reports for `HTTPClient.isToken` tokens, calls `expire` when `deadline` has come,
/// and takes `nextCompletion` until there is none. Belongs to the loop's thread.
public final class HTTPClient {
    /// How a request ended. `body` is valid until the slot's next request.
    public struct Completion {
        public let slot: Int
        /// Nil: an answer came, with this status. Else why none did.
        public let failure: String?
        public let status: Int
        public let body: Bytes
    }

    /// The largest answer that is taken.
    public static let answerBytes = 64 << 20

    private let multi: UnsafeMutableRawPointer
    private let sockets: WatchedSockets
    /// Lists of headers: the last one is in force, earlier ones may still be in use.
    private var headers: [UnsafeMutablePointer<curl_slist>?] = []
    private let lines: [String]
    private let slots: UnsafeMutablePointer<HTTPSlot>
    private let count: Int

    /// `headers` are lines such as `Content-Type: application/json`, sent with every request.
    public init(slots count: Int, headers lines: [String], loop: EventLoop) throws(SystemError) {
        guard curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK, let multi = curl_multi_init()
        else { throw SystemError("curl_multi_init", code: ENOMEM) }
        self.multi = multi
        self.count = count
        sockets = WatchedSockets(loop)
        self.lines = lines
        headers = [HTTPClient.list(lines)]
        slots = .allocate(capacity: count)
        for index in 0..<count { (slots + index).initialize(to: HTTPSlot(index)) }
        let context = Unmanaged.passUnretained(sockets).toOpaque()
        curl_multi_set_watcher(multi, socketChanged, context)
        curl_multi_set_timer(multi, timerChanged, context)
        curl_multi_set_number(multi, CURLMOPT_MAXCONNECTS, count)
        for index in 0..<count { try prepare(slots + index, context) }
    }

    deinit {
        for index in 0..<count {
            if slots[index].isBusy, let easy = slots[index].easy {
                curl_multi_remove_handle(multi, easy)
            }
            curl_easy_cleanup(slots[index].easy)
        }
        curl_multi_cleanup(multi)
        for list in headers { curl_slist_free_all(list) }
        slots.deinitialize(count: count)
        slots.deallocate()
    }

    private static func list(_ lines: [String]) -> UnsafeMutablePointer<curl_slist>? {
        var list: UnsafeMutablePointer<curl_slist>?
        for line in lines + ["Expect:"] { list = curl_slist_append(list, line) }
        return list
    }

    /// Sends this line, too, with every request from now on, in place of an earlier such one.
    public func add(header line: String) { headers.append(HTTPClient.list(lines + [line])) }

    private func prepare(
        _ slot: UnsafeMutablePointer<HTTPSlot>, _ context: UnsafeMutableRawPointer
    ) throws(SystemError) {
        guard let easy = curl_easy_init() else {
            throw SystemError("curl_easy_init", code: ENOMEM)
        }
        slot.pointee.easy = easy
        curl_set_pointer(easy, CURLOPT_PRIVATE, slot)
        curl_set_receiver(easy, bytesReceived, slot)
        curl_set_closer(easy, socketClosed, context)
        curl_set_number(easy, CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
        curl_set_number(easy, CURLOPT_NOSIGNAL, 1)
        curl_set_number(easy, CURLOPT_TCP_NODELAY, 1)
        curl_set_number(easy, CURLOPT_POST, 1)
        // Neither the environment's proxies nor other protocols have a say in a measurement.
        curl_set_pointer(easy, CURLOPT_PROXY, "")
    }

    /// Trusts the authorities of the file in place of the system's; nil leaves them. Without
    /// `verifies` no certificate is looked at. `certificate` and `key` are files (PEM) by which the
    /// client proves who it is. Before the first request.
    public func secure(
        authorities: String?, verifies: Bool, certificate: String? = nil, key: String? = nil
    ) {
        for index in 0..<count {
            guard let easy = slots[index].easy else { continue }
            if let authorities { curl_set_pointer(easy, CURLOPT_CAINFO, authorities) }
            if let certificate { curl_set_pointer(easy, CURLOPT_SSLCERT, certificate) }
            if let key = key ?? certificate { curl_set_pointer(easy, CURLOPT_SSLKEY, key) }
            curl_set_number(easy, CURLOPT_SSL_VERIFYPEER, verifies ? 1 : 0)
            curl_set_number(easy, CURLOPT_SSL_VERIFYHOST, verifies ? 2 : 0)
        }
    }

    /// Posts what `body` appends to the slot's buffer. The slot has no request under way.
    public func post(_ slot: Int, to url: String, _ body: (inout ByteBuffer) -> Void) {
        let place = slots + slot
        precondition(!place.pointee.isBusy, "a slot has one request under way")
        place.pointee.request.removeAll()
        place.pointee.response.removeAll()
        body(&place.pointee.request)
        guard let easy = place.pointee.easy else { return }
        if place.pointee.headers != headers.count {
            place.pointee.headers = headers.count
            curl_set_pointer(easy, CURLOPT_HTTPHEADER, headers[headers.count - 1])
        }
        curl_set_pointer(easy, CURLOPT_URL, url)
        // Not copied: the buffer stays as it is until the request has ended.
        let bytes = place.pointee.request.bytes
        curl_set_pointer(easy, CURLOPT_POSTFIELDS, bytes.base)
        curl_set_number(easy, CURLOPT_POSTFIELDSIZE, bytes.count)
        place.pointee.isBusy = true
        curl_multi_add_handle(multi, easy)
    }

    /// Gives up on the slot's request and closes its connection.
    public func cancel(_ slot: Int) {
        guard slots[slot].isBusy, let easy = slots[slot].easy else { return }
        curl_multi_remove_handle(multi, easy)
        slots[slot].isBusy = false
    }

    /// When `expire` is to be called.
    public var deadline: Instant { sockets.deadline }

    /// Lets libcurl do what is due: also what begins new requests.
    public func expire(_ now: Instant) {
        guard now >= sockets.deadline else { return }
        sockets.deadline = .distantFuture
        var running: Int32 = 0
        curl_multi_socket_action(multi, curl_socket_t(-1), 0, &running)
    }

    /// Whether a report of the loop is for this client and not for its owner.
    public static func isToken(_ token: UInt64) -> Bool { token & WatchedSockets.bit != 0 }

    /// Passes on what the loop reported.
    public func act(_ ready: Ready) {
        let descriptor = Int32(truncatingIfNeeded: ready.token & 0x7fff_ffff)
        var events: Int32 = 0
        if ready.readable { events |= CURL_CSELECT_IN }
        if ready.writable { events |= CURL_CSELECT_OUT }
        if ready.failed { events |= CURL_CSELECT_ERR }
        var running: Int32 = 0
        curl_multi_socket_action(multi, descriptor, events, &running)
    }

    /// The next request that has ended; nil: none more.
    public func nextCompletion() -> Completion? {
        var left: Int32 = 0
        while let message = curl_multi_info_read(multi, &left) {
            guard message.pointee.msg == CURLMSG_DONE, let easy = message.pointee.easy_handle,
                let context = curl_context(easy)
            else { continue }
            let result = curl_message_result(message)
            curl_multi_remove_handle(multi, easy)
            let slot = context.assumingMemoryBound(to: HTTPSlot.self)
            slot.pointee.isBusy = false
            return Completion(
                slot: slot.pointee.index,
                failure: result == CURLE_OK ? nil : String(cString: curl_easy_strerror(result)),
                status: curl_status(easy), body: slot.pointee.response.bytes)
        }
        return nil
    }
}

/// One request at a time, with its buffers; never moves, for libcurl points to it.
private struct HTTPSlot: ~Copyable {
    let index: Int
    var easy: UnsafeMutableRawPointer?
    var request = ByteBuffer(capacity: 1_024)
    var response = ByteBuffer(capacity: 1_024)
    var isBusy = false
    /// How many lists of headers there were when this one got its own.
    var headers = 0

    init(_ index: Int) { self.index = index }
}

/// The sockets that libcurl has open, and when it wants to be called.
private final class WatchedSockets {
    static let bit: UInt64 = 1 << 63
    let loop: EventLoop
    var watches: [Int32: Watch] = [:]
    var deadline = Instant.distantFuture

    init(_ loop: EventLoop) { self.loop = loop }

    func change(_ descriptor: Int32, _ interest: Interest) {
        if let watch = watches[descriptor] {
            loop.change(watch, to: interest)
        } else if !interest.isEmpty {
            // A descriptor that cannot be watched makes its request time out, which is counted.
            watches[descriptor] = try? loop.watch(
                descriptor, for: interest,
                token: WatchedSockets.bit | UInt64(UInt32(bitPattern: descriptor)))
        }
    }

    func forget(_ descriptor: Int32) {
        if let watch = watches.removeValue(forKey: descriptor) { loop.unwatch(watch) }
    }
}

private func sockets(_ context: UnsafeMutableRawPointer?) -> WatchedSockets? {
    context.map { Unmanaged<WatchedSockets>.fromOpaque($0).takeUnretainedValue() }
}

private func socketChanged(
    _ easy: UnsafeMutableRawPointer?, _ descriptor: curl_socket_t, _ what: Int32,
    _ context: UnsafeMutableRawPointer?, _ own: UnsafeMutableRawPointer?
) -> Int32 {
    var interest: Interest = []
    if what == CURL_POLL_IN || what == CURL_POLL_INOUT { interest.insert(.readable) }
    if what == CURL_POLL_OUT || what == CURL_POLL_INOUT { interest.insert(.writable) }
    sockets(context)?.change(descriptor, interest)
    return 0
}

private func socketClosed(
    _ context: UnsafeMutableRawPointer?, _ descriptor: curl_socket_t
) -> Int32 {
    sockets(context)?.forget(descriptor)
    return close(descriptor)
}

private func timerChanged(
    _ multi: UnsafeMutableRawPointer?, _ milliseconds: Int, _ context: UnsafeMutableRawPointer?
) -> Int32 {
    sockets(context)?.deadline =
        milliseconds < 0
        ? .distantFuture : Clocks.monotonic() + .milliseconds(Int64(milliseconds))
    return 0
}

private func bytesReceived(
    _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int,
    _ context: UnsafeMutableRawPointer?
) -> Int {
    guard let bytes, let slot = context?.assumingMemoryBound(to: HTTPSlot.self) else { return 0 }
    // Taking less than was offered ends the request with an error.
    guard slot.pointee.response.count + size * count <= HTTPClient.answerBytes else { return 0 }
    slot.pointee.response.append(UnsafeRawBufferPointer(start: bytes, count: size * count))
    return size * count
}
