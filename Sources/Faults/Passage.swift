import Basics
import Platform
import Workloads

/// A connection between two members through the relay.
final class Passage {
    /// The member that dialled, and the one that was dialled.
    let link: FaultLink
    let serial: UInt32
    let index: Int
    var near: End
    var far = End()
    /// From the dialling member, and to it.
    let forward: Lane
    let backward: Lane
    var state: State

    enum State {
        /// The member that was dialled has not answered yet.
        case connecting
        case open
        /// Accepted, and never to be heard of again.
        case swallowed
        /// One end is dead; the other is not told.
        case halfOpen
    }

    /// One of its two sockets.
    struct End {
        var socket: Socket?
        var watch: Watch?
        var interest: Interest = []
    }

    init(
        _ link: FaultLink, accepted socket: Socket, index: Int, serial: UInt32, state: State,
        random: RandomSource
    ) {
        self.link = link
        self.index = index
        self.serial = serial
        self.state = state
        near = End(socket: socket)
        forward = Lane(link, random: random.fork("forward"))
        backward = Lane(
            FaultLink(from: link.to, to: link.from), random: random.fork("backward"))
    }
}

/// What lanes share: counters, and the messages that may be sent again.
final class RelayWorld {
    let table: LinkTable
    private var old: [FaultLink: [[UInt8]]] = [:]

    init(_ table: LinkTable) { self.table = table }

    @inline(__always)
    func count(_ amount: UInt64, _ counter: LinkCounter, _ link: FaultLink) {
        if amount > 0 { table.add(amount, counter, of: link) }
    }

    func kept(_ link: FaultLink) -> [[UInt8]] { old[link] ?? [] }

    func keep(_ message: [UInt8], _ link: FaultLink, most: Int) {
        var kept = old[link] ?? []
        if kept.count == most { kept.removeFirst() }
        kept.append(message)
        old[link] = kept
    }
}
