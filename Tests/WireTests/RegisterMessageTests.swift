import Basics
import Causality
import Replication
import TestSupport
import Testing
import Wire

/// Messages about consensus registers.
struct RegisterMessageTests {
    private func random(_ random: inout RandomSource, _ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    }

    private func ballot(_ random: inout RandomSource) -> Ballot {
        Ballot(stamp: random.next() | 1, actor: Actor(raw: random.next()))
    }

    /// A register as Register.swift says: promise, kind, no sessions, version, value.
    private func register(_ random: inout RandomSource) -> [UInt8] {
        self.random(&random, 16) + state(&random)
    }

    private func state(_ random: inout RandomSource) -> [UInt8] {
        [1, 0] + self.random(&random, 16) + self.random(&random, random.below(50))
    }

    /// Encodes, decodes and encodes again; the two encodings if all was read.
    private func roundTrip(_ message: Message) -> (first: [UInt8], second: [UInt8])? {
        var out = ByteBuffer()
        PeerCodec.encode(message, into: &out)
        var reader = ByteReader(out.bytes)
        guard let back = try? PeerCodec.decode(&reader, clusterSeed: 5), reader.remaining == 0
        else { return nil }
        var again = ByteBuffer()
        PeerCodec.encode(back, into: &again)
        return (out.bytes.copied(), again.bytes.copied())
    }

    private func message(
        _ kind: Int, _ key: HashedKey, _ change: Change, _ state: Bytes, _ register: Bytes,
        _ value: Bytes, _ first: Ballot, _ second: Ballot, _ integer: Int64, _ ticket: Ticket
    ) -> Message {
        switch kind {
        case 0: .prepare(key, first, known: second, ticket)
        case 1: .promised(first, second, .notNewer, ticket)
        case 2:
            .promised(
                first, second, .found(Content(.register, register)),
                ticket)
        case 3: .accept(key, state, first, ticket)
        case 4: .accepted(first, ticket)
        case 5: .rejected(first, seen: second, ticket)
        case 6:
            .propose(
                key, change, timeout: 250, first.actor, ticket)
        case 7: .proposed(ticket, .decided(.done, first, mask: 3))
        case 8:
            .proposed(ticket, .decided(.refuted, first, mask: 3))
        case 9:
            .proposed(
                ticket, .decided(.integer(integer), first, mask: 7))
        case 10:
            .proposed(
                ticket, .decided(.value(value), first, mask: 7))
        case 11:
            .proposed(ticket, .decided(.value(nil), first, mask: 7))
        case 12:
            .proposed(
                ticket,
                .decided(.failed(.sessionExpired), first, mask: 7))
        case 13:
            .proposed(
                ticket, .refused(.unavailable(reachable: 1, needed: 2)))
        default: .proposed(ticket, .unknown(have: 1, need: 2))
        }
    }

    @Test func messagesSurviveTheWire() {
        Seeds.forAll(600, "encode(decode(encode(m))) = encode(m)") { source in
            let keyBytes = random(&source, source.below(40))
            let ticket = Ticket(index: UInt32(source.below(1_000)), generation: 3)
            let (first, second) = (ballot(&source), ballot(&source))
            let kind = source.below(15)
            let registerBytes = register(&source)
            let stateBytes = state(&source)
            let valueBytes = random(&source, source.below(60))
            let expectedBytes = random(&source, source.below(60))
            let integer = Int64(truncatingIfNeeded: source.next())
            return Bytes.lending(keyBytes) { key in
                Bytes.lending(registerBytes) { register in
                    Bytes.lending(stateBytes) { state in
                        Bytes.lending(valueBytes) { value in
                            Bytes.lending(expectedBytes) { expected in
                                let key = HashedKey(key, seed: 5, in: KeyspaceID(2))
                                let change = Change(
                                    .swapValue, value: value, expected: expected,
                                    integer: integer, version: second, returnsOld: true,
                                    operation: OperationID(session: 9, sequence: 2))
                                let message = self.message(
                                    kind, key, change, state, register, value, first, second,
                                    integer, ticket)
                                guard let bytes = roundTrip(message) else { return false }
                                return bytes.first == bytes.second
                            }
                        }
                    }
                }
            }
        }
    }

    @Test func truncatedAndMangledMessagesAreRefusedAndNothingCrashes() {
        Seeds.forAll(400, "mangled messages are refused or read") { source in
            var bytes = random(&source, source.below(160))
            if !bytes.isEmpty { bytes[0] = UInt8(8 + source.below(7)) }
            Bytes.lending(bytes) { bytes in
                var reader = ByteReader(bytes)
                if let message = try? PeerCodec.decode(&reader, clusterSeed: 5) {
                    var out = ByteBuffer()
                    PeerCodec.encode(message, into: &out)
                }
            }
            return true
        }
    }

    @Test func aMalformedStateIsRefused() {
        for state: [UInt8] in [[], [1, 0], [9, 0] + [UInt8](repeating: 0, count: 16), [2, 33]] {
            var out = ByteBuffer()
            Bytes.lending(state) { state in
                PeerCodec.encode(
                    .accept(
                        HashedKey(.empty, seed: 5), state,
                        Ballot(stamp: 4_096, actor: Actor(raw: 1)),
                        Ticket(index: 1, generation: 1)), into: &out)
            }
            var reader = ByteReader(out.bytes)
            #expect(throws: DecodeError.self) {
                try PeerCodec.decode(&reader, clusterSeed: 5)
            }
        }
    }
}
