import Basics
import Faults
import Glibc
import Platform
import Wire
import Workloads

/// What the relay between nodes costs: `make bench-relay`.
///
/// Frames of 128 bytes on loopback, one write each. The added latency is half of what a round
/// trip takes longer than over a direct connection; messages per second are those of one core of
/// the relay's thread, whatever the sender's and the receiver's threads take.
enum RelayBenchmarks {
    private static let frameBytes = 128
    private static let rounds = 20_000
    private static let messages = 400_000

    static func run() throws {
        let folder = try FileSystem.temporaryFolder("quorumeter-bench")
        defer {
            // Left in the folder for temporary files at the worst.
            try? FileSystem.removeTree(folder)
        }
        let listeners = try (0..<2).map { _ in try Socket.listen(on: .loopback(0)) }
        let addresses = listeners.compactMap(\.localAddress)
        let table = try LinkTable("\(folder)/links", members: 2)
        let relay = Running(relay: try Relay(table, targets: addresses))
        let spent = Monitor(0.0)
        let thread = try WorkerThread {
            relay.relay.run()
            spent.update { $0 = threadSeconds() }
        }
        let link = FaultLink(from: 0, to: 1)
        let direct = try pair(addresses[1], listeners[1])
        let through = try pair(LinkTable.address(of: link, port: addresses[1].port), listeners[1])
        let (plain, relayed) = try (roundTrips(direct), roundTrips(through))
        for (share, name) in [(50, "p50"), (99, "p99")] {
            let added = (relayed.percentile(Double(share)), plain.percentile(Double(share)))
            let each = (Double(added.0) - Double(added.1)) / 2_000
            print(
                "relay, added latency a message, \(name): \(Int(each.rounded())) us"
                    + (share == 50 ? ", goal 40" : ""))
        }
        let time = try stream(through)
        relay.relay.stopRequest.signal()
        thread.join()
        let busy = spent.update { $0 }
        print("relay, messages a second as sent: \(Int(Double(messages) / time))")
        let rate = Int(Double(messages + 2 * rounds) / busy)
        print("relay, messages a second of one core: \(rate), goal 50000")
        if rate < 50_000 { exit(1) }
    }

    private struct Running: @unchecked Sendable {
        // Sendable without checking: the relay belongs to its thread until that was joined.
        let relay: Relay
    }

    private static func threadSeconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    private static func pair(
        _ address: SocketAddress, _ listener: Socket
    ) throws -> (Socket, Socket) {
        let near = try Socket.connect(to: address)
        while true {
            if let far = try listener.accept() {
                try send(Array(repeating: 0, count: Handshake.bytes), near)
                try receive(Handshake.bytes, far)
                try send(Array(repeating: 0, count: Handshake.bytes), far)
                try receive(Handshake.bytes, near)
                return (near, far)
            }
        }
    }

    private static let frame: [UInt8] = {
        var frame = [UInt8](repeating: 7, count: frameBytes)
        let length = frameBytes - Frame.headerBytes
        for place in 0..<4 { frame[place] = UInt8(truncatingIfNeeded: length >> (8 * place)) }
        return frame
    }()

    private static func roundTrips(_ pair: (Socket, Socket)) throws -> Histogram {
        let (near, far) = pair
        let echo = try WorkerThread {
            for _ in 0..<rounds {
                // A failure shows at the other end, which waits in vain.
                guard (try? receive(frameBytes, far)) != nil, (try? send(frame, far)) != nil
                else { return }
            }
        }
        var histogram = Histogram()
        for _ in 0..<rounds {
            let start = Clocks.monotonic()
            try send(frame, near)
            try receive(frameBytes, near)
            histogram.record(nanoseconds: UInt64((Clocks.monotonic() - start).nanoseconds))
        }
        echo.join()
        return histogram
    }

    private static func stream(_ pair: (Socket, Socket)) throws -> Double {
        let (near, far) = pair
        let sender = try WorkerThread {
            for _ in 0..<messages where (try? send(frame, near)) == nil { return }
        }
        let start = Clocks.monotonic()
        try receive(messages * frameBytes, far)
        let time = (Clocks.monotonic() - start).seconds
        sender.join()
        return time
    }

    private static func send(_ bytes: [UInt8], _ socket: Socket) throws {
        var done = 0
        while done < bytes.count {
            switch Bytes.lending(bytes, to: { socket.write($0.slice(done, bytes.count)) }) {
            case .wrote(let count): done += count
            case .wouldBlock: wait(socket, POLLOUT)
            case .failed(let code): throw SystemError("send", code: code)
            }
        }
    }

    private static func receive(_ count: Int, _ socket: Socket) throws {
        let room = UnsafeMutableRawBufferPointer.allocate(
            byteCount: min(count, 1 << 18), alignment: 16)
        defer { room.deallocate() }
        var left = count
        while left > 0 {
            let part = UnsafeMutableRawBufferPointer(rebasing: room[..<min(left, room.count)])
            switch socket.read(into: part) {
            case .bytes(let got): left -= got
            case .wouldBlock: wait(socket, POLLIN)
            case .closed, .failed: throw SystemError("read", code: ECONNRESET)
            }
        }
    }

    private static func wait(_ socket: Socket, _ events: Int32) {
        var request = pollfd(fd: socket.descriptor, events: Int16(events), revents: 0)
        poll(&request, 1, 1_000)
    }
}
