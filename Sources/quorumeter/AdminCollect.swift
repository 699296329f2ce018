import Basics
import Experiments
import Foundation
import Platform

/// What came of having all nodes forget deletions.
private struct CollectDocument: Encodable {
    let schema = "quorumeter.admin-collect/1"
    let node: String
    let shardsPurged: Int
    let shardsLeft: Int
    let nodesSilent: Int

    enum CodingKeys: String, CodingKey {
        case schema, node
        case shardsPurged = "shards_purged"
        case shardsLeft = "shards_left"
        case nodesSilent = "nodes_silent"
    }

    init(_ fields: [String: String], _ address: SocketAddress) {
        func number(_ key: String) -> Int { fields[key].flatMap { Int($0) } ?? 0 }
        node = fields["node"] ?? "\(address)"
        shardsPurged = number("collected_shards")
        shardsLeft = number("collected_shards_left")
        nodesSilent = number("collected_nodes_silent")
    }
}

/// `admin collect`: has every node that this one reaches forget what deletions it may, and waits.
func adminCollect(_ address: SocketAddress, _ arguments: Arguments) throws -> ExitCode {
    let patience =
        try arguments.value("--timeout", expected: "a duration such as 30s or 10m") {
            Instant.Duration($0)
        } ?? .seconds(600)
    let deadline = Clocks.monotonic() + patience
    switch NodeProbe.line("COLLECT", address, deadline: Clocks.monotonic() + .seconds(5)) {
    case .ok: break
    case .error(let reason): throw CommandFailure(.environment, "\(address): \(reason)")
    case nil: throw CommandFailure(.environment, "\(address) does not answer")
    }
    var fields = try nodeInformation(address)
    while fields["collecting"] == "1" {
        guard Clocks.monotonic() < deadline else {
            throw CommandFailure(
                .inconclusive, "\(address) still collects: see INFO collection later")
        }
        Thread.sleep(forTimeInterval: 0.05)
        fields = try nodeInformation(address)
    }
    let document = CollectDocument(fields, address)
    if arguments.has("--json") {
        do {
            Terminal.result(String(decoding: try ResultStore.encode(document), as: UTF8.self))
        } catch { throw CommandFailure(.environment, "\(error)") }
    } else {
        let silent = document.nodesSilent == 0 ? "" : ", \(document.nodesSilent) nodes silent"
        Terminal.result(
            "deletions forgotten in \(document.shardsPurged) shards, kept in "
                + "\(document.shardsLeft)\(silent)\n")
    }
    return document.shardsLeft == 0 && document.nodesSilent == 0 ? .held : .violated
}
