extension History {
    /// Some operations of a history that is read piece by piece, with their positions in the whole.
    public struct Excerpt {
        public private(set) var history = History()
        private var next = 0

        public init() {}

        /// Takes the next operation, which belongs to `source`; its index here.
        @discardableResult
        public mutating func append(_ operation: Operation, of source: History) -> Int {
            var moved = operation
            moved.key = source.keys.withBytes(Int(operation.key)) { history.key($0) }
            moved.value = renamed(operation.value, of: source)
            moved.expected = renamed(operation.expected, of: source)
            moved.detail = Operation.noDetail
            history.positions.append(UInt32(truncatingIfNeeded: next))
            next += 1
            return history.append(moved)
        }

        /// Passes over the next operation, of which only the time and the process are kept.
        public mutating func pass(_ operation: Operation) {
            next += 1
            history.excluded.note(
                process: operation.process, invoked: operation.invoked,
                completed: operation.completed)
        }

        private mutating func renamed(_ value: ValueID, of source: History) -> ValueID {
            guard value.isInterned else { return value }
            return source.values.withBytes(Int(value.tableIndex)) { history.value($0) }
        }
    }
}
