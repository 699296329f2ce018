import Basics

/// Reading and writing of quantities with units, the same in flags, files and reports.
public enum Quantities {
    /// Reads `5s`, `200ms`, `1.5m`, `30us`, `10ns` or `2h`; nil for anything else.
    ///
    /// A number without a unit is refused: seconds and milliseconds are too easily mixed up.
    public static func duration(_ text: String) -> Instant.Duration? {
        let units: [(String, Double)] = [
            ("ns", 1), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9),
            ("h", 3_600e9),
        ]
        for (unit, scale) in units where text.hasSuffix(unit) {
            let number = text.dropLast(unit.count)
            guard let last = number.utf8.last, (0x30...0x39).contains(last),
                let value = Double(number), value >= 0, value * scale < 9.2e18
            else { continue }
            return .nanoseconds(Int64(value * scale))
        }
        return nil
    }

    /// Reads `4GiB`, `512MiB`, `64KiB`, `1GB`, `1000` (bytes); nil for anything else.
    public static func bytes(_ text: String) -> Int? {
        let units: [(String, Int)] = [
            ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40),
            ("KB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("B", 1), ("", 1),
        ]
        for (unit, scale) in units where text.hasSuffix(unit) {
            guard let value = Int(text.dropLast(unit.count)), value >= 0 else { continue }
            let (product, overflow) = value.multipliedReportingOverflow(by: scale)
            return overflow ? nil : product
        }
        return nil
    }

    /// A time with three significant digits and a fitting unit: `1.24 ms`, `812 µs`, `2.05 s`.
    public static func text(nanoseconds: Int64) -> String {
        let value = Double(nanoseconds)
        switch value {
        case ..<1e3: return "\(nanoseconds) ns"
        case ..<999_500: return significant(value / 1e3) + " µs"
        case ..<999_500_000: return significant(value / 1e6) + " ms"
        default: return significant(value / 1e9) + " s"
        }
    }

    /// Three significant digits, without an exponent and without grouping below 1,000.
    public static func significant(_ value: Double) -> String {
        guard value.isFinite else { return "–" }
        let magnitude = value.magnitude
        switch magnitude {
        case 0: return "0"
        case 99.95...: return grouped(Int(value.rounded()))
        case 9.995...: return fixed(value, 1)
        case 0.9995...: return fixed(value, 2)
        case 0.09995...: return fixed(value, 3)
        case 0.009995...: return fixed(value, 4)
        case 0.0009995...: return fixed(value, 5)
        case 0.00009995...: return fixed(value, 6)
        default: return fixed(value, 8)
        }
    }

    /// A number with exactly `digits` decimals, rounded half away from zero.
    public static func fixed(_ value: Double, _ digits: Int) -> String {
        guard value.isFinite, value.magnitude < 1e15 else { return "–" }
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        // A number with that many digits before the point has no room for so many after it.
        if value.magnitude * scale >= 9e18 { return fixed(value, digits - 1) }
        let scaled = Int((value.magnitude * scale).rounded())
        let whole = scaled / Int(scale)
        let sign = value < 0 && scaled > 0 ? "-" : ""
        if digits == 0 { return "\(sign)\(whole)" }
        let fraction = String(scaled % Int(scale))
        let zeros = String(repeating: "0", count: digits - fraction.count)
        return "\(sign)\(whole).\(zeros)\(fraction)"
    }

    /// A whole number with commas between groups of three: `48,213`.
    public static func grouped(_ value: Int) -> String {
        var digits = Array(String(value.magnitude))
        var index = digits.count - 3
        while index > 0 {
            digits.insert(",", at: index)
            index -= 3
        }
        return (value < 0 ? "-" : "") + String(digits)
    }

    /// A percentage of a fraction with two significant digits or more: `0.025 %`, `12.3 %`.
    public static func percent(_ fraction: Double) -> String { significant(fraction * 100) + " %" }

    /// A percentage rounded up to two significant digits, for upper bounds: `0.019 %`.
    public static func bound(_ fraction: Double) -> String {
        guard fraction > 0, fraction < 1 else { return percent(fraction) }
        var digits = 0
        var scaled = fraction * 100
        while scaled < 10, digits < 9 {
            scaled *= 10
            digits += 1
        }
        var unit = 1.0
        for _ in 0..<digits { unit *= 10 }
        return fixed(scaled.rounded(.up) / unit, digits) + " %"
    }

    /// Bytes with a binary unit: `12.3 MiB`.
    public static func text(bytes: Int) -> String {
        let value = Double(bytes)
        switch bytes {
        case ..<1_024: return "\(bytes) B"
        case ..<(1 << 20): return significant(value / 1_024) + " KiB"
        case ..<(1 << 30): return significant(value / 1_048_576) + " MiB"
        default: return significant(value / 1_073_741_824) + " GiB"
        }
    }

    /// A length of time for people who wait: `8 s`, `2 min 40 s`, `1 h 5 min`.
    public static func waiting(seconds: Double) -> String {
        let whole = Int(max(0, seconds).rounded())
        if whole < 60 { return "\(whole) s" }
        if whole < 3_600 { return "\(whole / 60) min \(whole % 60) s" }
        return "\(whole / 3_600) h \(whole % 3_600 / 60) min"
    }
}
