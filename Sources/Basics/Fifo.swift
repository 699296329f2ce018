/// A first-in, first-out queue in a ring of storage that grows by doubling.
///
/// All operations are O(1), growth amortised; a steady state allocates nothing.
public struct Fifo<Element> {
    @usableFromInline var ring: [Element?]
    @usableFromInline var head = 0
    public private(set) var count = 0

    public init() { ring = [Element?](repeating: nil, count: 16) }

    @inlinable public var isEmpty: Bool { count == 0 }

    /// The element that will leave next.
    @inlinable
    public var first: Element? { count == 0 ? nil : ring[head] }

    @inlinable
    public mutating func append(_ element: Element) {
        if count == ring.count { grow() }
        ring[(head &+ count) & (ring.count &- 1)] = element
        increment(1)
    }

    @inlinable
    public mutating func popFirst() -> Element? {
        guard count > 0 else { return nil }
        let element = ring[head]
        ring[head] = nil
        head = (head &+ 1) & (ring.count &- 1)
        increment(-1)
        return element
    }

    @usableFromInline
    mutating func increment(_ by: Int) { count &+= by }

    @usableFromInline
    mutating func grow() {
        var larger = [Element?](repeating: nil, count: ring.count * 2)
        for i in 0..<count { larger[i] = ring[(head + i) & (ring.count - 1)] }
        ring = larger
        head = 0
    }
}
