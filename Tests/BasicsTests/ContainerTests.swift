import Basics
import TestSupport
import Testing

private struct Box: ~Copyable, Reusable {
    var value = 0
    init() {}
}

@Test func ticketsAreGoodForOneUse() {
    Seeds.forAll(50, "tickets are good for one use") { random in
        var slots = Slots<Box>(limit: 20)
        var live: [(Ticket, Int)] = []
        var dead: [Ticket] = []
        for step in 0..<300 {
            if random.chance(1, in: 2) {
                guard let ticket = slots.insert() else {
                    if live.count != 20 { return false }
                    continue
                }
                slots[Int(ticket.index)].value = step
                live.append((ticket, step))
            } else if !live.isEmpty {
                let (ticket, _) = live.remove(at: random.below(live.count))
                slots.remove(at: Int(ticket.index))
                dead.append(ticket)
            }
            if slots.count != live.count { return false }
        }
        for (ticket, step) in live {
            guard let index = slots.index(of: ticket), slots[index].value == step else {
                return false
            }
        }
        return dead.allSatisfy { slots.index(of: $0) == nil }
    }
}

@Test func aFifoGivesBackWhatItWasGivenInOrder() {
    Seeds.forAll(50, "first in, first out") { random in
        var fifo = Fifo<Int>()
        var expected: [Int] = []
        for i in 0..<400 {
            if random.chance(3, in: 5) {
                fifo.append(i)
                expected.append(i)
            } else if fifo.popFirst() != (expected.isEmpty ? nil : expected.removeFirst()) {
                return false
            }
            if fifo.count != expected.count || fifo.first != expected.first { return false }
        }
        return true
    }
}

@Test func aBufferHoldsWhatWasAppendedAndNotConsumed() {
    Seeds.forAll(100, "append and consume") { random in
        var buffer = ByteBuffer(capacity: 16)
        var expected: [UInt8] = []
        for _ in 0..<100 {
            switch random.below(4) {
            case 0:
                let bytes = (0..<random.below(40)).map { UInt8($0) }
                Bytes.lending(bytes) { buffer.append($0) }
                expected += bytes
            case 1:
                let number = random.next() >> UInt64(random.below(64))
                buffer.appendDecimal(number)
                expected += Array("\(number)".utf8)
            case 2:
                buffer.appendInteger(0x0102_0304 as UInt32)
                expected += [4, 3, 2, 1]
            default:
                let count = random.below(expected.count + 1)
                buffer.consume(count)
                expected.removeFirst(count)
            }
            if buffer.bytes.copied() != expected { return false }
        }
        return true
    }
}

@Test(arguments: [0, 9, 10, 99, 100, 999_999_999_999_999_999, 9_999_999_999_999_999_999, .max])
func decimalsAreWrittenInFull(number: UInt64) {
    var buffer = ByteBuffer()
    buffer.appendDecimal(number)
    let text = buffer.bytes.text
    #expect(text == "\(number)")
}

@Test func aReaderNeverReadsPastTheEnd() {
    Bytes.lending([1, 2, 3]) { bytes in
        var reader = ByteReader(bytes)
        #expect(throws: DecodeError.truncated(need: 4, have: 3)) {
            try reader.integer(UInt32.self)
        }
        #expect(throws: DecodeError.truncated(need: 4, have: 3)) { try reader.take(4) }
        #expect((try? reader.integer(UInt16.self)) == 0x0201)
        #expect((try? reader.take(-1)) == nil)
    }
}
