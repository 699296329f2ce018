import Basics
import TestSupport
import Testing

/// Of the reference implementation: key 00 01 … 0f, messages 00 01 … of so many bytes.
@Test(
    arguments: [
        (0, 0x726f_db47_dd0e_0e31), (1, 0x74f8_39c5_93dc_67fd), (2, 0x0d6c_8009_d9a9_4f5a),
        (3, 0x8567_6696_d7fb_7e2d), (4, 0xcf27_94e0_2771_87b7), (5, 0x1876_5564_cd99_a68d),
        (6, 0xcbc9_466e_58fe_e3ce), (7, 0xab02_00f5_8b01_d137), (8, 0x93f5_f579_9a93_2462),
        (15, 0xa129_ca61_49be_45e5),
    ] as [(Int, UInt64)])
func sipHashGivesThePublishedTags(_ vector: (count: Int, tag: UInt64)) {
    let key = SipHash.Key(low: 0x0706_0504_0302_0100, high: 0x0f0e_0d0c_0b0a_0908)
    let message = (0..<vector.count).map { UInt8($0) }
    #expect(Bytes.lending(message) { SipHash.tag($0, key: key) } == vector.tag)
}

@Test func base64HasOneTextForAnyBytes() {
    Seeds.forAll(1_000, "decode(encode(b)) = b") { random in
        let bytes = (0..<random.below(40)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        var text = ByteBuffer()
        Bytes.lending(bytes) { Base64URL.encode($0, into: &text) }
        var back = ByteBuffer()
        guard Base64URL.decode(text.bytes, into: &back), back.bytes.copied() == bytes else {
            return false
        }
        var changed = text.bytes.copied()
        guard !changed.isEmpty else { return true }
        let place = random.below(changed.count)
        let old = changed[place]
        changed[place] = UInt8(truncatingIfNeeded: random.next())
        var other = ByteBuffer()
        let isText = Bytes.lending(changed) { Base64URL.decode($0, into: &other) }
        return changed[place] == old || !isText || other.bytes.copied() != bytes
    }
    var out = ByteBuffer()
    Bytes.lending(Array("foobar".utf8)) { Base64URL.encode($0, into: &out) }
    #expect(out.bytes.text == "Zm9vYmFy")
}
