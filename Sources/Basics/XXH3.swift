/// XXH3-64 with a seed: the hash of keys, ring tokens and shards.
///
/// Implements the published algorithm (xxHash by Yann Collet, version 0.8) bit for bit, because
/// placement must agree between machines and releases; tests compare it with libxxhash. It is
/// not a cryptographic hash: a cluster keeps its seed to itself to make collisions hard to aim.
public enum XXH3 {
    /// The hash of `bytes`, of any length. O(n); a few nanoseconds up to 64 bytes.
    @inlinable
    public static func hash64(_ bytes: Bytes, seed: UInt64) -> UInt64 {
        let count = bytes.count
        let base = bytes.base
        if count <= 16 {
            if count > 8 { return hash9To16(base, count, seed) }
            if count >= 4 { return hash4To8(base, count, seed) }
            return hash0To3(base, count, seed)
        }
        if count <= 128 { return hash17To128(base, count, seed) }
        return hashBeyond128(base, count, seed)
    }

    @inlinable
    @inline(__always)
    static func hash0To3(_ base: UnsafeRawPointer, _ count: Int, _ seed: UInt64) -> UInt64 {
        if count == 0 { return avalanche64(seed ^ 0x8726_f910_5dc2_1ddc) }
        let first = UInt32(base.load(as: UInt8.self))
        let middle = UInt32(base.load(fromByteOffset: count &>> 1, as: UInt8.self))
        let last = UInt32(base.load(fromByteOffset: count &- 1, as: UInt8.self))
        let length = UInt32(truncatingIfNeeded: count)
        let combined = first &<< 16 | middle &<< 24 | last | length &<< 8
        return avalanche64(UInt64(combined) ^ (0x8727_5a9b &+ seed))
    }

    @inlinable
    @inline(__always)
    static func hash4To8(_ base: UnsafeRawPointer, _ count: Int, _ seed: UInt64) -> UInt64 {
        let low = UInt32(truncatingIfNeeded: seed).byteSwapped
        let mixedSeed = seed ^ UInt64(low) &<< 32
        let first = UInt64(word32(base, 0))
        let last = UInt64(word32(base, count &- 4))
        let keyed = (last &+ first &<< 32) ^ (0xc73a_b174_c5ec_d5a2 &- mixedSeed)
        var h = keyed ^ rotate(keyed, 49) ^ rotate(keyed, 24)
        h = h &* 0x9fb2_1c65_1e98_df25
        h ^= (h &>> 35) &+ UInt64(truncatingIfNeeded: count)
        h = h &* 0x9fb2_1c65_1e98_df25
        return h ^ h &>> 28
    }

    @inlinable
    @inline(__always)
    static func hash9To16(_ base: UnsafeRawPointer, _ count: Int, _ seed: UInt64) -> UInt64 {
        let low = word64(base, 0) ^ (0x6782_737b_ea42_39b9 &+ seed)
        let high = word64(base, count &- 8) ^ (0xaf56_bc3b_0996_523a &- seed)
        let sum =
            UInt64(truncatingIfNeeded: count) &+ low.byteSwapped &+ high &+ foldedProduct(low, high)
        return avalanche(sum)
    }

    /// Pairs of 16 bytes from both ends towards the middle, each with its own part of the secret.
    @inlinable
    static func hash17To128(_ base: UnsafeRawPointer, _ count: Int, _ seed: UInt64) -> UInt64 {
        var sum = UInt64(truncatingIfNeeded: count) &* prime1
        if count > 32 {
            if count > 64 {
                if count > 96 {
                    sum &+= mix16(base, 48, 0x3f34_9ce3_3f76_faa8, 0x1d4f_0bc7_c7bb_dcf9, seed)
                    sum &+= mix16(
                        base, count &- 64, 0x3159_b4cd_4be0_518a, 0x6473_78d9_c97e_9fc8, seed)
                }
                sum &+= mix16(base, 32, 0xcb00_c391_bb52_283c, 0xa32e_531b_8b65_d088, seed)
                sum &+= mix16(
                    base, count &- 48, 0x4ef9_0da2_9748_6471, 0xd8ac_dea9_46ef_1938, seed)
            }
            sum &+= mix16(base, 16, 0x78e5_c0cc_4ee6_79cb, 0x2172_ffcc_7dd0_5a82, seed)
            sum &+= mix16(base, count &- 32, 0x8e24_43f7_7446_08b8, 0x4c26_3a81_e690_35e0, seed)
        }
        sum &+= mix16(base, 0, 0xbe4b_a423_396c_feb8, 0x1cad_21f7_2c81_017c, seed)
        sum &+= mix16(base, count &- 16, 0xdb97_9083_e96d_d4de, 0x1f67_b3b7_a4a4_4072, seed)
        return avalanche(sum)
    }

    @usableFromInline
    static func hashBeyond128(_ base: UnsafeRawPointer, _ count: Int, _ seed: UInt64) -> UInt64 {
        if count <= 240 { return hash129To240(base, count, seed) }
        if seed == 0 { return hashLong(base, count, secret) }
        return withUnsafeTemporaryAllocation(byteCount: secretSize, alignment: 16) { derived in
            for i in stride(from: 0, to: secretSize, by: 16) {
                derived.storeBytes(of: word64(secret, i) &+ seed, toByteOffset: i, as: UInt64.self)
                derived.storeBytes(
                    of: word64(secret, i + 8) &- seed, toByteOffset: i + 8, as: UInt64.self)
            }
            guard let start = derived.baseAddress else {
                preconditionFailure("a temporary allocation has an address")
            }
            return hashLong(base, count, UnsafeRawPointer(start))
        }
    }

    static func hash129To240(_ base: UnsafeRawPointer, _ count: Int, _ seed: UInt64) -> UInt64 {
        var sum = UInt64(truncatingIfNeeded: count) &* prime1
        for i in 0..<8 {
            sum &+= mix16(
                base, 16 &* i, word64(secret, 16 &* i), word64(secret, 16 &* i &+ 8), seed)
        }
        sum = avalanche(sum)
        for i in 8..<(count / 16) {
            let part = 16 &* (i &- 8) &+ 3
            sum &+= mix16(base, 16 &* i, word64(secret, part), word64(secret, part &+ 8), seed)
        }
        sum &+= mix16(base, count &- 16, word64(secret, 119), word64(secret, 127), seed)
        return avalanche(sum)
    }

    /// Eight lanes take 64-byte stripes; after 16 stripes the lanes are scrambled.
    static func hashLong(
        _ base: UnsafeRawPointer, _ count: Int, _ secret: UnsafeRawPointer
    ) -> UInt64 {
        let stripesPerBlock = (secretSize - 64) / 8
        let blockBytes = 64 * stripesPerBlock
        let blocks = (count - 1) / blockBytes
        var lanes = SIMD8<UInt64>(
            0xc2b2_ae3d, prime1, 0xc2b2_ae3d_27d4_eb4f, 0x1656_67b1_9e37_79f9,
            0x85eb_ca77_c2b2_ae63, 0x85eb_ca77, 0x27d4_eb2f_1656_67c5, 0x9e37_79b1)
        for block in 0..<blocks {
            let start = base + block * blockBytes
            for stripe in 0..<stripesPerBlock {
                accumulate(&lanes, start + 64 &* stripe, secret + 8 &* stripe)
            }
            let key = (secret + (secretSize - 64)).loadUnaligned(as: SIMD8<UInt64>.self)
            lanes = (lanes ^ (lanes &>> 47) ^ key) &* 0x9e37_79b1
        }
        let tail = base + blocks * blockBytes
        for stripe in 0..<((count - 1 - blocks * blockBytes) / 64) {
            accumulate(&lanes, tail + 64 &* stripe, secret + 8 &* stripe)
        }
        accumulate(&lanes, base + (count - 64), secret + (secretSize - 64 - 7))

        var sum = UInt64(truncatingIfNeeded: count) &* prime1
        for i in 0..<4 {
            sum &+= foldedProduct(
                lanes[2 &* i] ^ word64(secret, 11 &+ 16 &* i),
                lanes[2 &* i &+ 1] ^ word64(secret, 11 &+ 16 &* i &+ 8))
        }
        return avalanche(sum)
    }

    @inline(__always)
    private static func accumulate(
        _ lanes: inout SIMD8<UInt64>, _ input: UnsafeRawPointer, _ secret: UnsafeRawPointer
    ) {
        let data = input.loadUnaligned(as: SIMD8<UInt64>.self)
        let keyed = data ^ secret.loadUnaligned(as: SIMD8<UInt64>.self)
        let swapped = SIMD8(
            data[1], data[0], data[3], data[2], data[5], data[4], data[7], data[6])
        lanes = lanes &+ swapped &+ (keyed & 0xffff_ffff) &* (keyed &>> 32)
    }

    @inlinable
    @inline(__always)
    static func mix16(
        _ base: UnsafeRawPointer, _ offset: Int, _ low: UInt64, _ high: UInt64, _ seed: UInt64
    ) -> UInt64 {
        foldedProduct(
            word64(base, offset) ^ (low &+ seed), word64(base, offset &+ 8) ^ (high &- seed))
    }

    @inlinable
    @inline(__always)
    static func foldedProduct(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let product = a.multipliedFullWidth(by: b)
        return product.low ^ product.high
    }

    @inlinable
    @inline(__always)
    static func avalanche(_ value: UInt64) -> UInt64 {
        var h = value ^ value &>> 37
        h = h &* 0x1656_6791_9e37_79f9
        return h ^ h &>> 32
    }

    @inlinable
    @inline(__always)
    static func avalanche64(_ value: UInt64) -> UInt64 {
        var h = value ^ value &>> 33
        h = h &* 0xc2b2_ae3d_27d4_eb4f
        h = (h ^ h &>> 29) &* 0x1656_67b1_9e37_79f9
        return h ^ h &>> 32
    }

    @inlinable
    @inline(__always)
    static func rotate(_ value: UInt64, _ bits: UInt64) -> UInt64 {
        value &<< bits | value &>> (64 &- bits)
    }

    @inlinable
    @inline(__always)
    static func word32(_ base: UnsafeRawPointer, _ offset: Int) -> UInt32 {
        UInt32(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }

    @inlinable
    @inline(__always)
    static func word64(_ base: UnsafeRawPointer, _ offset: Int) -> UInt64 {
        UInt64(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    @usableFromInline static let prime1: UInt64 = 0x9e37_79b1_85eb_ca87
    private static let secretSize = 192

    /// The algorithm's fixed secret, as 24 little-endian words; never freed.
    nonisolated(unsafe) private static let secret: UnsafeRawPointer = {
        // Read-only once made, so that every thread may share it.
        let words: [UInt64] = [
            0xbe4b_a423_396c_feb8, 0x1cad_21f7_2c81_017c, 0xdb97_9083_e96d_d4de,
            0x1f67_b3b7_a4a4_4072, 0x78e5_c0cc_4ee6_79cb, 0x2172_ffcc_7dd0_5a82,
            0x8e24_43f7_7446_08b8, 0x4c26_3a81_e690_35e0, 0xcb00_c391_bb52_283c,
            0xa32e_531b_8b65_d088, 0x4ef9_0da2_9748_6471, 0xd8ac_dea9_46ef_1938,
            0x3f34_9ce3_3f76_faa8, 0x1d4f_0bc7_c7bb_dcf9, 0x3159_b4cd_4be0_518a,
            0x6473_78d9_c97e_9fc8, 0xc3eb_d334_83ac_c5ea, 0xeb63_13fa_ffa0_81c5,
            0x49da_f0b7_51dd_0d17, 0x9e68_d429_2655_16d3, 0xfca1_477d_58be_162b,
            0xce31_d07a_d1b8_f88f, 0x2804_1695_8f3a_cb45, 0x7e40_4bbb_cafb_d7af,
        ]
        let storage = UnsafeMutableRawPointer.allocate(byteCount: secretSize, alignment: 64)
        for (i, word) in words.enumerated() {
            storage.storeBytes(of: word.littleEndian, toByteOffset: 8 * i, as: UInt64.self)
        }
        return UnsafeRawPointer(storage)
    }()
}
