import Basics
import Partitioning
import Replication

// RING ADD name address [RACK rack] | REPLACE dead name address [RACK rack]
//      | REMOVE name [FORCE] | CANCEL | BOOTSTRAP name

/// Who the members are: how clients and nodes change it.
extension Session {
    mutating func runRing(
        _ input: Bytes, _ facts: any ServerFacts, into batch: inout RequestBatch
    ) {
        let word = argument(1, input)
        let count = parser.arguments.count
        if word.matches("BOOTSTRAP"), count == 3 {
            let name = argument(2, input).slice(0, min(argument(2, input).count, 128)).text
            guard let text = facts.bootstrap(name) else { return fail(RingRefusal.unknown.text) }
            return reply { $0.append("+\(text)\r\n") }
        }
        let change: DefinitionChange
        if word.matches("ADD"), count == 4 || count == 6 {
            guard let member = newMember(at: 2, input) else { return }
            change = .ring(.join(member))
        } else if word.matches("REPLACE"), count == 5 || count == 7 {
            guard let dead = memberName(2, input), let member = newMember(at: 3, input) else {
                return
            }
            change = .ring(.replace(dead, member))
        } else if word.matches("REMOVE"), count == 3 || count == 4 {
            guard let name = memberName(2, input) else { return }
            guard count == 3 || argument(3, input).matches("FORCE") else {
                return fail("ERR expected RING REMOVE name [FORCE]")
            }
            change = .ring(.leave(name, isForced: count == 4))
        } else if word.matches("CANCEL"), count == 2 {
            change = .callOff
        } else {
            return fail(
                "ERR expected RING ADD name address [RACK rack], REPLACE dead name address [RACK "
                    + "rack], REMOVE name [FORCE], CANCEL or BOOTSTRAP name")
        }
        change.encode(into: &batch.scratch)
        ask(.define(batch.scratch.bytes), .define, into: &batch)
    }

    /// A member from an argument on: its name, its address and its rack; nil after refusing.
    private mutating func newMember(at first: Int, _ input: Bytes) -> RingMember? {
        guard let name = memberName(first, input) else { return nil }
        let address = argument(first + 1, input)
        guard address.count <= 128, Session.isPlain(address), address.text.contains(":") else {
            fail("ERR a member's address is HOST:PORT, where other members reach it")
            return nil
        }
        guard parser.arguments.count > first + 2 else {
            return RingMember(name: name, address: address.text)
        }
        let rack = argument(first + 3, input)
        guard argument(first + 2, input).matches("RACK"), rack.count <= 64, Session.isPlain(rack)
        else {
            fail("ERR expected RACK and 1 to 64 printable ASCII characters")
            return nil
        }
        return RingMember(name: name, address: address.text, rack: rack.text)
    }

    private mutating func memberName(_ place: Int, _ input: Bytes) -> String? {
        let name = argument(place, input)
        guard name.count <= 64, Session.isPlain(name), !name.text.contains("@") else {
            fail("ERR a member's name is 1 to 64 printable ASCII characters without spaces and @")
            return nil
        }
        return name.text
    }

    private static func isPlain(_ bytes: Bytes) -> Bool {
        bytes.count > 0 && (0..<bytes.count).allSatisfy { bytes[$0] > 0x20 && bytes[$0] < 0x7f }
    }
}
