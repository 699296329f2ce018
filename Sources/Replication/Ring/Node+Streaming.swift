import Basics
import Causality
import Partitioning
import Storage

/// Bringing shards to their new replicas.
///
/// The new replica asks the old ones, page by page, for all that they hold of a shard: at least so
/// many of them that every write quorum of the old ones has one among them. Each has installed the
/// change durably before it gives anything, and does nothing under the ring before: whatever was or
/// will be acknowledged is in what one of them gives, or was sent to the new replica, too. When it
/// has everything, durably, it says so in the definition. When that is true of every shard, and so
/// many old replicas know it that the others make no read quorum, the change is over.
extension Node {
    // MARK: The plan

    /// N of the keyspaces that there are, and the least R and W among those of each.
    private var layoutsInUse: [(layout: Int, r: Int, w: Int)] {
        var found: [(layout: Int, r: Int, w: Int)] = []
        for rules in rules where rules.exists {
            let majority = Int(rules.n) / 2 + 1
            let isDecided = rules.mode == .cp
            let (r, w) = isDecided ? (majority, majority) : (Int(rules.r), Int(rules.w))
            if let place = found.firstIndex(where: { $0.layout == Int(rules.layout) }) {
                found[place].r = min(found[place].r, r)
                found[place].w = min(found[place].w, w)
            } else {
                found.append((Int(rules.layout), r, w))
            }
        }
        return found
    }

    /// The ring has changed: what is this node to be brought?
    mutating func planStreaming(at now: Moment) {
        guard let change = ring.current else {
            streaming = Streaming()
            return
        }
        if streaming.change == ring.begun {
            for index in streaming.pieces.indices {
                let piece = streaming.pieces[index]
                guard placements[piece.layout].isReady(piece.shard) else { continue }
                streaming.pieces[index].isDone = true
                streaming.pieces[index].isReported = true
            }
        } else {
            streaming = Streaming()
            streaming.change = ring.begun
            streaming.refilled = now.monotonic
            for (layout, _, w) in layoutsInUse { plan(layout, w, change) }
        }
        streaming.due = now.monotonic
    }

    private mutating func plan(_ layout: Int, _ w: Int, _ change: RingChange) {
        let placement = placements[layout]
        for shard in 0..<placement.shardCount
        where placement.incoming(shard) == id && !placement.isReady(shard) {
            var sources: [Streaming.Source] = []
            for node in placement.oldReplicas(of: shard) {
                // Who is dead has nothing to give.
                if change.isForced, node == change.outgoing { continue }
                sources.append(
                    Streaming.Source(node: node, next: placement.hashes(of: shard).lowerBound))
            }
            var needed = min(sources.count, placement.n - w + 1)
            if isMutated(.streamFromOne) {
                sources = Array(sources.prefix(1))
                needed = 1
            }
            streaming.pieces.append(
                Streaming.Piece(layout: layout, shard: shard, sources: sources, needed: needed))
        }
    }

    // MARK: The new replica

    /// Its time has come.
    mutating func tendRing(at now: Moment, into effects: inout Effects) {
        streaming.due = .distantFuture
        guard ring.current != nil else { return }
        refill(at: now)
        pull(at: now, into: &effects)
        report(at: now, into: &effects)
        let isFinishing = finish(at: now, into: &effects)
        if isFinishing || streaming.pieces.contains(where: { !$0.isReported }) {
            streaming.due = now.monotonic + Streaming.tick
        }
    }

    private mutating func refill(at now: Moment) {
        let rate = configuration.streamBytesPerSecond
        let passed = min(Int64(1_000_000_000), (now.monotonic - streaming.refilled).nanoseconds)
        streaming.refilled = now.monotonic
        let more = Int(passed / 1_000) * rate / 1_000_000
        streaming.allowance = min(max(rate, Streaming.pageBytes), streaming.allowance + more)
    }

    private mutating func pull(at now: Moment, into effects: inout Effects) {
        while streaming.first < streaming.pieces.count, streaming.pieces[streaming.first].isDone {
            streaming.first += 1
        }
        var open = 0
        for index in streaming.first..<max(streaming.first, streaming.pieces.count) {
            if streaming.pieces[index].isDone { continue }
            if open == Streaming.window { return }
            open += 1
            if streaming.pieces[index].begun == nil {
                streaming.pieces[index].begun = now.monotonic
            }
            if isMutated(.arriveEmpty) { streaming.pieces[index].isDone = true }
            for source in streaming.pieces[index].sources.indices {
                ask(index, source, at: now, into: &effects)
            }
            settle(index, at: now)
        }
    }

    /// Asks a source for the next page, again when it was lost.
    private mutating func ask(
        _ index: Int, _ source: Int, at now: Moment, into effects: inout Effects
    ) {
        let piece = streaming.pieces[index]
        let from = piece.sources[source]
        guard !from.isDone, reaches(from.node), streaming.allowance > 0,
            from.asked.map({ $0 + configuration.timeout / 2 <= now.monotonic }) ?? true
        else { return }
        streaming.pieces[index].sources[source].asked = now.monotonic
        let place = TransferMessage.Place(
            change: streaming.change, n: UInt8(placements[piece.layout].n),
            shard: UInt16(piece.shard), from: from.next)
        let bytes = outbox.pack { TransferMessage.encode(pull: place, into: &$0) }
        send(.transfer(bytes), to: from.node, into: &effects)
    }

    /// A shard is whole when every old replica has given what it has. Of those that cannot be
    /// reached for long, so many may be missing that no write quorum is among them.
    private mutating func settle(_ index: Int, at now: Moment) {
        let piece = streaming.pieces[index]
        let missing = piece.sources.filter { !$0.isDone }
        if missing.isEmpty {
            streaming.pieces[index].isDone = true
            return
        }
        guard piece.sources.count - missing.count >= piece.needed,
            missing.allSatisfy({ !reaches($0.node) }), let begun = piece.begun,
            begun + configuration.timeout * 3 <= now.monotonic
        else { return }
        streaming.pieces[index].isDone = true
    }

    /// Says which shards have arrived, when that is durable.
    private mutating func report(at now: Moment, into effects: inout Effects) {
        guard proposal == nil, streaming.retryDue <= now.monotonic,
            isDurable(streaming.appended)
        else { return }
        let isWhole = streaming.first == streaming.pieces.count
        guard isWhole || streaming.nextReport <= now.monotonic else { return }
        var arrivals: [DefinitionChange.Arrival] = []
        for piece in streaming.pieces where piece.isDone && !piece.isReported {
            let n = UInt8(placements[piece.layout].n)
            if arrivals.last?.n != n { arrivals.append(.init(n: n, shards: [])) }
            arrivals[arrivals.count - 1].shards.append(UInt16(piece.shard))
        }
        guard !arrivals.isEmpty else { return }
        let pause = random.below(200 as UInt64)
        streaming.retryDue = now.monotonic + .milliseconds(100 + pause)
        streaming.nextReport = now.monotonic + Streaming.reportInterval
        define(.arrive(streaming.change, arrivals), for: .nobody, at: now, into: &effects)
    }

    // MARK: Messages

    mutating func receiveTransfer(
        _ bytes: Bytes, from sender: NodeID, at now: Moment, into effects: inout Effects
    ) {
        let message = trusted { () throws(DecodeError) in try TransferMessage(bytes) }
        let place = message.place
        let isInstalled = ring.current != nil && ring.begun == place.change
        guard isInstalled || isMutated(.streamBeforeFence) else {
            if place.change > ring.begun { askForDefinition(sender, into: &effects) }
            return
        }
        guard let layout = placements.firstIndex(where: { $0.n == Int(place.n) }),
            place.shard < placements[layout].shardCount
        else { return }
        switch message.kind {
        case .pull: give(place, layout, to: sender, into: &effects)
        case .page(let next, let isLast, let records):
            takeOver(message.marks, of: Int(place.shard))
            take(
                records, of: place, layout, next: isLast ? nil : next, from: sender, at: now,
                into: &effects)
        }
    }

    /// An old replica gives a page of what it holds.
    private mutating func give(
        _ place: TransferMessage.Place, _ layout: Int, to sender: NodeID,
        into effects: inout Effects
    ) {
        let shard = Int(place.shard)
        let hashes = placements[layout].hashes(of: shard)
        // What it has installed must be durable before it gives anything.
        guard !definitionIsUnkept, placements[layout].oldReplicas(of: shard).contains(id),
            hashes.contains(place.from)
        else { return }
        var page = ByteBuffer(capacity: 0)
        swap(&page, &transferBuffer)
        page.removeAll()
        TransferMessage.begin(page: place, marks(of: shard, n: place.n), into: &page)
        let next = store.visit(
            hashes: place.from...hashes.upperBound, limit: Streaming.pageRecords
        ) { hash, visited in
            let rules = rules(of: visited.keyspace)
            guard rules.exists, rules.n == place.n else { return true }
            page.append(visited, hash: hash)
            return page.count < Streaming.pageBytes
        }
        TransferMessage.end(next: next, in: &page)
        swap(&page, &transferBuffer)
        send(.transfer(transferBuffer.bytes), to: sender, into: &effects)
    }

    private mutating func takeOver(_ marks: [TransferMessage.Mark], of shard: Int) {
        for mark in marks {
            do {
                let position = try store.raise(mark.mark, of: mark.keyspace, shard: shard)
                streaming.appended = max(streaming.appended, position)
            } catch {
                diskFailure = error
            }
        }
    }

    /// What deletions that were forgotten have left of a shard, in the keyspaces of an N.
    private func marks(of shard: Int, n: UInt8) -> [TransferMessage.Mark] {
        guard store.hasMarks else { return [] }
        return keyspaces.filter { $0.n == n }.compactMap { keyspace in
            let mark = store.mark(of: keyspace.id, shard: shard)
            guard mark.fence > 0 || !mark.floor.isNone else { return nil }
            return TransferMessage.Mark(keyspace: keyspace.id, mark: mark)
        }
    }

    /// The new replica is given a page.
    private mutating func take(
        _ records: Bytes, of place: TransferMessage.Place, _ layout: Int, next: UInt64?,
        from sender: NodeID, at now: Moment, into effects: inout Effects
    ) {
        guard
            let index = streaming.pieces.firstIndex(where: {
                $0.layout == layout && $0.shard == Int(place.shard)
            }), !streaming.pieces[index].isDone,
            let source = streaming.pieces[index].sources.firstIndex(where: { $0.node == sender }),
            !streaming.pieces[index].sources[source].isDone,
            streaming.pieces[index].sources[source].next == place.from
        else { return }
        var reader = ByteReader(records)
        while reader.remaining > 0 {
            let record = trusted { () throws(DecodeError) in try reader.transferRecord() }
            let position =
                record.content.form == .register
                ? takeOver(record.key, record.content, record.version)
                : keep(record.key, record.content, record.version, at: now)
            // A full disk: the page is asked for again.
            guard let position else { return }
            streaming.appended = max(streaming.appended, position)
            streaming.records &+= 1
        }
        streaming.bytes &+= UInt64(records.count)
        streaming.allowance -= records.count
        streaming.pieces[index].sources[source].asked = nil
        if let next {
            streaming.pieces[index].sources[source].next = next
            ask(index, source, at: now, into: &effects)
        } else {
            streaming.pieces[index].sources[source].isDone = true
            settle(index, at: now)
            streaming.due = now.monotonic
        }
    }

    // MARK: The end

    /// Who says that the change is over: the one that comes; the one that goes, when it holds
    /// nothing for others any more; when that one is dead, the first who lives.
    private func isFinisher(_ change: RingChange) -> Bool {
        if let node = change.incoming { return node == id }
        if !change.isForced { return change.node == id }
        let members = ring.members
        let first = members.indices.first {
            members[$0].role == .member && isReachable[$0]
        }
        return first == Int(id.index)
    }

    /// Ends the change when it may be ended; false when this is not this node's business.
    private mutating func finish(at now: Moment, into effects: inout Effects) -> Bool {
        guard let change = ring.current, isFinisher(change) else { return false }
        let layouts = layoutsInUse
        for (layout, _, _) in layouts {
            let placement = placements[layout]
            for shard in 0..<placement.shardCount
            where placement.isMoving(shard) && !placement.isReady(shard) { return true }
        }
        if streaming.readyVersion == nil {
            streaming.readyVersion = register.installed.version
            spread(register.installed.version, at: now, into: &effects)
        }
        let owes = change.outgoing == id && !change.isForced && store.hintCount > 0
        guard !owes, proposal == nil, streaming.retryDue <= now.monotonic,
            layouts.allSatisfy({ isFenced($0.layout, r: $0.r) })
        else { return true }
        streaming.retryDue = now.monotonic + .milliseconds(100 + random.below(200 as UInt64))
        define(.finish(streaming.change), for: .nobody, at: now, into: &effects)
        return true
    }

    /// Whether of every shard that moves so many old replicas know that it has arrived that the
    /// others make no read quorum.
    private func isFenced(_ layout: Int, r: Int) -> Bool {
        let placement = placements[layout]
        guard let version = streaming.readyVersion else { return false }
        for shard in 0..<placement.shardCount where placement.isMoving(shard) {
            let informed = placement.oldReplicas(of: shard).count {
                $0 == id || shownVersions[Int($0.index)] >= version
            }
            guard informed >= placement.n - r + 1 else { return false }
        }
        return true
    }
}

extension Placement {
    /// The hashes of a shard's keys.
    func hashes(of shard: Int) -> ClosedRange<UInt64> {
        let shift = UInt64(64 - shardBits)
        let first = UInt64(shard) << shift
        return first...(first | (1 << shift - 1))
    }
}
