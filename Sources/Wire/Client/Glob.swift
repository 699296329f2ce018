import Basics

// pattern = element*
// element = "*"             any bytes, none included
//         | "?"             one byte
//         | "[" "^"? range* "]"   one byte of these, or with ^ none of these
//         | "\" byte        that byte
//         | byte            that byte
// range   = byte "-" byte | byte, each of which may have a "\" before it

/// Patterns as KEYS, SCAN and CONFIG GET take them.
enum Glob {
    /// O(text × pattern) at worst. `anyCase`: ASCII letters match in either case.
    static func matches(_ text: Bytes, _ pattern: Bytes, anyCase: Bool = false) -> Bool {
        var t = 0
        var p = 0
        // The last star, and from where on what follows it has been tried.
        var starAt: Int?
        var retryAt = 0
        while t < text.count {
            if p < pattern.count, pattern[p] == UInt8(ascii: "*") {
                starAt = p
                retryAt = t
                p += 1
                continue
            }
            if p < pattern.count {
                let (isMatch, next) = element(pattern, p, fold(text[t], anyCase), anyCase)
                if isMatch {
                    t += 1
                    p = next
                    continue
                }
            }
            guard let star = starAt else { return false }
            retryAt += 1
            t = retryAt
            p = star + 1
        }
        while p < pattern.count, pattern[p] == UInt8(ascii: "*") { p += 1 }
        return p == pattern.count
    }

    /// Whether the element at `p` takes a byte, and where the next element begins.
    private static func element(
        _ pattern: Bytes, _ p: Int, _ byte: UInt8, _ anyCase: Bool
    ) -> (Bool, Int) {
        switch pattern[p] {
        case UInt8(ascii: "?"): return (true, p + 1)
        case UInt8(ascii: "["): return range(pattern, p + 1, byte, anyCase)
        case UInt8(ascii: "\\") where p + 1 < pattern.count:
            return (fold(pattern[p + 1], anyCase) == byte, p + 2)
        default: return (fold(pattern[p], anyCase) == byte, p + 1)
        }
    }

    private static func range(
        _ pattern: Bytes, _ start: Int, _ byte: UInt8, _ anyCase: Bool
    ) -> (Bool, Int) {
        var p = start
        let isInverted = p < pattern.count && pattern[p] == UInt8(ascii: "^")
        if isInverted { p += 1 }
        var isMatch = false
        while p < pattern.count, pattern[p] != UInt8(ascii: "]") {
            var low = pattern[p]
            if low == UInt8(ascii: "\\"), p + 1 < pattern.count {
                p += 1
                low = pattern[p]
            }
            p += 1
            var high = low
            if p + 1 < pattern.count, pattern[p] == UInt8(ascii: "-"),
                pattern[p + 1] != UInt8(ascii: "]")
            {
                high = pattern[p + 1]
                p += 2
            }
            let (a, b) = (fold(low, anyCase), fold(high, anyCase))
            if min(a, b) <= byte, byte <= max(a, b) { isMatch = true }
        }
        return (isMatch != isInverted, min(p + 1, pattern.count))
    }

    private static func fold(_ byte: UInt8, _ anyCase: Bool) -> UInt8 {
        anyCase && byte >= 65 && byte <= 90 ? byte + 32 : byte
    }
}
