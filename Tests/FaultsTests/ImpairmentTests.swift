import Basics
import Faults
import Platform
import Testing
import Wire
import Workloads

/// Links that are late, narrow, lossy, or do not keep what they carry as it was.
@Suite struct ImpairmentTests {
    /// Sends frames 0..<count over an impaired link; what member 1 got of the frames.
    private func send(
        _ count: Int, expecting bytes: Int, _ change: (inout LinkImpairment) -> Void,
        check: (Bench, [UInt8]) throws -> Void
    ) throws {
        let bench = try Bench()
        let (dialler, dialled) = try bench.connect()
        try dialler.send(Talk.handshake)
        _ = try dialled.receive(Handshake.bytes)
        try bench.set(bench.there) { change(&$0.impairment) }
        for number in 0..<count { try dialler.send(Talk.frame(number)) }
        let received = try dialled.receive(bytes)
        try check(bench, received + (try dialled.receive(1, within: .milliseconds(20))))
    }

    @Test func aLossyLinkLosesItsShareOfWholeMessages() throws {
        let bench = try Bench()
        let (dialler, dialled) = try bench.connect()
        try dialler.send(Talk.handshake)
        _ = try dialled.receive(Handshake.bytes)
        try bench.set(bench.there) { $0.impairment.dropPerMillion = 300_000 }
        for number in 0..<1_000 { try dialler.send(Talk.frame(number)) }
        try eventually("every message to be judged") {
            bench.count(.dropped) + bench.count(.messages) == 1_001
        }
        let dropped = Int(bench.count(.dropped))
        // Nine standard deviations about 300.
        #expect((170...430).contains(dropped))
        let numbers = Talk.numbers(try dialled.receive((1_000 - dropped) * 100))
        #expect(numbers.count == 1_000 - dropped)
        #expect(numbers == numbers.sorted())
    }

    @Test func oneSeedLosesTheSameMessages() throws {
        func survivors(_ seed: UInt64) throws -> [Int] {
            let bench = try Bench(seed: seed)
            let (dialler, dialled) = try bench.connect()
            try dialler.send(Talk.handshake)
            _ = try dialled.receive(Handshake.bytes)
            try bench.set(bench.there) { $0.impairment.dropPerMillion = 500_000 }
            for number in 0..<100 { try dialler.send(Talk.frame(number)) }
            try eventually("every message to be judged") {
                bench.count(.dropped) + bench.count(.messages) == 101
            }
            return Talk.numbers(try dialled.receive((100 - Int(bench.count(.dropped))) * 100))
        }
        let first = try survivors(1)
        #expect(try survivors(1) == first)
        #expect(try survivors(2) != first)
    }

    @Test func aSlowLinkIsLateAndKeepsTheOrder() throws {
        let start = Clocks.monotonic()
        try send(20, expecting: 2_000) {
            $0.latency = .milliseconds(30)
            $0.jitter = .milliseconds(5)
        } check: { bench, received in
            #expect(Clocks.monotonic() - start >= .milliseconds(30))
            #expect(Talk.numbers(received) == Array(0..<20))
            #expect(bench.count(.delayed) == 20)
        }
    }

    @Test func aTailStrikesItsShareOnly() throws {
        let start = Clocks.monotonic()
        try send(200, expecting: 20_000) {
            $0.tailPerMillion = 100_000
            $0.tail = .milliseconds(40)
        } check: { bench, received in
            #expect(Clocks.monotonic() - start >= .milliseconds(40))
            #expect(received.count == 20_000)
            #expect(bench.count(.delayed) > 0)
        }
    }

    @Test func aNarrowLinkTakesItsTime() throws {
        let start = Clocks.monotonic()
        try send(100, expecting: 10_000) {
            $0.bandwidth = 100_000
        } check: { _, received in
            #expect(received.count == 10_000)
            // 10,000 bytes at 100,000 a second.
            #expect(Clocks.monotonic() - start >= .milliseconds(99))
        }
    }

    @Test func aSlicingLinkSendsPieces() throws {
        try send(10, expecting: 1_000) {
            $0.sliceBytes = 7
        } check: { bench, received in
            #expect(received == (0..<10).flatMap { Talk.frame($0) })
            #expect(bench.count(.sliced) >= 1_000 / 7)
        }
    }

    @Test func aCorruptingLinkFlipsOneBitOfAMessage() throws {
        try send(50, expecting: 5_000) {
            $0.corruptPerMillion = 1_000_000
        } check: {
            bench, received in
            #expect(received.count == 5_000 && bench.count(.corrupted) == 50)
            for number in 0..<50 {
                let flipped = zip(received[(number * 100)...], Talk.frame(number))
                    .reduce(0) { $0 + ($1.0 ^ $1.1).nonzeroBitCount }
                #expect(flipped == 1)
            }
        }
    }

    @Test func aDuplicatingLinkSendsTwice() throws {
        try send(20, expecting: 4_000) {
            $0.duplicatePerMillion = 1_000_000
        } check: {
            bench, received in
            #expect(Talk.numbers(received) == (0..<20).flatMap { [$0, $0] })
            #expect(bench.count(.duplicated) == 20)
        }
    }

    @Test func aReplayingLinkSendsWhatIsOldEvenOfEarlierConnections() throws {
        let bench = try Bench()
        try bench.set(bench.there) { $0.impairment.replayPerMillion = 1_000_000 }
        for connection in 0..<2 {
            let (dialler, dialled) = try bench.connect()
            try dialler.send(Talk.handshake)
            _ = try dialled.receive(Handshake.bytes)
            let base = 1_000 * connection
            for number in 0..<4 { try dialler.send(Talk.frame(base + number)) }
            // The very first message has nothing older.
            let numbers = Talk.numbers(try dialled.receive(100 * (connection == 0 ? 7 : 8)))
            #expect(numbers.filter { $0 >= base }.count >= 4)
            if connection == 1 { #expect(numbers.contains { $0 < base }) }
        }
        #expect(bench.count(.replayed) == 7)
    }

    @Test func whatIsNotThePeerProtocolPassesAsItIs() throws {
        let bench = try Bench()
        let (dialler, dialled) = try bench.connect()
        try bench.set(bench.there) { $0.impairment.latency = .milliseconds(1) }
        let junk = Talk.handshake + [UInt8](repeating: 0xff, count: 300)
        try dialler.send(junk)
        #expect(try dialled.receive(junk.count) == junk)
    }
}
