import Basics
import Load
import Simulation
import Workloads

/// What the clients of a simulated load do, and when: operations and arrivals of its workload,
/// dealt to the clients in turn. Operation `i` of client `c` has number `i * clients + c`.
struct PlannedTurns: Sendable {
    /// By number.
    private(set) var planned: [Scenario.PlannedTurn] = []
    /// By number the intended start in nanoseconds; 0 for what follows on the client's last one.
    /// Nil in a closed loop.
    private(set) var arrivals: [UInt64]?
    /// Records that are spoken of.
    private(set) var keys = 1
    private(set) var operations = 0

    /// Operations at most: what a simulated run may have.
    private static let most = 100_000_000

    init(_ plan: LoadPlan) {
        let workload = plan.workload
        let clients = workload.threadCount
        let root = RandomSource(seed: plan.seed)
        var stream = OperationStream(workload, random: root.fork("operations", 0))
        var schedule = ArrivalSchedule(workload, random: root.fork("arrivals", 0))
        let end = UInt64(max(0, plan.duration?.nanoseconds ?? .max))
        let count =
            plan.duration == nil
            ? Int(clamping: workload.operationCount) : PlannedTurns.most
        var times: [UInt64] = []
        // By client the record that its read-modify-write has read and will write.
        var pending = [UInt32?](repeating: nil, count: clients)
        keys = Int(clamping: max(1, workload.recordCount))
        while planned.count < count {
            let client = planned.count % clients
            if let record = pending[client] {
                pending[client] = nil
                append(record, isWrite: true)
                times.append(0)
                continue
            }
            if schedule != nil {
                let time = (schedule?.next() ?? nil).map { UInt64(max(0, $0.nanoseconds)) }
                guard let time, time < end else { break }
                times.append(time)
            }
            let operation = stream.next()
            stream.acknowledge(operation.insertion)
            let record = UInt32(clamping: operation.record)
            keys = max(keys, Int(record) + 1)
            if operation.kind == .readModifyWrite { pending[client] = record }
            append(record, isWrite: operation.kind == .update || operation.kind == .insert)
        }
        operations = planned.count
        let isOpen = schedule != nil
        // Numbers that belong to no operation.
        while planned.count % clients != 0 {
            append(0, isWrite: false)
            times.append(0)
        }
        arrivals = isOpen ? times : nil
    }

    private mutating func append(_ record: UInt32, isWrite: Bool) {
        planned.append(Scenario.PlannedTurn(key: record, isWrite: isWrite))
    }

    /// When an operation was meant to start; nil: when its client was ready.
    func intended(_ number: Int) -> Int64? {
        guard let arrivals, number < arrivals.count, arrivals[number] > 0 else { return nil }
        return Int64(arrivals[number])
    }
}
