import Basics
import Replication
import TestSupport
import Testing

private func randomSettings(_ random: inout RandomSource) -> KeyspaceSettings {
    var settings = KeyspaceSettings()
    if random.chance(1, in: 2) { settings.n = UInt8(1 + random.below(15)) }
    if random.chance(1, in: 2) { settings.r = UInt8(1 + random.below(15)) }
    if random.chance(1, in: 2) { settings.w = UInt8(1 + random.below(15)) }
    if random.chance(1, in: 2) { settings.mode = ConflictMode.allCases[random.below(4)] }
    if random.chance(1, in: 2) { settings.kind = QuorumKind.allCases[random.below(2)] }
    if random.chance(1, in: 2) { settings.readRepair = ReadRepair.allCases[random.below(3)] }
    if random.chance(1, in: 2) { settings.blind = BlindWrite.allCases[random.below(2)] }
    if random.chance(1, in: 2) { settings.valueBytes = UInt32(random.below(1 << 20)) }
    if random.chance(1, in: 2) { settings.timeToLive = random.next() }
    return settings
}

@Test func changesSurviveTheirEncoding() {
    Seeds.forAll(500, "decode(encode(change)) = change") { random in
        let name = "name-\(random.below(1_000))"
        let change: DefinitionChange =
            switch random.below(3) {
            case 0: .create(name, randomSettings(&random))
            case 1: .alter(name, randomSettings(&random))
            default: .drop(name)
            }
        var out = ByteBuffer()
        change.encode(into: &out)
        var reader = ByteReader(out.bytes)
        guard let back = try? DefinitionChange(&reader) else { return false }
        return back == change && reader.remaining == 0
    }
}

@Test func damagedDefinitionMessagesAreRefusedAndNeverCrash() {
    Seeds.forAll(2_000, "any bytes are read or refused") { random in
        let bytes = (0..<random.below(80)).map { index in
            index == 0 ? UInt8(random.below(9)) : UInt8(truncatingIfNeeded: random.next())
        }
        return Bytes.lending(bytes) { bytes in
            do { try DefinitionMessage.check(bytes) } catch { return true }
            return bytes.count > 0
        }
    }
}
