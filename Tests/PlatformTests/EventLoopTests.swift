import Basics
import Glibc
import Platform
import Testing

@Suite struct EventLoopTests {
    @Test func aListenerAndAClientExchangeBytesOnLoopback() throws {
        let loop = try EventLoop()
        let listener = try Socket.listen(on: .loopback(0))
        defer { listener.close() }
        let address = try #require(listener.localAddress)
        #expect(address.port != 0)
        let listening = try loop.watch(listener.descriptor, for: .readable, token: 1)
        let client = try Socket.connect(to: address)
        defer { client.close() }
        let connecting = try loop.watch(client.descriptor, for: .writable, token: 2)

        var server: Socket?
        var isConnected = false
        while server == nil || !isConnected {
            for ready in loop.wait(until: nil) {
                if ready.token == 1, server == nil { server = try listener.accept() }
                if ready.token == 2, ready.writable {
                    #expect(client.connectionError(to: address) == nil)
                    isConnected = true
                    loop.change(connecting, to: .readable)
                }
            }
        }
        let accepted = try #require(server)
        defer { accepted.close() }
        #expect(accepted.remoteAddress == client.localAddress)
        #expect(Bytes.lending(Array("hello".utf8)) { accepted.write($0) } == .wrote(5))
        #expect(loop.wait(until: nil).contains { $0.token == 2 && $0.readable })
        var buffer = [UInt8](repeating: 0, count: 16)
        #expect(buffer.withUnsafeMutableBytes { client.read(into: $0) } == .bytes(5))
        #expect(buffer.prefix(5) == ArraySlice("hello".utf8))
        #expect(buffer.withUnsafeMutableBytes { client.read(into: $0) } == .wouldBlock)
        accepted.shutdownWrites()
        #expect(loop.wait(until: nil).contains { $0.token == 2 && $0.readable })
        #expect(buffer.withUnsafeMutableBytes { client.read(into: $0) } == .closed)
        loop.unwatch(connecting)
        loop.unwatch(listening)
        #expect(loop.wait(until: .origin).isEmpty)
    }

    @Test func aDeadlineEndsTheWait() throws {
        let loop = try EventLoop()
        let deadline = Clocks.monotonic() + .microseconds(300)
        while Clocks.monotonic() < deadline {
            #expect(loop.wait(until: deadline).isEmpty)
        }
        #expect(Clocks.monotonic() >= deadline)
    }

    @Test func anotherThreadWakesTheLoop() throws {
        let loop = try EventLoop()
        let wakeUp = try WakeUp()
        let watch = try loop.watch(wakeUp.descriptor, for: .readable, token: 7)
        let thread = try WorkerThread {
            wakeUp.signal()
            wakeUp.signal()
        }
        thread.join()
        let tokens = loop.wait(until: nil).map { $0.token }
        #expect(tokens == [7])
        #expect(wakeUp.drain() == 2)
        #expect(wakeUp.drain() == 0)
        loop.unwatch(watch)
    }

    @Test func aSignalBecomesAToken() throws {
        let loop = try EventLoop()
        try loop.watch(signal: SIGUSR2, token: 9)
        #expect(kill(getpid(), SIGUSR2) == 0)
        var tokens: [UInt64] = []
        while tokens.isEmpty { tokens += loop.wait(until: nil).map { $0.token } }
        #expect(tokens == [9])
    }

    @Test func aRefusedConnectionFailsWithAReason() throws {
        let loop = try EventLoop()
        let listener = try Socket.listen(on: .loopback(0))
        let address = try #require(listener.localAddress)
        listener.close()
        let socket = try Socket.connect(to: address)
        defer { socket.close() }
        let watch = try loop.watch(socket.descriptor, for: .writable, token: 1)
        #expect(loop.wait(until: nil).contains { $0.token == 1 && $0.writable })
        #expect(
            socket.connectionError(to: address)?.description
                == "connection refused: \(address) (connect)")
        loop.unwatch(watch)
    }

    @Test func aPortInUseIsNamed() throws {
        let listener = try Socket.listen(on: .loopback(0))
        defer { listener.close() }
        let address = try #require(listener.localAddress)
        let error = #expect(throws: SystemError.self) { try Socket.listen(on: address) }
        #expect(error?.code == EADDRINUSE)
        #expect(error?.description == "address already in use: \(address) (bind)")
    }

    @Test func aTurnAllocatesNothing() throws {
        let loop = try EventLoop()
        let wakeUp = try WakeUp()
        let watch = try loop.watch(wakeUp.descriptor, for: .readable, token: 7)
        func turns(_ count: Int) -> Int {
            var seen = 0
            for _ in 0..<count {
                wakeUp.signal()
                seen += loop.wait(until: .distantFuture).count
                _ = wakeUp.drain()
            }
            return seen
        }
        #expect(turns(10) == 10)
        let before = JemallocStatistics.allocatedByThread
        let seen = turns(1_000)
        let after = JemallocStatistics.allocatedByThread
        #expect(seen == 1_000)
        #expect(after - before < 4_096)
        loop.unwatch(watch)
    }
}
