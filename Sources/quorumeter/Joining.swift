import Basics
import Partitioning
import Platform
import Replication
import Server

/// Asks a member of a cluster that runs to let this node join.
struct Joining {
    var seed: SocketAddress
    var name: String
    /// Where other members will reach this node.
    var peer: SocketAddress
    var rack: String?
    /// The dead member whose place this one takes.
    var replaced: String?
    /// Whether this node would have data of its own if it had been a member before.
    var keepsData: Bool

    /// What the cluster says of itself, this node being a member of it.
    func ask() throws -> String {
        let client = try PlainClient(seed)
        if let line = try bootstrap(client) {
            try refuseAmnesia(line)
            return line
        }
        var command = ["RING"]
        command += replaced.map { ["REPLACE", $0] } ?? ["ADD"]
        command += [name, "\(peer)"]
        if let rack { command += ["RACK", rack] }
        let reply = try client.ask(command)
        if reply.hasPrefix("-") {
            throw CommandFailure(.environment, "\(seed): \(reply.dropFirst())")
        }
        guard let line = try bootstrap(client) else {
            throw CommandFailure(.environment, "\(seed) does not know \(name), which has joined")
        }
        return line
    }

    private func bootstrap(_ client: PlainClient) throws -> String? {
        let reply = try client.ask(["RING", "BOOTSTRAP", name])
        return reply.hasPrefix("+") ? String(reply.dropFirst()) : nil
    }

    /// A member that has lost its data must not come back as if it had it.
    private func refuseAmnesia(_ line: String) throws {
        let members = try Bootstrap(line).definition.ring.members
        guard keepsData, let known = members.first(where: { $0.name == name }),
            known.role != .joining
        else { return }
        throw CommandFailure(
            .misuse,
            "\(name) is a member whose data is not here: start a node of another name with "
                + "--replace \(name)")
    }
}
