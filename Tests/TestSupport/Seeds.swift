import Basics
import Glibc
import Testing

/// Seeds for property tests: taken from the variable SEED when set, else from a fixed default, so
/// that a plain run is repeatable and a nightly one can move on.
public enum Seeds {
    /// The seed of this run: `SEED` as a decimal or 0x-hexadecimal number, or as any text (a
    /// commit hash is fine), which is hashed.
    public static let base: UInt64 = {
        guard let text = getenv("SEED").map({ String(cString: $0) }), !text.isEmpty else {
            return 0x5eed
        }
        if text.hasPrefix("0x"), let value = UInt64(text.dropFirst(2), radix: 16) { return value }
        if let value = UInt64(text) { return value }
        return text.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }()

    /// Runs a law over `count` random cases, each with a generator of its own. Stops at the first
    /// failure and names the seed that repeats it alone.
    public static func forAll(
        _ count: Int, _ law: StaticString, sourceLocation: SourceLocation = #_sourceLocation,
        check: (inout RandomSource) throws -> Bool
    ) rethrows {
        let root = RandomSource(seed: base)
        for index in 0..<count {
            var random = root.fork(law, UInt64(index))
            if try !check(&random) {
                Issue.record(
                    "\(law): case \(index) fails; repeat with SEED=\(base)",
                    sourceLocation: sourceLocation)
                return
            }
        }
    }
}
