import Basics

/// The hash that YCSB spreads record numbers with: 64-bit FNV-1a over the number's eight bytes,
/// lowest first, then its magnitude as a signed number.
public enum KeyHash {
    @inlinable
    public static func hash(_ number: UInt64) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        var rest = number
        for _ in 0..<8 {
            hash = (hash ^ (rest & 0xff)) &* 0x100_0000_01b3
            rest >>= 8
        }
        return Int64(bitPattern: hash).magnitude
    }
}

/// The name of a record's key: `user` and its number or the number's hash, padded with zeros.
public struct KeyName: Sendable {
    /// The record's number, or its hash.
    public let number: UInt64
    @usableFromInline let digits: Int
    @usableFromInline let zeros: Int

    /// The name of record `record`.
    @inlinable
    public init(record: UInt64, insertOrder: Workload.InsertOrder, zeroPadding: Int) {
        number = insertOrder == .hashed ? KeyHash.hash(record) : record
        digits = KeyName.digits(of: number)
        zeros = max(0, zeroPadding &- digits)
    }

    /// The name that has `number` in it.
    public init(number: UInt64, zeroPadding: Int) {
        self.number = number
        digits = KeyName.digits(of: number)
        zeros = max(0, zeroPadding &- digits)
    }

    /// The number in a name; nil if it is none of a record with this padding.
    public static func number(of name: Bytes, zeroPadding: Int) -> UInt64? {
        guard name.count > 4, name.slice(0, 4).matches("USER"), name[0] == 117 else { return nil }
        var number: UInt64 = 0
        for i in 4..<name.count {
            let digit = name[i] &- 48
            guard digit < 10 else { return nil }
            let (tens, isTooLarge) = number.multipliedReportingOverflow(by: 10)
            let (sum, overflows) = tens.addingReportingOverflow(UInt64(digit))
            guard !isTooLarge, !overflows else { return nil }
            number = sum
        }
        return KeyName(number: number, zeroPadding: zeroPadding).count == name.count
            ? number : nil
    }

    /// Bytes of the name.
    @inlinable public var count: Int { 4 &+ zeros &+ digits }

    /// Writes `count` bytes to `place`, which must have room for them.
    @inlinable
    public func write(to place: UnsafeMutableRawPointer) {
        place.storeBytes(of: UInt32(0x7265_7375).littleEndian, as: UInt32.self)  // "user"
        for i in 0..<zeros { place.storeBytes(of: 48, toByteOffset: 4 &+ i, as: UInt8.self) }
        Decimal.write(number, digits: digits, to: place + 4 + zeros)
    }

    /// The name as text. Allocates.
    public var text: String {
        "user" + String(repeating: "0", count: zeros) + String(number)
    }

    @inlinable
    static func digits(of number: UInt64) -> Int { Decimal.digits(of: number) }
}

/// Decimal digits without division by anything but constants.
public enum Decimal {
    /// Digits of `number`, 1 to 20. O(1).
    @inlinable
    public static func digits(of number: UInt64) -> Int {
        // 1233/4096 is a little above log10(2).
        let bits = 64 &- (number | 1).leadingZeroBitCount
        let guess = (bits &* 1_233) >> 12
        return guess &+ ((number | 1) >= power(guess) ? 1 : 0)
    }

    @usableFromInline
    static let powers: InlineArray<20, UInt64> = {
        var powers = InlineArray<20, UInt64>(repeating: 1)
        for i in 1..<20 { powers[i] = powers[i - 1] * 10 }
        return powers
    }()

    @inlinable
    static func power(_ exponent: Int) -> UInt64 { exponent == 0 ? 1 : powers[exponent] }

    /// Writes the `digits` last digits of `number`.
    @inlinable
    public static func write(_ number: UInt64, digits: Int, to place: UnsafeMutableRawPointer) {
        var rest = number
        var i = digits
        while i >= 2 {
            let pair = UInt16(truncatingIfNeeded: rest % 100)
            rest /= 100
            i &-= 2
            let text = (pair / 10) | ((pair % 10) << 8) | 0x3030
            (place + i).storeBytes(of: text.littleEndian, as: UInt16.self)
        }
        if i == 1 {
            place.storeBytes(of: UInt8(truncatingIfNeeded: rest % 10) | 48, as: UInt8.self)
        }
    }
}
