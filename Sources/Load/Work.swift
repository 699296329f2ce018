import Basics
import Platform
import Workloads

/// What one generator thread is to do: which operations, how many, and in an open loop when.
struct Work {
    /// Which part of the whole load this is: thread `number` of `count` over all processes.
    struct Share {
        let number, count: Int
    }

    private let phase: LoadPlan.Phase
    private let insertStart: UInt64
    private let share: Share
    private var stream: OperationStream
    private var schedule: ArrivalSchedule?
    private var beginning = Instant.origin
    /// When the next operation is meant to start; never in a closed loop.
    private(set) var nextArrival = Instant.distantFuture
    /// Operations that may still begin; only those that are measured count.
    private(set) var quota: UInt64
    private let initialQuota: UInt64
    private var loaded: UInt64 = 0

    init(_ plan: LoadPlan, share: Share) {
        let workload = plan.workload
        phase = plan.phase
        insertStart = workload.insertStart
        self.share = share
        quota = Work.part(of: plan, share)
        initialQuota = quota
        let root = RandomSource(seed: plan.seed)
        stream = OperationStream(
            workload, random: root.fork("operations", UInt64(share.number)), share: share.number,
            of: share.count)
        schedule = ArrivalSchedule(
            workload, random: root.fork("arrivals", UInt64(share.number)), share: share.number,
            of: share.count)
        isOpen = schedule != nil
    }

    /// Operations of a share; the largest number when nothing limits them.
    static func part(of plan: LoadPlan, _ share: Share) -> UInt64 {
        let workload = plan.workload
        let total = plan.phase == .load ? workload.insertCount : workload.operationCount
        guard total > 0 else { return .max }
        let rest = total % UInt64(share.count)
        return total / UInt64(share.count) + (UInt64(share.number) < rest ? 1 : 0)
    }

    /// Whether arrivals decide when operations start.
    let isOpen: Bool

    /// Times of the schedule count from `instant`.
    mutating func begin(at instant: Instant) {
        beginning = instant
        advance()
    }

    /// Goes on to the next arrival. A schedule that has ended has none.
    @inline(__always)
    mutating func advance() {
        let offset = schedule?.next() ?? nil
        nextArrival = offset.map { beginning + $0 } ?? .distantFuture
    }

    /// The next operation. O(1).
    @inline(__always)
    mutating func next(isMeasured: Bool) -> PlannedOperation {
        if isMeasured, quota != .max { quota &-= 1 }
        guard phase == .load else { return stream.next() }
        let record =
            insertStart &+ UInt64(share.number) &+ loaded &* UInt64(share.count)
        loaded &+= 1
        return PlannedOperation(kind: .insert, record: record)
    }

    /// An insert has ended, either way.
    mutating func acknowledge(_ operation: PlannedOperation) {
        if operation.kind == .insert, phase != .load { stream.acknowledge(operation.insertion) }
    }

    /// How much is done by count, 0 to 1; nil when nothing limits the operations.
    var done: Double? {
        initialQuota == .max ? nil : 1 - Double(quota) / Double(max(1, initialQuota))
    }
}

/// Gives out the numbers of client processes; every thread has a residue class of its own.
struct ProcessNumbers {
    /// One above the largest number given out, rounded up to the thread's class.
    private(set) var next: UInt32
    private let stride: UInt32

    init(first: UInt32, share: Work.Share) {
        next = first + UInt32(share.number)
        stride = UInt32(share.count)
    }

    /// A new number; nil when none is left.
    mutating func take() -> UInt32? {
        guard next < WriteID.loader - stride else { return nil }
        defer { next += stride }
        return next
    }
}
