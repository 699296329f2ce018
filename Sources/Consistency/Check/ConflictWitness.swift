/// Minimal certificates for two clusters that must each precede the other: at most six
/// operations, a, b with a before b and c, d with c before d, and the two writes.
extension KeyWork {
    /// One choice of operations; −1 stands for the initial value, which precedes everything.
    struct Certificate {
        /// `a` of the older value completed before `b` of the newer one was invoked.
        var olderFinished: Int32
        var newerBegan: Int32
        /// `c` of the newer value completed before `d` of the older one was invoked.
        var newerFinished: Int32
        var olderBegan: Int32
        var older: Int32
        var newer: Int32
        var members: [Int32]
        var span: Int64
    }

    /// The smallest certificate of a conflict; ties go to the shortest stretch of time.
    func certificate(_ conflict: Conflict) -> Certificate? {
        let pair = oriented(conflict)
        let (first, second) = (Int(pair.first), Int(pair.second))
        let firstReads = positions(ofReads: pair.first)
        let secondReads = positions(ofReads: pair.second)
        let a = clusters.base[first]
        let b = clusters.base[second]
        var best: Certificate?
        let firstDouble = doubles(firstReads, other: b)
        let secondDouble = doubles(secondReads, other: a)
        for x in [a.writer, a.earliestRead] + firstDouble {
            for y in [b.writer, b.latestRead] + secondDouble where precedes(x, y) {
                for u in [b.writer, b.earliestRead] + secondDouble {
                    for v in [a.writer, a.latestRead] + firstDouble where precedes(u, v) {
                        consider(x, y, u, v, pair, &best)
                    }
                }
            }
        }
        return best
    }

    /// Puts the older value first: the initial one, or the one whose write finished before the
    /// other's began, or whose write began first.
    private func oriented(_ conflict: Conflict) -> Conflict {
        let a = clusters.base[Int(conflict.first)]
        let b = clusters.base[Int(conflict.second)]
        let isOlder =
            a.writeFinish < b.writeStart
            || (b.writeFinish >= a.writeStart
                && (a.writeStart, conflict.first) < (b.writeStart, conflict.second))
        return isOlder ? conflict : Conflict(first: conflict.second, second: conflict.first)
    }

    private func positions(ofReads place: Int32) -> [Int32] {
        (0..<Int32(count)).filter {
            clusterOf.base[Int($0)] == place && operations.base[Int($0)].kind == .read
        }
    }

    /// Reads that can serve as both ends: one for each choice of the other cluster's ends.
    private func doubles(_ reads: [Int32], other: Cluster) -> [Int32] {
        var found: [Int32] = []
        for end in [other.writer, other.latestRead] where end >= 0 {
            for begin in [other.writer, other.earliestRead] where begin >= 0 {
                if let read = reads.first(where: { precedes($0, end) && precedes(begin, $0) }),
                    !found.contains(read)
                {
                    found.append(read)
                }
            }
        }
        return found
    }

    /// The initial value's virtual write (−1) precedes every operation and nothing precedes it.
    private func precedes(_ a: Int32, _ b: Int32) -> Bool {
        guard b >= 0 else { return false }
        guard a >= 0 else { return true }
        return operations.base[Int(a)].finish < operations.base[Int(b)].start
    }

    private func consider(
        _ x: Int32, _ y: Int32, _ u: Int32, _ v: Int32, _ pair: Conflict,
        _ best: inout Certificate?
    ) {
        // A −1 is the virtual write only where its cluster is the initial one.
        let isInitial = pair.first == 0
        guard x >= 0 || isInitial, y >= 0, v >= 0, u >= 0 || pair.second == 0 else { return }
        let writers = [
            clusters.base[Int(pair.first)].writer, clusters.base[Int(pair.second)].writer,
        ]
        var members: [Int32] = []
        for position in writers + [x, y, u, v] where position >= 0 && !members.contains(position) {
            members.append(position)
        }
        let starts = members.map { operations.base[Int($0)].start }
        let ends = members.map { min(operations.base[Int($0)].finish, Operation.timeBound) }
        let span = (ends.max() ?? 0) - (starts.min() ?? 0)
        if let best, (best.members.count, best.span) <= (members.count, span) { return }
        best = Certificate(
            olderFinished: x, newerBegan: y, newerFinished: u, olderBegan: v, older: pair.first,
            newer: pair.second, members: members, span: span)
    }

    /// The certificate as a witness with its argument in words.
    func witness(_ certificate: Certificate, key: UInt32, prose: Prose) -> Witness {
        let older = clusters.base[Int(certificate.older)]
        let newer = clusters.base[Int(certificate.newer)]
        let read = index(certificate.olderBegan)
        let seen = index(certificate.newerFinished)
        let isAcknowledged = certificate.newerFinished == newer.writer
        let isOrdered = older.writeFinish < newer.writeStart
        var text = "\(prose.key(key)) is not linearizable. "
        text += capitalised(prose.operation(read)) + " came too late for that value: "
        text += isAcknowledged ? "" : "\(prose.value(newer.value)) was already visible, for "
        let gap =
            operations.base[Int(certificate.olderBegan)].start
            &- operations.base[Int(certificate.newerFinished)].finish
        text += "\(prose.operation(seen)) had finished \(prose.length(gap)) before it began. "
        text += "And \(prose.value(newer.value)) cannot come before \(prose.value(older.value)): "
        var edges = [Witness.Edge(from: seen, to: read, label: "finished before")]
        if certificate.older == 0 {
            text += "\(prose.value(older.value)) is the initial value."
        } else {
            let from = index(certificate.olderFinished)
            let to = index(certificate.newerBegan)
            text += "\(prose.operation(from)) had finished before \(prose.operation(to)) began."
            edges.append(Witness.Edge(from: from, to: to, label: "finished before"))
        }
        return Witness(
            key: key, anomaly: isAcknowledged && isOrdered ? .staleRead : .newOldInversion,
            operations: byInvocation(certificate.members), explanation: text, edges: edges)
    }

    /// History indices in order of invocation.
    func byInvocation(_ members: [Int32]) -> [Int] {
        members.map(index).sorted {
            (source[$0].invoked, source[$0].completed, $0)
                < (source[$1].invoked, source[$1].completed, $1)
        }
    }
}

/// With a capital at the beginning of a sentence.
func capitalised(_ text: String) -> String {
    text.prefix(1).uppercased() + text.dropFirst()
}
