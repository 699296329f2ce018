import Basics
import Membership
import TestSupport
import Testing

private func message(
    _ kind: UInt8, sequence: UInt32 = 0, target: Int = 0, _ updates: [(Int, UInt8, UInt32)] = []
) -> [UInt8] {
    var out = ByteBuffer()
    out.append(kind)
    out.appendInteger(sequence)
    out.appendInteger(UInt16(target))
    for (node, status, incarnation) in updates {
        out.appendInteger(UInt16(node))
        out.append(status)
        out.appendInteger(incarnation)
        out.appendInteger(UInt16(node))
    }
    return out.bytes.copied()
}

/// One member, told what happens.
private final class One {
    var membership: Membership
    var now = Instant(nanoseconds: 1_000_000_000)
    var sent: [(to: NodeID, bytes: [UInt8])] = []
    var changes: [(node: NodeID, status: MemberStatus)] = []

    init(_ others: [Int] = [1, 2, 3, 4, 5], configuration: MembershipConfiguration = .init()) {
        membership = Membership(id: NodeID(0), configuration: configuration, seed: 7)
        var effects = Membership.Effects()
        membership.start(with: others.map { NodeID($0) }, at: now, into: &effects)
        take(&effects)
    }

    private func take(_ effects: inout Membership.Effects) {
        for (to, start, end) in effects.messages {
            sent.append((to, effects.bytes.bytes.slice(start, end).copied()))
        }
        changes += effects.changes
        effects.removeAll()
    }

    func receive(_ bytes: [UInt8], from sender: Int) throws(DecodeError) {
        var effects = Membership.Effects()
        try Bytes.lending(bytes) { bytes throws(DecodeError) in
            try membership.receive(bytes, from: NodeID(sender), at: now, into: &effects)
        }
        take(&effects)
    }

    /// Time passes, deadline by deadline.
    func pass(_ duration: Instant.Duration) {
        let end = now + duration
        while membership.nextDeadline <= end {
            now = max(now, membership.nextDeadline)
            var effects = Membership.Effects()
            membership.tick(at: now, into: &effects)
            take(&effects)
        }
        now = end
    }

    func kinds(to node: Int) -> [UInt8] {
        sent.filter { $0.to == NodeID(node) }.map { $0.bytes[0] }
    }
}

struct MembershipTests {
    @Test func aPingIsAcknowledged() throws {
        let one = One()
        one.sent.removeAll()
        try one.receive(message(1, sequence: 77), from: 3)
        #expect(one.sent.count == 1)
        #expect(one.sent[0].to == NodeID(3))
        #expect(one.sent[0].bytes.prefix(5) == message(2, sequence: 77).prefix(5))
    }

    @Test func whoDoesNotAnswerIsAskedForThenSuspectedThenDead() {
        let one = One([1, 2, 3, 4, 5])
        one.pass(.seconds(3))
        #expect(one.changes.contains { $0.status == .suspect })
        #expect(one.sent.contains { $0.bytes[0] == 3 }, "others are asked to try")
        #expect(!one.changes.contains { $0.status == .dead })
        one.pass(.seconds(600))
        for node in 1...5 { #expect(one.membership.status(of: NodeID(node)) == .dead) }
    }

    @Test func aMemberContradictsWhoeverSuspectsIt() throws {
        let one = One()
        try one.receive(message(5, [(0, 1, 0)]), from: 2)
        #expect(one.membership.incarnation == 1)
        #expect(one.membership.doubt == 1)
        // Old suspicions are no news.
        try one.receive(message(5, [(0, 1, 0)]), from: 3)
        #expect(one.membership.incarnation == 1)
        try one.receive(message(5, [(0, 2, 8)]), from: 3)
        #expect(one.membership.incarnation == 9)
    }

    @Test func newerNewsWinAndAtOneAgeTheWorse() throws {
        let one = One()
        let steps: [((Int, UInt8, UInt32), MemberStatus)] = [
            ((1, 1, 0), .suspect), ((1, 0, 0), .suspect), ((1, 0, 1), .alive),
            ((1, 1, 0), .alive), ((1, 2, 1), .dead), ((1, 1, 1), .dead), ((1, 0, 2), .alive),
        ]
        for (update, expected) in steps {
            try one.receive(message(5, [update]), from: 2)
            #expect(one.membership.status(of: NodeID(1)) == expected, "\(update)")
        }
    }

    @Test func theOrderOfNewsDoesNotMatter() throws {
        try Seeds.forAll(200, "membership news commute") { random in
            var updates: [(Int, UInt8, UInt32)] = []
            for _ in 0..<12 {
                updates.append(
                    (1 + random.below(3), UInt8(random.below(3)), UInt32(random.below(4))))
            }
            let one = One()
            let other = One()
            for update in updates { try one.receive(message(5, [update]), from: 2) }
            random.shuffle(&updates)
            for update in updates { try other.receive(message(5, [update]), from: 2) }
            return (1...3).allSatisfy {
                one.membership.status(of: NodeID($0)) == other.membership.status(of: NodeID($0))
            }
        }
    }

    @Test func aSuspectHearsOfItFirst() throws {
        let one = One()
        try one.receive(message(5, [(1, 1, 0)]), from: 2)
        one.sent.removeAll()
        try one.receive(message(1, sequence: 5), from: 1)
        let update = Array(one.sent[0].bytes[7..<10])
        #expect(update == [1, 0, 1])
    }

    @Test func manySuspicionsShortenTheTime() {
        let configuration = MembershipConfiguration()
        let one = One(Array(1...20), configuration: configuration)
        var times: [Instant.Duration] = []
        for count in 1...4 {
            let one = One(Array(1...20))
            for source in 0..<count {
                var bytes = message(5, [(9, 1, 0)])
                // The source is the last of an update.
                bytes[bytes.count - 2] = UInt8(10 + source)
                #expect(throws: Never.self) { try one.receive(bytes, from: 10 + source) }
            }
            let start = one.now
            while one.membership.status(of: NodeID(9)) != .dead { one.pass(.milliseconds(100)) }
            times.append(one.now - start)
        }
        #expect(times == times.sorted { $0 > $1 })
        // Two digits of members, four intervals of a second.
        #expect(times[3] >= .seconds(8) && times[3] <= .seconds(9))
        #expect(times[0] > .seconds(40))
        #expect(one.membership.memberCount == 21)
    }

    @Test func messagesKeepToADatagram() throws {
        let one = One(Array(1...900))
        for node in 1...900 { try one.receive(message(5, [(node, 0, 3)]), from: 1) }
        one.sent.removeAll()
        one.pass(.seconds(5))
        let ordinary = one.sent.filter { $0.bytes[0] < 6 }
        #expect(!ordinary.isEmpty)
        #expect(
            ordinary.allSatisfy { $0.bytes.count <= MembershipConfiguration.messageBytes })
    }

    @Test func nonsenseIsRefused() {
        let one = One()
        for bytes in [[], [0], [9, 0, 0, 0, 0, 0, 0], message(5, [(1, 7, 0)]), [1, 2, 3]] {
            #expect(throws: DecodeError.self) { try one.receive(bytes, from: 1) }
        }
    }
}

struct PhiAccrualTests {
    @Test func silenceConvictsAndAStreakOfMessagesAcquits() {
        var now = Instant(nanoseconds: 1)
        var phi = PhiAccrual(at: now, expected: .seconds(1))
        for _ in 0..<100 {
            now = now + .seconds(1)
            phi.heard(at: now)
            let hasChanged = phi.judge(at: now)
            #expect(!hasChanged)
        }
        // Phi 8 at 18.42 intervals, and half a second.
        var early = phi
        let isEarly = early.judge(at: now + .milliseconds(18_800))
        #expect(!isEarly)
        #expect(phi.convictsAt <= now + .milliseconds(18_930))
        let isConvicted = phi.judge(at: phi.convictsAt)
        #expect(isConvicted && phi.isConvicted)
        now = phi.convictsAt
        var changes = 0
        for _ in 0..<5 {
            now = now + .seconds(1)
            phi.heard(at: now)
            if phi.judge(at: now) { changes += 1 }
        }
        #expect(changes == 1 && !phi.isConvicted)
    }

    @Test func frequentMessagesMakeItQuicker() {
        var now = Instant(nanoseconds: 1)
        var phi = PhiAccrual(at: now, expected: .seconds(1))
        for _ in 0..<400 {
            now = now + .milliseconds(10)
            phi.heard(at: now)
        }
        // The mean is taken as 50 ms at least.
        #expect(phi.convictsAt - now <= .milliseconds(1_500))
    }

    @Test func anOutageDoesNotMakeItSlower() {
        var now = Instant(nanoseconds: 1)
        var phi = PhiAccrual(at: now, expected: .seconds(1))
        for _ in 0..<50 {
            now = now + .seconds(1)
            phi.heard(at: now)
        }
        let before = phi.convictsAt - now
        now = now + .seconds(3_600)
        phi.heard(at: now)
        #expect(phi.convictsAt - now == before)
    }
}
