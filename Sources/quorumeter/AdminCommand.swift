import Basics
import Experiments
import Foundation
import Platform

/// `quorumeter admin`.
let adminCommand = Command(
    syntax: CommandSyntax(
        name: "admin",
        abstract: "Ask a running node how it does, or to do something.",
        discussion: """
            status tells which members the node reaches, what it holds for others, and whether \
            other replicas held the same when they were last compared. repair compares all \
            replicas that the node can reach with its own and makes them equal; it ends when that \
            is done. With --preview it only says what differs. collect has all nodes forget the deletions \
            that every replica knows; exit code 1 says that some must stay, since somebody is away. \
            ring tells how many shards each member \
            is a replica of, for the default keyspace, and what is moving. add lets a node join, which \
            serve --into does by itself; replace gives the place of a dead member to a new one; remove \
            has a member give its shards away and leave; force-remove does without it; cancel gives up \
            the change that is under way.


            """ + adminSnapshotText,
        positionals:
            "status|repair|collect|ring|cancel HOST:PORT | add HOST:PORT NAME@PEER | "
            + "replace HOST:PORT DEAD NAME@PEER | remove|force-remove HOST:PORT NAME | "
            + "snapshot HOST:PORT NAME | "
            + "restore HOST:PORT DIR...",
        positionalCount: 2...1_000,
        options: [
            .flag("--preview", help: "repair: say what differs, and move nothing."),
            .flag("--overwrite", help: "restore: replace the values of keys that exist."),
            Option(
                "--keyspace", takes: .value("ID=NAME"),
                help: "restore: where the records of a numbered keyspace go.", repeatable: true),
            Option(
                "--timeout", takes: .value("DURATION"),
                help: "repair, collect, snapshot, --wait: wait no longer than this.", default: "10m"
            ),
            .flag("--wait", help: "add, replace, remove: wait until all shards have moved."),
            Option(
                "--rack", takes: .value("RACK"),
                help: "add, replace: what fails together with the new member."),
            .flag("--json", help: "Print one JSON document."),
        ],
        examples: [
            "quorumeter admin status 127.0.0.1:7001",
            "quorumeter admin repair 127.0.0.1:7001 --preview",
            "quorumeter admin remove 127.0.0.1:7001 n2 --wait",
            "quorumeter admin snapshot 127.0.0.1:7001 monday",
            "quorumeter admin restore 127.0.0.1:7001 n1/snapshots/monday n2/snapshots/monday",
        ]),
    run: { arguments in
        let address: SocketAddress
        do { address = try SocketAddress(arguments.positionals[1]) } catch {
            throw CommandFailure(.misuse, "\(error)")
        }
        let word = arguments.positionals[0]
        let count = arguments.positionals.count
        if AdminMembers.words.contains(word) {
            guard count == 2 + AdminMembers.counts(word) else {
                throw CommandFailure(
                    .misuse,
                    "admin \(word): expected an address and \(AdminMembers.counts(word)) "
                        + "more (see --help)")
            }
            return try AdminMembers.run(word, address, arguments)
        }
        let isPlain = ["status", "repair", "collect", "ring"].contains(word)
        guard isPlain ? count == 2 : count > 2 else {
            throw CommandFailure(
                .misuse,
                "admin \(word): expected "
                    + (count > 2 ? "one address" : "an address and a name or folders"))
        }
        switch word {
        case "status": return try adminStatus(address, arguments)
        case "repair": return try adminRepair(address, arguments)
        case "collect": return try adminCollect(address, arguments)
        case "ring": return try adminRing(address, arguments)
        case "snapshot": return try adminSnapshot(address, arguments)
        case "restore": return try adminRestore(address, arguments)
        case let other:
            throw ArgumentError.unexpectedArgument(
                other,
                command:
                    "admin status|repair|collect|ring|add|replace|remove|force-remove|cancel|"
                    + "snapshot|restore"
            )
        }
    })

/// What `INFO` of a node says; a node that does not answer is the environment's failure.
func nodeInformation(_ address: SocketAddress) throws -> [String: String] {
    let deadline = Clocks.monotonic() + .seconds(5)
    guard let fields = NodeProbe.information(address, deadline: deadline) else {
        throw CommandFailure(.environment, "\(address) does not answer")
    }
    return fields
}

/// What a node knows of one other member.
struct AdminPeer: Encodable {
    var name: String
    var reachable = false
    var hintsOwed = 0
    /// Whether a comparison of what both hold is due or going on.
    var pending = false
    /// Nil before the first comparison.
    var equal: Bool?
    var preview = false
    var differing = 0
    var differingBytes = 0
    var young = 0

    enum CodingKeys: String, CodingKey {
        case name, reachable, pending, equal, preview, differing, young
        case hintsOwed = "hints_owed"
        case differingBytes = "differing_bytes"
    }

    /// The other members, in the order of the member list.
    static func all(_ fields: [String: String]) -> [AdminPeer] {
        let own = fields["node"]
        var peers: [AdminPeer] = []
        var number = 1
        while let line = fields["member\(number)"] {
            number += 1
            let member = pairs(line)
            guard let name = member["name"], name != own else { continue }
            var peer = AdminPeer(name: name)
            peer.reachable = member["reachable"] == "1"
            peer.hintsOwed =
                fields["owed_\(name)"].flatMap { pairs($0)["hints"] }
                .flatMap { Int($0) } ?? 0
            let compared = fields["compared_\(name)"].map(pairs) ?? [:]
            peer.pending = compared["pending"] == "1"
            if compared["age_ms"].map({ $0 != "-1" }) ?? false {
                peer.equal = compared["equal"] == "1"
            }
            peer.preview = compared["preview"] == "1"
            peer.differing = compared["differing"].flatMap { Int($0) } ?? 0
            peer.differingBytes = compared["bytes"].flatMap { Int($0) } ?? 0
            peer.young = compared["young"].flatMap { Int($0) } ?? 0
            peers.append(peer)
        }
        return peers
    }

    /// `a=1,b=2` as a dictionary.
    static func pairs(_ text: String) -> [String: String] {
        var pairs: [String: String] = [:]
        for part in text.split(separator: ",") {
            let words = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if words.count == 2 { pairs[String(words[0])] = String(words[1]) }
        }
        return pairs
    }

    /// What the last comparison showed, for people.
    var comparisonText: String {
        guard let equal else { return pending ? "is being compared" : "was not compared yet" }
        if equal { return "holds the same" }
        let size = " (\(Quantities.text(bytes: differingBytes)))"
        let fresh = young == 0 ? "" : ", \(AdminPeer.keys(young)) too young to tell"
        if preview { return "\(AdminPeer.keys(differing)) to send\(size)\(fresh)" }
        if differing > 0 { return "\(AdminPeer.keys(differing)) sent\(size)\(fresh)" }
        return "differs\(fresh)"
    }

    private static func keys(_ count: Int) -> String { count == 1 ? "1 key" : "\(count) keys" }
}

private struct AdminDocument: Encodable {
    let schema: String
    let node: String
    let peers: [AdminPeer]
}

private func adminStatus(_ address: SocketAddress, _ arguments: Arguments) throws -> ExitCode {
    let fields = try nodeInformation(address)
    let peers = AdminPeer.all(fields)
    let name = fields["node"] ?? "\(address)"
    if arguments.has("--json") {
        try print(AdminDocument(schema: "quorumeter.admin-status/1", node: name, peers: peers))
        return .held
    }
    let keys = fields["db0"].map { $0.prefix { $0 != "," }.dropFirst(5) } ?? "?"
    Terminal.result("\(name) \(address): \(keys) keys, N=\(fields["n"] ?? "?")\n")
    for peer in peers {
        let owed = peer.hintsOwed == 0 ? "" : ", is owed \(peer.hintsOwed) writes"
        let reach = peer.reachable ? "reachable" : "not reachable"
        Terminal.result("  \(peer.name): \(reach)\(owed), \(peer.comparisonText)\n")
    }
    return .held
}

private func adminRepair(_ address: SocketAddress, _ arguments: Arguments) throws -> ExitCode {
    let patience =
        try arguments.value("--timeout", expected: "a duration such as 30s or 10m") {
            Instant.Duration($0)
        } ?? .seconds(600)
    let deadline = Clocks.monotonic() + patience
    let isPreview = arguments.has("--preview")
    let command = isPreview ? "COMPARE PREVIEW" : "COMPARE"
    switch NodeProbe.line(command, address, deadline: Clocks.monotonic() + .seconds(5)) {
    case .ok: break
    case .error(let reason): throw CommandFailure(.environment, "\(address): \(reason)")
    case nil: throw CommandFailure(.environment, "\(address) does not answer")
    }
    while true {
        let fields = try nodeInformation(address)
        let peers = AdminPeer.all(fields).filter(\.reachable)
        if fields["comparing"] != "1", !peers.contains(where: \.pending) {
            return try report(peers, fields, address, arguments)
        }
        guard Clocks.monotonic() < deadline else {
            throw CommandFailure(
                .inconclusive, "\(address) still compares: ask for its status later")
        }
        Thread.sleep(forTimeInterval: 0.05)
    }
}

private func report(
    _ peers: [AdminPeer], _ fields: [String: String], _ address: SocketAddress,
    _ arguments: Arguments
) throws -> ExitCode {
    if arguments.has("--json") {
        let name = fields["node"] ?? "\(address)"
        try print(AdminDocument(schema: "quorumeter.admin-repair/1", node: name, peers: peers))
    } else {
        for peer in peers { Terminal.result("\(peer.name): \(peer.comparisonText)\n") }
    }
    return peers.allSatisfy { $0.equal == true } ? .held : .violated
}

private func print(_ document: some Encodable) throws {
    do {
        Terminal.result(String(decoding: try ResultStore.encode(document), as: UTF8.self))
    } catch { throw CommandFailure(.environment, "\(error)") }
}
