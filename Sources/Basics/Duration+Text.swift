extension Instant.Duration: CustomStringConvertible {
    private static let units: [(suffix: String, nanoseconds: Int64)] = [
        ("ns", 1), ("us", 1_000), ("µs", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000),
        ("m", 60_000_000_000), ("h", 3_600_000_000_000),
    ]

    /// Reads a number, perhaps with a fraction, and its unit: `250ms`, `1.5s`, `5m`; nil when it
    /// is anything else or does not fit. `0` needs no unit.
    public init?(_ text: String) {
        if text == "0" {
            self = .zero
            return
        }
        let end = text.firstIndex { !($0.isASCII && $0.isNumber) && $0 != "." } ?? text.endIndex
        guard let unit = Self.units.first(where: { $0.suffix == text[end...] })?.nanoseconds else {
            return nil
        }
        let parts = text[..<end].split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 1 || parts.count == 2, let whole = Int64(parts[0]) else { return nil }
        let (product, overflow) = whole.multipliedReportingOverflow(by: unit)
        guard !overflow else { return nil }
        var total = product
        if parts.count == 2 {
            guard !parts[1].isEmpty else { return nil }
            var place = unit
            for digit in parts[1].utf8 {
                place /= 10
                let (sum, overflow) = total.addingReportingOverflow(
                    place * Int64(digit - UInt8(ascii: "0")))
                guard !overflow else { return nil }
                total = sum
            }
        }
        self.init(nanoseconds: total)
    }

    /// In the largest unit that leaves no fraction, so that reading it gives the same duration.
    public var description: String {
        if nanoseconds == 0 { return "0s" }
        for unit in Self.units.reversed()
        where unit.suffix != "µs" && nanoseconds % unit.nanoseconds == 0 {
            return "\(nanoseconds / unit.nanoseconds)\(unit.suffix)"
        }
        return "\(nanoseconds)ns"
    }
}
