import Basics
import Experiments

/// `quorumeter cluster status`: who is up, down, paused, cut off, behind.
enum ClusterStatus {
    private struct Document: Encodable {
        struct Node: Encodable {
            let name: String
            let address: String
            /// `up`, `down`, `paused`, `silent`, `cut off` or `behind`.
            let state: String
            let pid: Int32?
            let running: Bool
            let paused: Bool
            let reachable: Int?
            let residentBytes: Int?
            let cutFrom: [String]
            let impairedWith: [String]
            let owedHints: Int?
            let missingKeys: Int
            let clockOffsetNs: Int64

            init(_ node: LocalCluster.NodeStatus) {
                name = node.name
                address = "\(node.address)"
                state = node.word
                pid = node.isRunning ? node.pid : nil
                running = node.isRunning
                paused = node.isPaused
                reachable = node.reachable
                residentBytes = node.residentBytes
                cutFrom = node.cutFrom
                impairedWith = node.impairedWith
                owedHints = node.owed
                missingKeys = node.missing
                clockOffsetNs = node.clockOffset.nanoseconds
            }

            enum CodingKeys: String, CodingKey {
                case name, address, state, pid, running, paused, reachable
                case residentBytes = "resident_bytes"
                case cutFrom = "cut_from"
                case impairedWith = "impaired_with"
                case owedHints = "owed_hints"
                case missingKeys = "missing_keys"
                case clockOffsetNs = "clock_offset_ns"
            }
        }

        let schema = "quorumeter.cluster-status/1"
        let nodes: [Node]
    }

    /// Prints it. Held when every node is up and reaches all.
    static func show(_ cluster: LocalCluster, asJSON: Bool) throws -> ExitCode {
        let nodes = cluster.status()
        if asJSON {
            let document = Document(nodes: nodes.map(Document.Node.init))
            do {
                Terminal.result(
                    String(decoding: try ResultStore.encode(document), as: UTF8.self))
            } catch {
                Terminal.error(error.description)
                return .environment
            }
        } else {
            Terminal.result(table(nodes))
        }
        let isWhole = nodes.allSatisfy { $0.reachable == nodes.count && $0.cutFrom.isEmpty }
        return isWhole ? .held : .violated
    }

    /// Writes that others hold for it, and keys that a comparison found it to lack.
    private static func owed(_ node: LocalCluster.NodeStatus) -> String {
        guard let hints = node.owed else { return "unknown" }
        var parts: [String] = []
        if hints > 0 { parts.append("\(hints) hints") }
        if node.missing > 0 { parts.append("\(node.missing) keys") }
        return parts.isEmpty ? "-" : parts.joined(separator: ", ")
    }

    private static func table(_ nodes: [LocalCluster.NodeStatus]) -> String {
        var rows = [
            ["node", "address", "state", "pid", "reaches", "memory", "owed", "links", "clock"]
        ]
        for node in nodes {
            var links: [String] = []
            if !node.cutFrom.isEmpty {
                links.append("cut from " + node.cutFrom.joined(separator: ","))
            }
            if !node.impairedWith.isEmpty {
                links.append("impaired with " + node.impairedWith.joined(separator: ","))
            }
            let offset = node.clockOffset
            let clock =
                offset == .zero
                ? "right"
                : "\(Quantities.text(nanoseconds: abs(offset.nanoseconds))) "
                    + (offset > .zero ? "ahead" : "behind")
            rows.append([
                node.name, "\(node.address)", node.word, node.isRunning ? "\(node.pid)" : "-",
                node.reachable.map { "reaches \($0) of \(nodes.count)" } ?? "-",
                node.residentBytes.map { Quantities.text(bytes: $0) } ?? "-",
                owed(node),
                links.isEmpty ? "good" : links.joined(separator: "; "), clock,
            ])
        }
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                line += cell
                guard column < row.count - 1 else { break }
                line += String(repeating: " ", count: widths[column] - cell.count + 2)
            }
            return line + "\n"
        }.joined()
    }
}
