import Basics
import Faults
import Platform
import Testing
import Wire
import Workloads

/// The relay between members: what it must let through, and that every fault is seen to act.
@Suite struct RelayTests {
    @Test func aCleanLinkPassesEverythingBothWays() throws {
        let bench = try Bench()
        let (dialler, dialled) = try bench.connect()
        try dialler.send(Talk.handshake)
        for number in 0..<50 { try dialler.send(Talk.frame(number)) }
        let received = try dialled.receive(Handshake.bytes + 50 * 100)
        #expect(Array(received.prefix(Handshake.bytes)) == Talk.handshake)
        #expect(Talk.numbers(Array(received.dropFirst(Handshake.bytes))) == Array(0..<50))
        try dialled.send(Talk.handshake + Talk.frame(9))
        #expect(try dialler.receive(Handshake.bytes + 100) == Talk.handshake + Talk.frame(9))
        #expect(bench.count(.messages) == 51)
        #expect(bench.count(.bytes) == UInt64(Handshake.bytes + 5_000))
        #expect(bench.count(.messages, bench.back) == 2)
        #expect(bench.count(.dropped) == 0 && bench.count(.open) == 1)
    }

    @Test func moreThanBuffersHoldArrivesUnharmed() throws {
        let bench = try Bench()
        let (dialler, dialled) = try bench.connect()
        let frames = (0..<12).map { Talk.frame($0, bytes: 1 << 20) }
        let total = Handshake.bytes + frames.reduce(0) { $0 + $1.count }
        let writer = try WorkerThread {
            // The other side notices what is missing.
            try? dialler.send(Talk.handshake + frames.joined())
        }
        let received = try dialled.receive(total)
        writer.join()
        #expect(received.count == total)
        #expect(Array(received.dropFirst(Handshake.bytes)) == Array(frames.joined()))
    }

    @Test func anEndIsPassedOnAsWhatItIs() throws {
        let bench = try Bench()
        let (dialler, dialled) = try bench.connect()
        try dialler.send(Talk.handshake)
        dialler.shutdownWrites()
        #expect(try dialled.receive(Handshake.bytes) == Talk.handshake)
        #expect(try dialled.awaitEnd() == .closed)
        try dialled.send(Talk.handshake)
        #expect(try dialler.receive(Handshake.bytes) == Talk.handshake)

        let (second, other) = try bench.connect()
        try second.send(Talk.handshake)
        _ = try other.receive(Handshake.bytes)
        try bench.set(bench.there) { $0.resets += 1 }
        #expect(try second.awaitEnd() == .reset)
        #expect(try other.awaitEnd() == .reset)
        #expect(bench.count(.resets) >= 1)
    }

    @Test func aDroppingCutLosesWholeMessagesInOneDirection() throws {
        let bench = try Bench()
        let (dialler, dialled) = try bench.connect()
        try dialler.send(Talk.handshake + Talk.frame(0))
        try dialled.send(Talk.handshake)
        _ = try dialled.receive(Handshake.bytes + 100)
        _ = try dialler.receive(Handshake.bytes)
        try bench.set(bench.there) { $0.cut = .drop }
        for number in 1...10 { try dialler.send(Talk.frame(number)) }
        try eventually("the messages to be dropped") { bench.count(.dropped) == 10 }
        try dialled.send(Talk.frame(77))
        #expect(Talk.numbers(try dialler.receive(100)) == [77], "the way back is not cut")
        try bench.set(bench.there) { $0.cut = nil }
        try dialler.send(Talk.frame(11))
        #expect(Talk.numbers(try dialled.receive(100)) == [11])
    }

    @Test func aCutInTheMiddleOfAMessageLeavesTheMessagesWhole() throws {
        let bench = try Bench()
        let (dialler, dialled) = try bench.connect()
        let frame = Talk.frame(3)
        // Before the length is complete, within the header, and within the contents.
        for head in [2, 6, 40] {
            try dialler.send((head == 2 ? Talk.handshake : []) + frame.prefix(head))
            _ = try dialled.receive(head == 2 ? Handshake.bytes : 0)
            #expect(try dialled.receive(head).count == head)
            try bench.set(bench.there) { $0.cut = .drop }
            let before = bench.count(.dropped)
            try dialler.send(frame.dropFirst(head) + Talk.frame(4))
            try eventually("one message to be dropped") { bench.count(.dropped) == before + 1 }
            #expect(try dialled.receive(100 - head) == Array(frame.dropFirst(head)))
            try bench.set(bench.there) { $0.cut = nil }
            try dialler.send(Talk.frame(5))
            #expect(Talk.numbers(try dialled.receive(100)) == [5])
        }
    }

    @Test func aStallingCutDeliversWhenItHeals() throws {
        let bench = try Bench()
        let (dialler, dialled) = try bench.connect()
        try dialler.send(Talk.handshake)
        _ = try dialled.receive(Handshake.bytes)
        try bench.set(bench.there) { $0.cut = .stall }
        for number in 0..<5 { try dialler.send(Talk.frame(number)) }
        #expect(try dialled.receive(1, within: .milliseconds(100)).isEmpty)
        try bench.set(bench.there) { $0.cut = nil }
        #expect(Talk.numbers(try dialled.receive(500)) == Array(0..<5))
        #expect(bench.count(.dropped) == 0)
    }

    @Test func aResettingCutEndsConnectionsAndRefusesNewOnes() throws {
        let bench = try Bench()
        let (dialler, dialled) = try bench.connect()
        try dialler.send(Talk.handshake)
        _ = try dialled.receive(Handshake.bytes)
        try bench.set(bench.back) { $0.cut = .reset }
        #expect(try dialler.awaitEnd() == .reset)
        #expect(try dialled.awaitEnd() == .reset)
        let again = try bench.dial()
        #expect(try again.awaitEnd() != nil)
        try eventually("the refusal to be counted") { bench.count(.refused) == 1 }
        try bench.set(bench.back) { $0.cut = nil }
        _ = try bench.connect()
    }

    @Test func acrossACutNobodyLearnsThatTheOtherIsGone() throws {
        let bench = try Bench()
        let (dialler, dialled) = try bench.connect()
        try dialler.send(Talk.handshake)
        _ = try dialled.receive(Handshake.bytes)
        try bench.set(bench.there) { $0.cut = .drop }
        dialler.shutdownWrites()
        #expect(try dialled.awaitEnd(within: .milliseconds(100)) == nil)
        try bench.set(bench.there) { $0.cut = nil }
        #expect(try dialled.awaitEnd() == .closed)
    }

    @Test func aHalfOpenConnectionIsDeadAtOneEndAndSilentAtTheOther() throws {
        let bench = try Bench()
        for link in [bench.there, bench.back] {
            let (dialler, dialled) = try bench.connect()
            try dialler.send(Talk.handshake)
            _ = try dialled.receive(Handshake.bytes)
            let (sender, receiver) = link == bench.there ? (dialler, dialled) : (dialled, dialler)
            try bench.set(link) { $0.isHalfOpen = true }
            #expect(try sender.awaitEnd() == .reset)
            #expect(try receiver.awaitEnd(within: .milliseconds(100)) == nil)
            // Whoever dials anew is served.
            _ = try bench.connect()
            try bench.set(link) { $0.isHalfOpen = false }
            #expect(try receiver.awaitEnd() == .reset)
        }
    }

    @Test func aBlackHoleAcceptsAndIsNeverHeardOfAgain() throws {
        let bench = try Bench()
        try bench.set(bench.there) { $0.impairment.isBlackHole = true }
        let dialler = try bench.dial()
        try dialler.send(Talk.handshake)
        #expect(try bench.accept(within: .milliseconds(100)) == nil)
        #expect(dialler.end == nil)
        try bench.set(bench.there) { $0.impairment.isBlackHole = false }
        #expect(try dialler.awaitEnd() == .reset)
    }
}
