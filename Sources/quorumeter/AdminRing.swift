import Basics
import Experiments
import Platform

/// What each member holds of the default keyspace.
private struct RingDocument: Encodable {
    struct Owner: Encodable {
        var name: String
        var status: String
        var role: String
        var rack: String
        var shards: Int
    }

    /// A change of the members that is under way.
    struct Change: Encodable {
        var what: String
        var moving: Int
        var ready: Int
    }

    let schema = "quorumeter.admin-ring/1"
    var shards: Int
    var n: Int
    var epoch: Int
    var change: Change?
    var members: [Owner]

    init(_ fields: [String: String]) {
        shards = fields["shards"].flatMap { Int($0) } ?? 0
        n = fields["n"].flatMap { Int($0) } ?? 0
        epoch = fields["ring_epoch"].flatMap { Int($0) } ?? 0
        if let what = fields["ring_change"], what != "none" {
            change = Change(
                what: what, moving: fields["ring_moving"].flatMap { Int($0) } ?? 0,
                ready: fields["ring_ready"].flatMap { Int($0) } ?? 0)
        }
        members = []
        while let line = fields["member\(members.count + 1)"] {
            let member = AdminPeer.pairs(line)
            members.append(
                Owner(
                    name: member["name"] ?? "?", status: member["status"] ?? "?",
                    role: member["role"] ?? "member", rack: member["rack"] ?? "",
                    shards: member["shards"].flatMap { Int($0) } ?? 0))
        }
    }

    var mean: Double { Double(shards * n) / Double(max(1, members.count)) }

    /// How much of the mean the member that holds most holds.
    var imbalance: Double { Double(members.map(\.shards).max() ?? 0) / max(1, mean) }
}

func adminRing(_ address: SocketAddress, _ arguments: Arguments) throws -> ExitCode {
    let ring = RingDocument(try nodeInformation(address))
    if arguments.has("--json") {
        do {
            Terminal.result(String(decoding: try ResultStore.encode(ring), as: UTF8.self))
        } catch { throw CommandFailure(.environment, "\(error)") }
        return .held
    }
    Terminal.result(
        "\(ring.shards) shards, \(ring.n) replicas each; the fullest member holds "
            + "\(Quantities.fixed(ring.imbalance, 2)) of the mean\n")
    for member in ring.members {
        let share = Double(member.shards) / Double(max(1, ring.shards * ring.n))
        Terminal.result(
            "  \(member.name): \(member.shards) shards (\(Quantities.fixed(share * 100, 1)) %), "
                + "\(member.status)\(member.role == "member" ? "" : ", \(member.role)")"
                + "\(member.rack.isEmpty ? "" : ", rack \(member.rack)")\n")
    }
    if let change = ring.change {
        Terminal.result(
            "under way: \(change.what); \(change.ready) of \(change.moving) shards have moved\n")
    }
    return .held
}
