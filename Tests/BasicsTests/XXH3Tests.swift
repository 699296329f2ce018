import Basics
import CXXHash
import TestSupport
import Testing

/// Byte i is 131 i + 7, modulo 256.
private let pattern = (0..<2_100).map { UInt8(truncatingIfNeeded: $0 * 131 + 7) }

private func hash(_ bytes: [UInt8], seed: UInt64) -> UInt64 {
    Bytes.lending(bytes) { XXH3.hash64($0, seed: seed) }
}

@Test func xxh3GivesThePublishedAlgorithmsHashesOverAllLengthClasses() {
    // Length, hash with seed 0, hash with seed 0x9e3779b97f4a7c15; made with libxxhash 0.8.1.
    let golden: [(Int, UInt64, UInt64)] = [
        (0, 0x2d06_8005_38d3_94c2, 0x602b_0e2c_d666_2c8b),
        (1, 0x4c5c_ca45_d0f4_811f, 0x2f3a_cd38_05f8_1de3),
        (2, 0x29c6_0963_cbfa_4e6e, 0x28a7_b77c_08c0_91eb),
        (3, 0x6e3e_2670_e611_06ac, 0xbc74_611d_87f6_59e0),
        (4, 0x5c4c_6313_3443_d03f, 0x6c37_5317_7c60_7de4),
        (5, 0x49f5_eb31_1128_0b63, 0xc527_066b_4c49_6b85),
        (8, 0xf9fd_4dd0_b04d_78f5, 0xbc72_d053_1396_303f),
        (9, 0x7c20_df97_12c2_6edf, 0x93c5_aa00_6102_daf5),
        (12, 0x16d2_dff5_4dc2_ee45, 0xfe7f_fcdd_4d01_fe31),
        (16, 0x86ab_f6ba_ccea_0858, 0x69d0_01b1_6ecf_450a),
        (17, 0xb58b_f5dc_5022_d071, 0xb7c9_9d19_be27_eb69),
        (31, 0x4844_2fcd_5518_b086, 0x4d0c_a634_ab4c_a4f4),
        (32, 0xe371_2ed8_4c04_a66e, 0xe5fb_38c8_1d49_c6f5),
        (33, 0xa4de_e99b_093e_1f73, 0x5a46_a370_c351_46ac),
        (64, 0x1291_d2d4_0423_30dd, 0x543f_a55d_8db0_3991),
        (65, 0x97c6_bf83_217e_5ec9, 0xf3ef_e405_59a7_6a28),
        (96, 0x8129_6929_fc06_3365, 0x260f_2886_3562_3ee8),
        (97, 0xf145_a45b_658a_b9dd, 0x5881_7b2a_6ec0_ed2e),
        (128, 0x10d1_7f72_c0cc_ba41, 0x49b8_1c6e_0abb_9305),
        (129, 0x1648_bdc3_db49_d1a2, 0x5e38_31b2_2181_0b00),
        (160, 0x655c_8dc3_3b4b_4c4a, 0x3c40_f880_a7d4_1ebf),
        (200, 0xc0fb_c0f4_e181_c826, 0x8326_4818_fb53_1769),
        (240, 0xb6cf_af34_3fab_81e6, 0x76a7_3ec2_6433_f82c),
        (241, 0x956c_ae59_2c67_279e, 0x2be2_36ba_3bac_f75c),
        (256, 0xb15e_5507_33c5_dfac, 0x9299_9d62_f081_5eef),
        (512, 0xa0e9_790e_b939_90d7, 0x3638_5c68_aa67_55ea),
        (1024, 0x70bd_377d_9574_f4bb, 0xd8cf_6b46_4541_f232),
        (1025, 0x66c4_487c_41e1_27a7, 0x8dc3_a55e_9c26_d886),
        (2048, 0x8b46_caa6_7dab_3a30, 0x9f2f_0261_a259_2b60),
        (2100, 0x90ed_a88d_d764_6e2e, 0x04df_d4fc_8e95_81d9),
    ]
    for (length, plain, seeded) in golden {
        let bytes = Array(pattern.prefix(length))
        #expect(hash(bytes, seed: 0) == plain, "length \(length)")
        #expect(hash(bytes, seed: 0x9e37_79b9_7f4a_7c15) == seeded, "length \(length), seeded")
    }
}

@Test func xxh3AgreesWithLibxxhashAtEveryLengthUpTo600() {
    for length in 0...600 {
        for seed: UInt64 in [0, 1, .max, 0xdead_beef] {
            let bytes = Array(pattern.prefix(length))
            #expect(
                hash(bytes, seed: seed) == reference_xxh3_64(bytes, length, seed),
                "length \(length), seed \(seed)")
        }
    }
}

@Test func xxh3AgreesWithLibxxhashOnRandomInput() {
    Seeds.forAll(300, "xxh3 equals libxxhash") { random in
        let bytes = (0..<random.below(5_000)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        let seed = random.next()
        return hash(bytes, seed: seed) == reference_xxh3_64(bytes, bytes.count, seed)
    }
}

@Test func xxh3ReadsUnalignedBytes() {
    Bytes.lending(pattern) { all in
        for start in 0..<16 {
            for length in [3, 7, 12, 40, 130, 300] {
                let slice = all.slice(start, start + length)
                #expect(XXH3.hash64(slice, seed: 9) == hash(slice.copied(), seed: 9))
            }
        }
    }
}

@Test func xxh3Of128BitsAgreesWithLibxxhash() {
    Seeds.forAll(200, "four words") { random in
        let words = SIMD4(random.next(), random.next(), random.next(), random.next())
        let seed = random.next()
        var bytes: [UInt8] = []
        for i in 0..<4 {
            for shift in 0..<8 {
                bytes.append(UInt8(truncatingIfNeeded: words[i] >> UInt64(8 * shift)))
            }
        }
        var halves: [UInt64] = [0, 0]
        reference_xxh3_128(bytes, 32, seed, &halves)
        return XXH3.hash128(words, seed: seed) == Hash128(low: halves[0], high: halves[1])
    }
}
