/// The processes of a history: most have small numbers, and a table knows those.
struct ProcessSet: Sendable {
    private var small = [Bool](repeating: false, count: 4_096)
    private var large = Set<UInt32>()
    private(set) var count = 0

    @inline(__always)
    mutating func insert(_ process: UInt32) {
        if process < 4_096 {
            if small[Int(process)] { return }
            small[Int(process)] = true
            count += 1
        } else if large.insert(process).inserted {
            count += 1
        }
    }

    mutating func formUnion(_ other: ProcessSet) {
        for process in other.small.indices where other.small[process] { insert(UInt32(process)) }
        for process in other.large { insert(process) }
    }
}

/// What is remembered of the operations that were read over, because their keys belong to another
/// shard.
public struct Excluded: Sendable {
    /// How many operations were left out.
    public private(set) var count = 0
    var processes = ProcessSet()
    /// Earliest invocation and latest known time; meaningless without operations.
    var start = Int64.max
    var end = Int64.min

    init() {}

    mutating func formUnion(_ other: Excluded) {
        count += other.count
        processes.formUnion(other.processes)
        start = min(start, other.start)
        end = max(end, other.end)
    }

    @inline(__always)
    mutating func note(process: UInt32, invoked: Int64, completed: Int64) {
        count &+= 1
        processes.insert(process)
        start = min(start, invoked)
        end = max(end, completed == Operation.never ? invoked : completed)
    }
}

extension Shard {
    /// Whether a key of this name belongs to the shard.
    @inline(__always)
    func holds(_ name: UnsafeRawBufferPointer) -> Bool {
        Int(NameTable.hash(name)) % count == index
    }

    /// Part `part` of `parts` of this shard's keys.
    public func part(_ part: Int, of parts: Int) -> Shard {
        Shard(index: index + count * part, count: count * parts)
    }
}

extension History {
    /// Names the operations that were kept by their indices among all that were read, of which
    /// contexts and `positions` still speak.
    mutating func settle(_ kept: ContiguousArray<UInt32>) {
        guard excluded.count > 0 else { return }
        for i in details.indices {
            guard let context = details[i].context else { continue }
            details[i].context = History.place(of: context, in: kept)
        }
        positions = positions.isEmpty ? kept : ContiguousArray(kept.map { positions[Int($0)] })
    }

    private static func place(of index: UInt32, in kept: ContiguousArray<UInt32>) -> UInt32? {
        var low = 0
        var high = kept.count
        while low < high {
            let middle = (low + high) / 2
            if kept[middle] < index { low = middle + 1 } else { high = middle }
        }
        return low < kept.count && kept[low] == index ? UInt32(low) : nil
    }
}
