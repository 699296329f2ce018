import Basics
import Consistency

/// Histories as a load on a perfect store leaves them: every operation takes effect at one moment
/// of its interval, and writes are unique.
struct RecordedLoad {
    var keys: Int
    var processes: Int
    /// One write in this many is never answered; 0: none.
    var unknownOneIn: UInt64 = 0

    func history(operations: Int) -> History {
        var random = RandomSource(seed: 1)
        var history = History()
        history.reserve(operations)
        let keys = (0..<keys).map { history.key("key\($0)") }
        var current = [ValueID](repeating: .absent, count: keys.count)
        var free = [Int64](repeating: 0, count: processes)
        var sequences = [UInt64](repeating: 0, count: processes)
        let round = Int64(processes * 10 + 860)
        for i in 0..<operations {
            let process = i % processes
            let start = free[process] + Int64(random.below(200))
            // Effects rise with the number of the operation, so that this order is an order.
            let effect = max(start, 1_000 + Int64(i / processes) * round + Int64(process) * 10)
            let end = effect + 1 + Int64(random.below(600))
            free[process] = end + 1
            let key = random.below(keys.count)
            let isWrite = random.chance(1, in: 2)
            if isWrite {
                sequences[process] += 1
                current[key] = .write(process: UInt32(process), sequence: sequences[process])
            }
            let isUnknown = isWrite && unknownOneIn > 0 && random.chance(1, in: unknownOneIn)
            _ = history.append(
                Operation(
                    process: UInt32(process), key: keys[key], kind: isWrite ? .write : .read,
                    outcome: isUnknown ? .unknown : .ok, value: current[key],
                    invoked: min(start, effect), completed: end))
        }
        return history
    }

    /// A register with few values, compare-and-set and timeouts, as etcd was tested: five clients
    /// and 85 operations, a fifth of them never answered. `isBroken`: one read in six returns what
    /// some earlier one returned, as a partitioned node does.
    static func compareAndSet(seed: UInt64, isBroken: Bool) -> History {
        var random = RandomSource(seed: seed)
        var history = History()
        let key = history.key("register")
        var state = ValueID.absent
        var free = [Int64](repeating: 0, count: 5)
        var process: [UInt32] = [0, 1, 2, 3, 4]
        var seen: [ValueID] = [state]
        for i in 0..<85 {
            let client = free.indices.min { free[$0] < free[$1] } ?? 0
            let start = free[client] + Int64(random.below(UInt64(40)))
            let effect = max(start, Int64(i) * 20)
            let end = effect + 1 + Int64(random.below(UInt64(80)))
            free[client] = end + 1
            func some() -> ValueID {
                .write(process: 0, sequence: 1 + random.below(UInt64(5)))
            }
            let draw = random.below(UInt64(3))
            var operation = Operation(
                process: process[client], key: key, kind: .read, outcome: .ok, value: state,
                invoked: start, completed: end)
            if draw == 1 { operation.kind = .write }
            if draw == 2 {
                operation.kind = .cas
                operation.expected = some()
            }
            if draw > 0 { operation.value = some() }
            if draw == 0, isBroken, random.chance(1, in: 6) {
                operation.value = seen[random.below(seen.count)]
            }
            if draw == 0 { seen.append(state) }
            let fits = draw == 1 || draw == 2 && operation.expected == state
            if draw == 2, !fits {
                operation.outcome = .fail
                operation.flags = .refuted
            }
            let isLost = random.chance(1, in: 5)
            // What was lost took effect or not.
            if fits, !isLost || random.chance(1, in: 2) { state = operation.value }
            if isLost {
                operation.outcome = .unknown
                operation.completed = Operation.never
                operation.flags = []
                process[client] += 5
            }
            _ = history.append(operation)
        }
        return history
    }
}
