/// Staleness of single reads from real time alone.
///
/// A write is obsolete from the first acknowledgement of any write that began after it had
/// finished. A read is stale if it began after its value was obsolete.
extension KeyWork {
    /// Acknowledged writes by invocation, with the smallest completion from each one on.
    struct WriteOrder {
        var starts: [Int64] = []
        var suffixFinish: [Int64] = []
        /// Completions, ascending.
        var finishes: [Int64] = []
        /// Deletes that may have happened, by invocation, with the largest completion so far.
        var deleteStarts: [Int64] = []
        var deleteFinishes: [Int64] = []
        /// Positions of the acknowledged writes, by invocation.
        var positions: [Int32] = []

        /// When something newer than a write that finished at `finish` was acknowledged.
        func obsolete(after finish: Int64) -> Int64 {
            let place = first(startingAfter: finish)
            return place < suffixFinish.count ? suffixFinish[place] : Operation.never
        }

        func first(startingAfter finish: Int64) -> Int {
            var low = 0
            var high = starts.count
            while low < high {
                let middle = (low + high) / 2
                if starts[middle] > finish { high = middle } else { low = middle + 1 }
            }
            return low
        }

        /// The latest moment at which "absent" can have been written, for a read that completed
        /// at `finish`: deletes look alike.
        func absentFinish(before finish: Int64, initially: Bool) -> Int64? {
            var low = 0
            var high = deleteStarts.count
            while low < high {
                let middle = (low + high) / 2
                if deleteStarts[middle] > finish { high = middle } else { low = middle + 1 }
            }
            if low > 0 { return deleteFinishes[low - 1] }
            return initially ? KeyWork.beginning : nil
        }
    }

    /// O(m log m).
    func writeOrder() -> WriteOrder {
        let operations = operations.base
        let items = keyed.clear(for: count)
        var used = 0
        for i in 0..<count where operations[i].isEffectiveWrite && operations[i].outcome == .ok {
            items[used] = Keyed(
                key: Keyed.ordered(operations[i].start), item: Int32(truncatingIfNeeded: i))
            used &+= 1
        }
        sorter.sort(items, used)
        var order = WriteOrder()
        order.starts = [Int64](unsafeUninitializedCapacity: used) { buffer, size in
            for i in 0..<used { buffer[i] = operations[Int(items[i].item)].start }
            size = used
        }
        order.positions = (0..<used).map { items[$0].item }
        var suffix = [Int64](repeating: 0, count: used)
        var smallest = Operation.never
        for i in stride(from: used - 1, through: 0, by: -1) {
            smallest = min(smallest, operations[Int(items[i].item)].finish)
            suffix[i] = smallest
        }
        order.suffixFinish = suffix
        if profile.deletes > 0 { addDeletes(&order) }
        return order
    }

    private func addDeletes(_ order: inout WriteOrder) {
        let operations = operations.base
        var deletes = (0..<count).filter {
            operations[$0].kind == .delete && operations[$0].outcome != .fail
        }
        deletes.sort { operations[$0].start < operations[$1].start }
        var latest = KeyWork.beginning
        for delete in deletes {
            latest = max(latest, operations[delete].finish)
            order.deleteStarts.append(operations[delete].start)
            order.deleteFinishes.append(latest)
        }
    }

    /// When the value that a read returned had certainly been written, at the latest; nil when
    /// that is not known (thin air, duplicates).
    func writtenBy(_ position: Int, _ order: WriteOrder) -> Int64? {
        let read = operations.base[position]
        let place = clusterOf.base[position]
        if place >= 0 { return clusters.base[Int(place)].writeFinish }
        guard read.value.isAbsent else { return nil }
        return order.absentFinish(before: read.finish, initially: initial == .absent)
    }

    /// Adds this key's reads to the counts. O(n + s log n) for s stale reads, once the writes are
    /// in order.
    func addStaleness(
        _ order: WriteOrder, to staleness: inout Staleness, keepsReads: Bool
    ) {
        staleness.reads += profile.reads
        guard !profile.hasDuplicates else {
            staleness.ungradedKeys += 1
            staleness.kHistogram[0] += profile.reads
            return
        }
        var stale: [(start: Int64, finish: Int64)] = []
        let obsolete = obsoleteTimes(order)
        for i in 0..<count where operations.base[i].kind == .read {
            let read = operations.base[i]
            let place = clusterOf.base[i]
            let written: Int64
            let since: Int64
            if place >= 0 {
                written = clusters.base[Int(place)].writeFinish
                since = obsolete[Int(place)]
            } else if let finish = writtenBy(i, order), finish != Operation.never {
                written = finish
                since = order.obsolete(after: finish)
            } else {
                continue
            }
            guard read.start > since else { continue }
            stale.append((read.start, written))
            staleness.ages.append(read.start - since)
            if keepsReads { staleness.staleIndices.append(read.index) }
        }
        staleness.staleReads += stale.count
        staleness.kHistogram[0] += profile.reads - stale.count
        for k in missed(stale, order) { staleness.count(staleBy: k) }
    }

    /// For every cluster when it became obsolete.
    func obsoleteTimes(_ order: WriteOrder) -> [Int64] {
        (0..<clusterCount).map { place in
            let finish = clusters.base[place].writeFinish
            return finish == Operation.never ? finish : order.obsolete(after: finish)
        }
    }

    /// For each stale read the number of acknowledged writes that began after its value's write
    /// had finished and finished before the read began: offline, with a tree of counts (Fenwick).
    private func missed(
        _ stale: [(start: Int64, finish: Int64)], _ order: WriteOrder
    ) -> [Int] {
        guard !stale.isEmpty else { return [] }
        let operations = operations.base
        let byFinish = order.positions.indices.sorted {
            operations[Int(order.positions[$0])].finish
                < operations[Int(order.positions[$1])].finish
        }
        let queries = stale.indices.sorted { stale[$0].start < stale[$1].start }
        var tree = [Int32](repeating: 0, count: order.positions.count + 1)
        var inserted = 0
        var result: [Int] = []
        result.reserveCapacity(stale.count)
        for query in queries {
            while inserted < byFinish.count,
                operations[Int(order.positions[byFinish[inserted]])].finish < stale[query].start
            {
                var node = byFinish[inserted] + 1
                while node < tree.count {
                    tree[node] += 1
                    node += node & -node
                }
                inserted += 1
            }
            var below = 0
            var node = order.first(startingAfter: stale[query].finish)
            while node > 0 {
                below += Int(tree[node])
                node -= node & -node
            }
            result.append(inserted - below)
        }
        return result
    }
}
