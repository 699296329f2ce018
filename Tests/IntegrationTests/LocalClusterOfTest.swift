import Basics
import Foundation
import Platform
import Testing

/// `quorumeter cluster` as a user has it, in a test's folder.
struct CommandedCluster {
    let folder: String
    let nodes: [SocketAddress]

    /// What `cluster status --json` says of a node.
    struct Status: Decodable {
        let name: String
        let state: String
        let pid: Int32?
        let running: Bool
        let paused: Bool
        let reachable: Int?
        let cutFrom: [String]
        let impairedWith: [String]
        let owedHints: Int?
        let clockOffsetNs: Int64

        enum CodingKeys: String, CodingKey {
            case name, state, pid, running, paused, reachable
            case cutFrom = "cut_from"
            case impairedWith = "impaired_with"
            case owedHints = "owed_hints"
            case clockOffsetNs = "clock_offset_ns"
        }
    }

    init(_ options: String..., in folder: String) throws {
        self.folder = folder
        let up = try Program(
            Quorumeter.path, ["cluster", "up", "--dir", "\(folder)/c"] + options, in: folder
        ).end()
        guard up.code == 0 else { throw Missing("a cluster; it said: \(up.errors)") }
        nodes = try up.output.split(separator: "\n").map {
            try SocketAddress(String($0.split(separator: " ")[1]))
        }
    }

    @discardableResult
    func run(_ words: String...) throws -> Program.Ended {
        let ended = try Program(
            Quorumeter.path, ["cluster"] + words + ["--dir", "\(folder)/c"], in: folder
        ).end()
        guard ended.code == 0 else {
            throw Missing("success of cluster \(words.joined(separator: " ")): \(ended.errors)")
        }
        return ended
    }

    func status() throws -> [Status] {
        struct Document: Decodable { let nodes: [Status] }
        let ended = try Quorumeter.run(
            "cluster", "status", "--json", "--dir", "\(folder)/c", in: folder)
        return try JSONDecoder().decode(Document.self, from: Data(ended.output.utf8)).nodes
    }

    func client(_ index: Int) throws -> Client { try Client(nodes[index]) }

    /// Writes with a short timeout through a node; whether it was acknowledged.
    func acknowledges(_ index: Int, _ key: String, w: Int = 2) throws -> Bool {
        try client(index).ask("QSET", key, "v", "W", "\(w)", "TIMEOUT", "300")?.hasPrefix("-")
            == false
    }
}
