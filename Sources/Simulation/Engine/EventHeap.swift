/// Something that will happen: when, in which order, and to whom.
struct ScheduledEvent {
    /// Virtual nanoseconds.
    var time: UInt64
    /// Order of scheduling; makes the order of events total.
    var sequence: UInt64
    var kind: EventKind
    /// The node, client or fault that it happens to.
    var target: UInt16
    /// Meaning depends on the kind: a slot of message bytes, a connection, a generation.
    var a: UInt32
    var b: UInt64
}

/// The kinds of event that a simulation knows. Raw values enter digests: never renumber.
enum EventKind: UInt8 {
    /// `target` node receives the message in slot `a`.
    case message = 1
    /// `target` node's next deadline may have come.
    case deadline = 2
    /// `target` node's sync number `b` ends.
    case synced = 3
    /// `target` node receives the client's bytes in slot `a`.
    case clientBytes = 4
    /// `target` client receives the node's bytes in slot `a`.
    case replyBytes = 5
    /// `target` client begins its next operation.
    case clientTurn = 6
    /// `target` client looks whether it has waited too long.
    case clientAlarm = 7
    /// `target` client learns that its connection `a` of generation `b` is gone.
    case connectionLost = 8
    /// Fault number `b` of the schedule strikes, or ends.
    case fault = 9
    /// `target` node learns whether it reaches node `a`; `b` packs the epoch and the answer.
    case reachable = 10
    /// A phase of the run ends.
    case phase = 11
    /// `target` node is told to compare what it holds with the others.
    case compare = 12
    /// Whoever changes the members looks how far that is.
    case churn = 13
    /// `target` node is told to have all nodes forget deletions.
    case collect = 14
}

/// The future: a 4-ary heap ordered by (time, sequence), so that no two events tie.
///
/// Push and pop are O(log n) with a quarter of a binary heap's cache misses on the way up. The
/// storage grows by doubling and is kept, so a steady state allocates nothing.
struct EventHeap {
    private var events: [ScheduledEvent] = []
    private var nextSequence: UInt64 = 0
    /// The most events that ever waited at once.
    private(set) var highWater = 0

    init() { events.reserveCapacity(1_024) }

    var count: Int { events.count }
    /// Time of the next event, or the largest number.
    var nextTime: UInt64 { events.first?.time ?? .max }

    /// Schedules an event after all events of the same time that were scheduled before it.
    mutating func push(
        _ kind: EventKind, at time: UInt64, target: Int, a: UInt32 = 0, b: UInt64 = 0
    ) {
        let event = ScheduledEvent(
            time: time, sequence: nextSequence, kind: kind,
            target: UInt16(truncatingIfNeeded: target), a: a, b: b)
        nextSequence &+= 1
        events.append(event)
        if events.count > highWater { highWater = events.count }
        events.withUnsafeMutableBufferPointer { EventHeap.siftUp($0) }
    }

    /// Takes out the next event.
    mutating func pop() -> ScheduledEvent? {
        guard let first = events.first, let last = events.popLast() else { return nil }
        if !events.isEmpty {
            events.withUnsafeMutableBufferPointer { EventHeap.siftDown(last, $0) }
        }
        return first
    }

    @inline(__always)
    private static func precedes(_ a: ScheduledEvent, _ b: ScheduledEvent) -> Bool {
        a.time != b.time ? a.time < b.time : a.sequence < b.sequence
    }

    private static func siftUp(_ events: UnsafeMutableBufferPointer<ScheduledEvent>) {
        var child = events.count &- 1
        let event = events[child]
        while child > 0 {
            let parent = (child &- 1) >> 2
            guard precedes(event, events[parent]) else { break }
            events[child] = events[parent]
            child = parent
        }
        events[child] = event
    }

    private static func siftDown(
        _ event: ScheduledEvent, _ events: UnsafeMutableBufferPointer<ScheduledEvent>
    ) {
        let count = events.count
        var hole = 0
        while true {
            let first = hole << 2 &+ 1
            guard first < count else { break }
            var least = first
            var child = first &+ 1
            let end = min(first &+ 4, count)
            while child < end {
                if precedes(events[child], events[least]) { least = child }
                child &+= 1
            }
            guard precedes(events[least], event) else { break }
            events[hole] = events[least]
            hole = least
        }
        events[hole] = event
    }
}
