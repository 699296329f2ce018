/// Deletes that look alike: a read of "absent" does not say which delete it saw.
///
/// Unique clusters are judged by their zones. A delete or a read of absent is then a point of its
/// interval outside the interior of every forward zone. Reads of absent are served in order of
/// their deadline by the feasible delete with the earliest deadline, placed as late as possible;
/// an exchange argument shows that this finds an assignment whenever there is one. O(n log n).
extension KeyWork {
    /// The forward zones and what ends "absent" after a moment.
    private struct Landscape {
        var lows: [Int64] = []
        var highs: [Int64] = []
        var backwardLows: [Int64] = []
        /// Smallest high of the backward zones from each one on.
        var backwardHighs: [Int64] = []

        /// First moment from `t` on at which the key certainly holds a value.
        func held(from t: Int64) -> Int64 {
            let forward = Landscape.first(lows) { $0 >= t }
            let backward = Landscape.first(backwardLows) { $0 > t }
            return min(
                forward < lows.count ? lows[forward] : Operation.never,
                backward < backwardHighs.count ? backwardHighs[backward] : Operation.never)
        }

        /// `t`, or the beginning of the forward zone that strictly contains it.
        func pushedOut(_ t: Int64) -> Int64 {
            let next = Landscape.first(lows) { $0 >= t }
            guard next > 0, highs[next - 1] > t else { return t }
            return lows[next - 1]
        }

        private static func first(_ sorted: [Int64], where passes: (Int64) -> Bool) -> Int {
            var low = 0
            var high = sorted.count
            while low < high {
                let middle = (low + high) / 2
                if passes(sorted[middle]) { high = middle } else { low = middle + 1 }
            }
            return low
        }
    }

    /// What stands in the way: an operation that fits nowhere.
    enum DeleteConflict {
        /// An acknowledged delete strictly inside the forward zone of this cluster.
        case inside(delete: Int32)
        /// A read of absent that no delete can serve.
        case unserved(read: Int32)

        var position: Int32 {
            switch self {
            case .inside(let delete): delete
            case .unserved(let read): read
            }
        }
    }

    /// The first conflict between deletes, reads of absent and the clusters, which must be free of
    /// conflicts among themselves.
    func deleteConflict() -> DeleteConflict? {
        let land = landscape()
        let operations = operations.base
        var deletes: [Int32] = []
        var reads: [Int32] = []
        for i in 0..<count {
            let operation = operations[i]
            if operation.kind == .delete, operation.outcome != .fail {
                deletes.append(Int32(i))
                if operation.outcome == .ok, land.pushedOut(operation.finish) < operation.start {
                    return .inside(delete: Int32(i))
                }
            } else if operation.kind == .read, operation.value.isAbsent {
                reads.append(Int32(i))
            }
        }
        deletes.sort { operations[Int($0)].start < operations[Int($1)].start }
        reads.sort { operations[Int($0)].finish < operations[Int($1)].finish }
        return serve(reads, deletes, land)
    }

    private func landscape() -> Landscape {
        var land = Landscape()
        let clusters = clusters.base
        let alive = (0..<clusterCount).filter(isAlive).sorted {
            clusters[$0].low < clusters[$1].low
        }
        for place in alive where clusters[place].isForward {
            land.lows.append(clusters[place].low)
            land.highs.append(clusters[place].high)
        }
        for place in alive where !clusters[place].isForward {
            land.backwardLows.append(clusters[place].low)
            land.backwardHighs.append(clusters[place].high)
        }
        var smallest = Operation.never
        for i in land.backwardHighs.indices.reversed() {
            smallest = min(smallest, land.backwardHighs[i])
            land.backwardHighs[i] = smallest
        }
        return land
    }

    private func serve(
        _ reads: [Int32], _ deletes: [Int32], _ land: Landscape
    ) -> DeleteConflict? {
        let operations = operations.base
        var last: Int64? = initial == .absent ? KeyWork.beginning : nil
        if initial == .unknown, clusters.base[0].reads == 0 { last = KeyWork.beginning }
        var released = 0
        var heap = FinishHeap()
        for position in reads {
            let read = operations[Int(position)]
            if let last, read.start <= land.held(from: last) { continue }
            let deadline = land.pushedOut(read.finish)
            while released < deletes.count,
                operations[Int(deletes[released])].start <= deadline
            {
                heap.push(operations[Int(deletes[released])].finish)
                released += 1
            }
            while let finish = heap.least,
                land.held(from: land.pushedOut(min(finish, read.finish))) < read.start
            {
                heap.pop()
            }
            guard let finish = heap.least else { return .unserved(read: position) }
            heap.pop()
            last = land.pushedOut(min(finish, read.finish))
        }
        return nil
    }
}

/// A binary heap of completion times, least first.
private struct FinishHeap {
    private var items: [Int64] = []

    var least: Int64? { items.first }

    mutating func push(_ item: Int64) {
        items.append(item)
        var i = items.count - 1
        while i > 0, items[(i - 1) / 2] > items[i] {
            items.swapAt(i, (i - 1) / 2)
            i = (i - 1) / 2
        }
    }

    mutating func pop() {
        items.swapAt(0, items.count - 1)
        items.removeLast()
        var i = 0
        while true {
            var smallest = i
            for child in [2 * i + 1, 2 * i + 2]
            where child < items.count && items[child] < items[smallest] {
                smallest = child
            }
            if smallest == i { return }
            items.swapAt(i, smallest)
            i = smallest
        }
    }
}
