import Basics

/// Bytes on their way: one recycled buffer each.
struct ByteSlot: ~Copyable, Reusable {
    var bytes = ByteBuffer(capacity: 128)
    /// Who sent it, and in which life of the sender and of the receiver.
    var sender: UInt16 = 0
    var senderLife: UInt32 = 0
    var receiverLife: UInt32 = 0
    /// Connection and its generation, for client bytes.
    var connection: UInt32 = 0
    var generation: UInt32 = 0

    init() {}
}

/// The buffers of everything in flight. Taking and giving back are O(1); a steady state
/// allocates nothing.
struct ByteSlab: ~Copyable {
    /// More bytes than this are given back when a buffer becomes free.
    static let keptBytes = 4 << 10

    var slots = Slots<ByteSlot>(limit: 1 << 24)

    /// Buffers in use.
    var count: Int { slots.count }

    mutating func take() -> Int {
        guard let ticket = slots.insert() else {
            preconditionFailure("more than 16 million messages in flight in one simulation")
        }
        let index = Int(ticket.index)
        slots[index].bytes.removeAll()
        return index
    }

    mutating func give(back index: Int) {
        if slots[index].bytes.capacity > ByteSlab.keptBytes {
            slots[index].bytes.removeAll()
            slots[index].bytes.shrink(to: ByteSlab.keptBytes)
        }
        slots.remove(at: index)
    }

    /// A second copy of a message, bytes and all.
    mutating func copy(_ index: Int) -> Int {
        let other = take()
        slots[other].bytes.append(slots[index].bytes.bytes)
        slots[other].sender = slots[index].sender
        slots[other].senderLife = slots[index].senderLife
        slots[other].receiverLife = slots[index].receiverLife
        return other
    }
}
