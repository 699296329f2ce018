/// Histories of several recorders of one run, brought together.
extension History {
    /// One history of all parts, in their order. Each part is taken to have been timed by a clock
    /// of its own, from 1 on, unless its operations name their clocks.
    ///
    /// Processes of different parts are different clients, whatever their numbers. A write that a
    /// part took to have ended before it began, because it read its value, is left out when
    /// another part has the write itself. Positions count through all parts, one after the other.
    public static func merging(_ parts: [History]) -> History {
        var merged = History()
        merged.reserve(parts.reduce(0) { $0 + $1.count })
        let names = parts.map { merged.names(of: $0) }
        var assumed = Set<Written>()
        for (part, names) in zip(parts, names) {
            for operation in part.operations where operation.flags.contains(.assumed) {
                assumed.insert(Written(operation, names))
            }
        }
        if !assumed.isEmpty {
            for (part, names) in zip(parts, names) {
                for operation in part.operations
                where operation.kind != .read && !operation.flags.contains(.assumed) {
                    assumed.remove(Written(operation, names))
                }
            }
        }
        var processes = Renumbering()
        var offset = 0
        for (number, part) in parts.enumerated() {
            processes.beginPart()
            // Beyond 255 parts the clocks of the rest are not known, which only widens.
            let clock = parts.count > 1 ? UInt8(exactly: number + 1) ?? 0 : 0
            merged.append(part, names[number], clock, offset: offset, &processes, &assumed)
            merged.excluded.formUnion(part.excluded)
            offset += part.count + part.excluded.count
        }
        return merged
    }

    /// A part's keys, values and nodes in the merged history.
    private struct Names {
        var keys: [UInt32]
        var values: [ValueID]
        var nodes: [UInt32]
    }

    /// What a write wrote, by the merged history's numbers.
    private struct Written: Hashable {
        var key: UInt32
        var value: ValueID

        init(_ operation: Operation, _ names: Names) {
            key = names.keys[Int(operation.key)]
            value = operation.value.renumbered(names.values)
        }
    }

    private mutating func names(of part: History) -> Names {
        Names(
            keys: (0..<part.keys.count).map { key(of: part, $0) },
            values: (0..<part.values.count).map { value(of: part, $0) },
            nodes: (0..<part.nodes.count).map { node(of: part, $0) })
    }

    private mutating func append(
        _ part: History, _ names: Names, _ clock: UInt8, offset: Int,
        _ processes: inout Renumbering, _ assumed: inout Set<Written>
    ) {
        let first = count
        var places = [Int](repeating: -1, count: part.count)
        for (index, operation) in part.operations.enumerated() {
            // Of several parts that assume the same write, the first one has it.
            if operation.flags.contains(.assumed),
                assumed.remove(Written(operation, names)) == nil
            {
                continue
            }
            places[index] = count
            var moved = operation
            moved.key = names.keys[Int(operation.key)]
            moved.value = operation.value.renumbered(names.values)
            moved.expected = operation.expected.renumbered(names.values)
            moved.process = processes.number(operation.process)
            if operation.clock == 0 { moved.clock = clock }
            if let detail = part.detail(of: index) {
                append(moved, detail: detail.renumbered(names.nodes, names.values))
            } else {
                append(moved)
            }
            positions.append(UInt32(offset + part.position(of: index)))
        }
        moveContexts(from: first, places)
    }

    private mutating func key(of part: History, _ index: Int) -> UInt32 {
        part.keys.withBytes(index) { key($0) }
    }

    private mutating func value(of part: History, _ index: Int) -> ValueID {
        part.values.withBytes(index) { .interned(values.intern($0)) }
    }

    private mutating func node(of part: History, _ index: Int) -> UInt32 {
        part.nodes.withBytes(index) { nodes.intern($0) }
    }

    /// Contexts of the operations from `first` on speak of places in their part.
    private mutating func moveContexts(from first: Int, _ places: [Int]) {
        for index in first..<count where operations[index].detail != Operation.noDetail {
            let detail = Int(operations[index].detail)
            guard let context = details[detail].context else { continue }
            let place = Int(context) < places.count ? places[Int(context)] : -1
            details[detail].context = place < 0 ? nil : UInt32(place)
        }
    }
}

extension ValueID {
    fileprivate func renumbered(_ values: [ValueID]) -> ValueID {
        isInterned ? values[Int(tableIndex)] : self
    }
}

extension Detail {
    fileprivate func renumbered(_ nodes: [UInt32], _ values: [ValueID]) -> Detail {
        var detail = self
        detail.node = node.map { nodes[Int($0)] }
        detail.acks = acks.map { Ack(node: nodes[Int($0.node)], isFallback: $0.isFallback) }
        detail.siblings = siblings.map { $0.renumbered(values) }
        return detail
    }
}

/// Gives processes of different parts different numbers, and keeps numbers where it can.
private struct Renumbering {
    private var taken = Set<UInt32>()
    private var ofPart: [UInt32: UInt32] = [:]
    private var next: UInt32 = 0

    mutating func beginPart() {
        taken.formUnion(ofPart.values)
        ofPart.removeAll(keepingCapacity: true)
    }

    mutating func number(_ process: UInt32) -> UInt32 {
        if let known = ofPart[process] { return known }
        var number = process
        if taken.contains(process) {
            while taken.contains(next) || ofPart[next] != nil { next &+= 1 }
            number = next
            taken.insert(number)
        }
        ofPart[process] = number
        return number
    }
}
