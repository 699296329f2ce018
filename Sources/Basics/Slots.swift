/// Names one use of a slot: a late answer with an old ticket finds nothing.
public struct Ticket: Hashable, Sendable {
    public let index: UInt32
    public let generation: UInt32

    @inlinable
    public init(index: UInt32, generation: UInt32) {
        self.index = index
        self.generation = generation
    }
}

/// An element that is taken again with the storage it has grown.
public protocol Reusable: ~Copyable {
    init()
}

/// A pool of reusable elements, each named by a ticket while it is in use.
///
/// Elements are mutated in place and keep their buffers when they are given back, so that a
/// steady state allocates nothing. All operations are O(1); growth is amortised.
@safe public struct Slots<Element: Reusable & ~Copyable>: ~Copyable {
    // Invariant: `elements` and `generations` hold `allocated` initialised entries; a slot is in
    // use iff its generation is odd; `free` lists exactly the others.
    @usableFromInline var elements: UnsafeMutablePointer<Element>
    @usableFromInline var generations: UnsafeMutablePointer<UInt32>
    @usableFromInline var free: [UInt32] = []
    @usableFromInline var allocated = 0
    @usableFromInline var capacity: Int
    /// No more than this many elements are ever in use at once.
    public let limit: Int
    /// The generation of a slot's first use; odd.
    @usableFromInline let firstGeneration: UInt32

    /// `firstGeneration` is made odd. Pools whose tickets may meet, such as those of a node's
    /// lives, begin far apart.
    public init(limit: Int, firstGeneration: UInt32 = 1) {
        self.limit = limit
        self.firstGeneration = firstGeneration | 1
        capacity = min(16, limit)
        elements = .allocate(capacity: capacity)
        generations = .allocate(capacity: capacity)
    }

    deinit {
        elements.deinitialize(count: allocated)
        elements.deallocate()
        generations.deallocate()
    }

    /// Elements in use.
    @inlinable public var count: Int { allocated &- free.count }

    /// Elements ever taken at once: every index in use is below this.
    @inlinable public var allocatedCount: Int { allocated }

    /// Takes an element; nil at the limit. Its contents are what its last user left.
    @inlinable
    public mutating func insert() -> Ticket? {
        if let index = free.popLast() {
            generations[Int(index)] &+= 1
            return Ticket(index: index, generation: generations[Int(index)])
        }
        guard allocated < limit else { return nil }
        if allocated == capacity { grow() }
        (elements + allocated).initialize(to: Element())
        (generations + allocated).initialize(to: firstGeneration)
        allocated &+= 1
        return Ticket(index: UInt32(allocated &- 1), generation: firstGeneration)
    }

    /// The index of a ticket still in use.
    @inlinable
    public func index(of ticket: Ticket) -> Int? {
        let i = Int(ticket.index)
        guard i < allocated, generations[i] == ticket.generation, ticket.generation & 1 == 1
        else { return nil }
        return i
    }

    /// Whether the slot at `index` is taken.
    @inlinable
    public func isInUse(_ index: Int) -> Bool {
        index < allocated && generations[index] & 1 == 1
    }

    /// The ticket of the element in use at `index`.
    @inlinable
    public func ticket(at index: Int) -> Ticket {
        precondition(index < allocated && generations[index] & 1 == 1, "not in use")
        return Ticket(index: UInt32(index), generation: generations[index])
    }

    @inlinable
    public mutating func remove(at index: Int) {
        precondition(index < allocated && generations[index] & 1 == 1, "not in use")
        generations[index] &+= 1
        free.append(UInt32(index))
    }

    @inlinable
    public subscript(index: Int) -> Element {
        _read {
            precondition(index < allocated, "outside the slots")
            yield elements[index]
        }
        _modify {
            precondition(index < allocated, "outside the slots")
            yield &elements[index]
        }
    }

    @usableFromInline
    mutating func grow() {
        let larger = min(limit, capacity * 2)
        let moreElements = UnsafeMutablePointer<Element>.allocate(capacity: larger)
        moreElements.moveInitialize(from: elements, count: allocated)
        elements.deallocate()
        elements = moreElements
        let moreGenerations = UnsafeMutablePointer<UInt32>.allocate(capacity: larger)
        moreGenerations.moveInitialize(from: generations, count: allocated)
        generations.deallocate()
        generations = moreGenerations
        capacity = larger
    }
}
