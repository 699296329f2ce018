import Basics
import Platform
import Wire

/// What CLIENT LIST tells of connections, and which of them are to be closed.
struct ClientRegistry {
    struct Client {
        var ticket: Ticket
        var address: SocketAddress?
        var descriptor: Int32
        var since: Instant
        var note = ClientNote()
    }

    private var clients: [UInt64: Client] = [:]
    /// Those that CLIENT KILL has named since the last turn.
    var condemned: [Ticket] = []

    mutating func add(
        _ number: UInt64, _ ticket: Ticket, _ socket: Socket, at now: Instant
    ) {
        clients[number] = Client(
            ticket: ticket, address: socket.remoteAddress, descriptor: socket.descriptor,
            since: now)
    }

    mutating func remove(_ number: UInt64) { clients[number] = nil }

    mutating func note(_ number: UInt64, _ note: ClientNote) { clients[number]?.note = note }

    /// The address and name of a client, for people.
    func describe(_ number: UInt64) -> (address: String, name: String) {
        guard let client = clients[number] else { return ("", "") }
        return (client.address.map { "\($0)" } ?? "", client.note.name)
    }

    /// What clients of Redis expect in each line, and has no meaning here.
    private static let unused =
        "idle=0 sub=0 psub=0 multi=-1 qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 "
        + "oll=0 omem=0 tot-mem=0 events=r cmd=NULL user=default redir=-1"

    /// A line a connection, in the order of their numbers.
    func lines(_ numbers: [UInt64]?, at now: Instant, listen: SocketAddress) -> String {
        let wanted = numbers ?? clients.keys.sorted()
        return wanted.compactMap { number in clients[number].map { (number, $0) } }
            .map { number, client in
                let age = (now - client.since).nanoseconds / 1_000_000_000
                let note = client.note
                return "id=\(number) addr=\(client.address.map { "\($0)" } ?? "") laddr=\(listen) "
                    + "fd=\(client.descriptor) name=\(note.name) age=\(age) flags=N db=0 "
                    + "\(ClientRegistry.unused) "
                    + "resp=\(note.dialect) lib-name=\(note.library) "
                    + "lib-ver=\(note.libraryVersion)\n"
            }.joined()
    }

    mutating func kill(_ choice: ClientChoice) -> Int {
        let chosen = clients.filter { number, client in
            switch choice {
            case .number(let wanted): number == wanted
            case .address(let wanted): client.address.map { "\($0)" } == wanted
            }
        }
        condemned += chosen.values.map(\.ticket)
        return chosen.count
    }
}
