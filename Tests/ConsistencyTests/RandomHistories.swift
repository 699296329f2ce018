import Basics
import Consistency
import Glibc

/// How many random cases a property test runs: `CASES` from the environment, else `few`.
func cases(_ few: Int) -> Int {
    guard let text = getenv("CASES").map({ String(cString: $0) }), let count = Int(text) else {
        return few
    }
    return count
}

/// What a random history may contain.
struct Mix {
    var operations = 7
    var writes: UInt64 = 4
    var deletes: UInt64 = 0
    var cas: UInt64 = 0
    var refuted: UInt64 = 0
    var unknown: UInt64 = 1
    var failed: UInt64 = 0
    /// Values are drawn from this many instead of being unique.
    var values: UInt64?
    var horizon: UInt64 = 20
    var processes = 0
    var keys = 1
}

/// A random history of short overlapping operations, valid or not: small times, so that equal
/// and touching endpoints are common. Weights are out of ten.
func randomHistory(_ mix: Mix, _ random: inout RandomSource) -> History {
    var history = History()
    for k in 0..<mix.keys { _ = history.key("k\(k)") }
    let count = 1 + random.below(mix.operations)
    var clocks = [UInt64](repeating: 0, count: max(1, mix.processes))
    var written: [[UInt64]] = Array(repeating: [], count: mix.keys)
    var next: UInt64 = 1
    var plan: [(kind: Operation.Kind, value: UInt64, key: Int)] = []
    for _ in 0..<count {
        let key = random.below(mix.keys)
        let draw = random.below(UInt64(10))
        let kind: Operation.Kind =
            draw < mix.writes
            ? .write
            : draw < mix.writes + mix.deletes
                ? .delete : draw < mix.writes + mix.deletes + mix.cas ? .cas : .read
        var value: UInt64 = 0
        if kind == .write || kind == .cas {
            value = mix.values.map { 1 + random.below($0) } ?? next
            next += 1
            written[key].append(value)
        }
        plan.append((kind, value, key))
    }
    for (kind, value, key) in plan {
        func some() -> ValueID {
            let pick = random.below(written[key].count + 1)
            let number =
                pick == written[key].count
                ? (random.chance(1, in: 12) ? 99 : 0) : written[key][pick]
            return number == 0 ? .absent : .write(process: 0, sequence: number)
        }
        let process = random.below(max(1, mix.processes))
        var start = random.below(mix.horizon)
        if mix.processes > 0 { start = clocks[process] + random.below(UInt64(4)) }
        let end = start + random.below(UInt64(8))
        clocks[process] = end + 1
        var outcome = Operation.Outcome.ok
        if kind != .read, random.chance(mix.unknown, in: 10) { outcome = .unknown }
        if kind != .read, random.chance(mix.failed, in: 10) { outcome = .fail }
        var flags: Operation.Flags = []
        if kind == .cas, random.chance(mix.refuted, in: 10) {
            outcome = .fail
            flags = .refuted
        }
        let result: ValueID =
            kind == .read ? some() : value == 0 ? .absent : .write(process: 0, sequence: value)
        history.append(
            Operation(
                process: UInt32(process), key: UInt32(key), kind: kind, outcome: outcome,
                value: result, expected: kind == .cas ? some() : .absent, invoked: Int64(start),
                completed: Int64(end), flags: flags))
    }
    return history
}
