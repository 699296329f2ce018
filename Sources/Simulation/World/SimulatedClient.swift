import Basics
import Consistency

/// One client: a session that runs one operation at a time and remembers what it saw.
///
/// Its operations are drawn from a stream of its own, with the same number of draws each, so
/// that leaving one out leaves the others as they are.
struct SimulatedClient {
    /// What a client asks for.
    struct Draw {
        var kind = Operation.Kind.read
        var key = 0
        /// The node that is asked, or the next living one.
        var node = 0
        /// Pause after the answer.
        var think = Instant.Duration.zero
    }
    /// An operation that waits for its answer.
    struct Current {
        var operation: Operation
        /// Position in the order of drawing.
        var number: Int
        var connection: Int
        var deadline: UInt64
        /// The read whose context a write carries.
        var context: Int?
        /// What the node's answer says besides the value, when details are recorded.
        var detail: Detail?
    }

    /// What a write of siblings carries.
    struct SeenContext {
        var read: Int
        var token: [UInt8]
    }

    /// The process that histories name; a new one after every unknown outcome.
    var process: UInt32
    /// Values written so far by this process.
    var sequence: UInt64 = 0
    /// Operations begun or left out.
    var drawn = 0
    /// Operations to be drawn in all.
    let total: Int
    var next: Draw?
    var current: Current?
    /// Pause after the operation that runs.
    var think = Instant.Duration.zero
    var isAlarmSet = false
    /// By key: the value that was seen or written last.
    var seen: [ValueID] = []
    /// By key, in mode siblings: the read of the history that was last, and its context.
    var contexts: [SeenContext?] = []
    private let isReader: Bool
    private var random: RandomSource

    init(process: UInt32, total: Int, isReader: Bool, keys: Int, seed: UInt64) {
        seen = [ValueID](repeating: .absent, count: min(keys, 1 << 16))
        self.process = process
        self.total = total
        self.isReader = isReader
        random = RandomSource(seed: seed).fork("client", UInt64(process))
    }

    var isDone: Bool { drawn >= total && current == nil && next == nil }

    /// What the client takes the value of a key to be.
    func seen(_ key: UInt32) -> ValueID { Int(key) < seen.count ? seen[Int(key)] : .absent }

    mutating func see(_ value: ValueID, of key: UInt32) {
        if Int(key) < seen.count { seen[Int(key)] = value }
    }

    /// What a write under a context would carry.
    func context(of key: Int) -> SeenContext? { key < contexts.count ? contexts[key] : nil }

    mutating func see(_ context: SeenContext, of key: Int) {
        while contexts.count <= key { contexts.append(nil) }
        contexts[key] = context
    }

    /// The next operation.
    mutating func draw(_ scenario: Scenario, think mean: Instant.Duration) -> Draw {
        let die = random.below(1_000 as UInt64)
        let deletes = scenario.writesPerThousand + scenario.deletesPerThousand
        let swaps = deletes + scenario.swapsPerThousand
        let kind: Operation.Kind =
            isReader
            ? .read
            : die < scenario.writesPerThousand
                ? .write : die < deletes ? .delete : die < swaps ? .cas : .read
        let key = random.below(scenario.keys)
        let node = random.below(scenario.machines)
        return Draw(
            kind: kind, key: key, node: node, think: random.exponential(mean: mean))
    }
}
