import Basics
import Wire

/// The last requests that took longer than a threshold.
final class SlowLog {
    /// Nil: nothing is kept.
    var threshold: Instant.Duration?
    var limit: Int {
        didSet { trim() }
    }
    /// Oldest first.
    private var entries: [SlowEntry] = []
    private var number: UInt64 = 0
    /// All that there ever were.
    var count: UInt64 { number }

    static let mostEntries = 10_000

    init(threshold: Instant.Duration?, limit: Int) {
        self.threshold = threshold
        self.limit = limit
    }

    @inline(__always)
    func isSlow(_ spent: Instant.Duration) -> Bool {
        guard let threshold else { return false }
        return spent >= threshold
    }

    func add(
        _ begun: BegunRequest, key: [UInt8], took duration: Instant.Duration, at time: WallTime,
        address: String, name: String
    ) {
        entries.append(
            SlowEntry(
                number: number, time: time.microseconds / 1_000_000, duration: duration,
                command: begun.name, key: key, address: address, name: name))
        number += 1
        trim()
    }

    private func trim() {
        if entries.count > limit { entries.removeFirst(entries.count - limit) }
    }

    /// Newest first.
    func last(_ limit: Int) -> [SlowEntry] { entries.suffix(limit).reversed() }

    func forget() { entries.removeAll() }
}
