import Basics
import Wire

/// How many requests of each class were answered, how, and how long that took: from the turn in
/// which a request was read to the one in which its answer was written.
final class RequestMeter {
    enum Outcome: Int, CaseIterable {
        case ok, failed, unknown

        var name: String { "\(self)" }
    }

    /// Upper ends of the buckets but for the last, which has none.
    static let bounds: [Instant.Duration] = [
        .microseconds(50), .microseconds(100), .microseconds(250), .microseconds(500),
        .milliseconds(1), .microseconds(2_500), .milliseconds(5), .milliseconds(10),
        .milliseconds(25), .milliseconds(50), .milliseconds(100), .milliseconds(250),
        .milliseconds(500), .seconds(1), .microseconds(2_500_000), .seconds(5),
    ]
    private static let width = bounds.count + 1
    private static let classes = RequestClass.allCases.count
    /// A list of all cases is made anew whenever it is asked for.
    private static let outcomeCount = Outcome.allCases.count

    /// By class and bucket.
    private var buckets = [UInt64](repeating: 0, count: classes * width)
    /// By class, in nanoseconds.
    private var sums = [UInt64](repeating: 0, count: classes)
    /// By class and outcome.
    private var outcomes = [UInt64](repeating: 0, count: classes * outcomeCount)
    /// By class: requests that were read and answered in this turn.
    private var inTurn = [UInt64](repeating: 0, count: classes)
    private var hasAnyInTurn = false

    func forget() {
        for index in buckets.indices { buckets[index] = 0 }
        for index in sums.indices { sums[index] = 0 }
        for index in outcomes.indices { outcomes[index] = 0 }
    }

    /// Takes note of an answer.
    @inline(__always)
    func note(_ begun: BegunRequest, _ outcome: Outcome, at now: Instant) {
        let kind = Int(begun.kind.rawValue)
        outcomes[kind &* RequestMeter.outcomeCount &+ outcome.rawValue] &+= 1
        guard begun.at == now else { return record(kind, now - begun.at, count: 1) }
        inTurn[kind] &+= 1
        hasAnyInTurn = true
    }

    /// The turn that began at `start` ends; what began and ended in it took that long at most.
    func endTurn(began start: Instant, now: () -> Instant) {
        guard hasAnyInTurn else { return }
        hasAnyInTurn = false
        let spent = now() - start
        for kind in inTurn.indices where inTurn[kind] > 0 {
            record(kind, spent, count: inTurn[kind])
            inTurn[kind] = 0
        }
    }

    private func record(_ kind: Int, _ spent: Instant.Duration, count: UInt64) {
        var bucket = 0
        while bucket < RequestMeter.bounds.count, RequestMeter.bounds[bucket] < spent {
            bucket += 1
        }
        buckets[kind * RequestMeter.width + bucket] &+= count
        sums[kind] &+= UInt64(max(0, spent.nanoseconds)) &* count
    }

    // MARK: Reading

    func count(_ kind: RequestClass, _ outcome: Outcome) -> UInt64 {
        outcomes[Int(kind.rawValue) * RequestMeter.outcomeCount + outcome.rawValue]
    }

    /// Of a class, how many took no longer than each bound, and how many there were.
    func cumulated(_ kind: RequestClass) -> [UInt64] {
        var sum: UInt64 = 0
        let first = Int(kind.rawValue) * RequestMeter.width
        return buckets[first..<(first + RequestMeter.width)].map { count in
            sum += count
            return sum
        }
    }

    /// Nanoseconds in all.
    func sum(_ kind: RequestClass) -> UInt64 { sums[Int(kind.rawValue)] }
}
