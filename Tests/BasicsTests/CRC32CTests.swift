import Basics
import TestSupport
import Testing

private func crc(_ bytes: [UInt8], seed: UInt32 = 0) -> UInt32 {
    Bytes.lending(bytes) { CRC32C.checksum($0, seed: seed) }
}

/// One bit at a time, straight from the definition.
private func definition(_ bytes: [UInt8]) -> UInt32 {
    var register: UInt32 = 0xffff_ffff
    for byte in bytes {
        register ^= UInt32(byte)
        for _ in 0..<8 {
            register = register & 1 == 1 ? register >> 1 ^ 0x82f6_3b78 : register >> 1
        }
    }
    return ~register
}

@Test func crc32cGivesTheVectorsOfRFC3720() {
    #expect(crc([]) == 0)
    #expect(crc([UInt8](repeating: 0, count: 32)) == 0x8a91_36aa)
    #expect(crc([UInt8](repeating: 0xff, count: 32)) == 0x62a8_ab43)
    #expect(crc((0..<32).map { UInt8($0) }) == 0x46dd_794e)
    #expect(crc((0..<32).map { UInt8(31 - $0) }) == 0x113f_db5c)
    let iSCSIReadCommand: [UInt8] = [
        0x01, 0xc0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x14, 0x00, 0x00, 0x00, 0x00, 0x00, 0x04, 0x00, 0x00, 0x00, 0x00, 0x14, 0x00, 0x00,
        0x00, 0x18, 0x28, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00,
    ]
    #expect(crc(iSCSIReadCommand) == 0xd996_3a56)
    #expect(crc(Array("123456789".utf8)) == 0xe306_9283)
}

@Test func crc32cFollowsItsDefinitionAndMayBeTakenInParts() {
    Seeds.forAll(200, "crc32c in parts") { random in
        let bytes = (0..<random.below(300)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        let cut = random.below(bytes.count + 1)
        let parts = crc(Array(bytes[cut...]), seed: crc(Array(bytes[..<cut])))
        return crc(bytes) == definition(bytes) && parts == definition(bytes)
    }
}

@Test func crc32cOfAnIntegerIsThatOfItsLittleEndianBytes() {
    Seeds.forAll(100, "crc32c of integers") { random in
        let value = random.next()
        let seed = UInt32(truncatingIfNeeded: random.next())
        let bytes = (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) }
        return CRC32C.checksum(value, seed: seed) == crc(bytes, seed: seed)
    }
}
