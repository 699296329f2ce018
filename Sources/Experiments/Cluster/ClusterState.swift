import Foundation

/// What a local cluster must remember between commands: `cluster.json` in its folder.
public struct ClusterState: Codable, Sendable, Equatable {
    public static let schemaName = "quorumeter.cluster/1"

    public var schema = ClusterState.schemaName
    public var n: Int
    public var r: Int
    public var w: Int
    /// `memory`, `always`, `everysec` or `never`.
    public var fsync: String
    /// What concurrent writes come to: `lww`, `abd` or `cp`. Nil: `lww`.
    public var mode: String?
    public var nodes: [Node]

    /// One node: where it listens, and which process it is or last was.
    public struct Node: Codable, Sendable, Equatable {
        public var name: String
        public var clientPort: UInt16
        public var peerPort: UInt16
        /// 0 before it was first started.
        public var pid: Int32
        /// When the process started, in ticks since boot: tells it from a later one of its number.
        public var startTicks: UInt64

        enum CodingKeys: String, CodingKey {
            case name, pid
            case clientPort = "client_port"
            case peerPort = "peer_port"
            case startTicks = "start_ticks"
        }
    }

    public init(
        n: Int, r: Int, w: Int, fsync: String, mode: String? = nil, nodes: [Node]
    ) {
        self.n = n
        self.r = r
        self.w = w
        self.fsync = fsync
        self.mode = mode
        self.nodes = nodes
    }

    /// Where the state of the cluster in `folder` is kept.
    static func path(_ folder: String) -> String { "\(folder)/cluster.json" }

    /// The state of the cluster in `folder`; nil when there is none.
    static func read(_ folder: String) throws(ClusterError) -> ClusterState? {
        guard let data = FileManager.default.contents(atPath: path(folder)) else { return nil }
        do {
            let state = try JSONDecoder().decode(ClusterState.self, from: data)
            if state.schema == schemaName { return state }
            throw ClusterError("\(path(folder)): schema '\(state.schema)' is not known")
        } catch let error as ClusterError {
            throw error
        } catch {
            throw ClusterError("\(path(folder)) is damaged; remove the folder to start anew")
        }
    }
}

/// Why a local cluster cannot be used.
public struct ClusterError: Error, Sendable, Equatable, CustomStringConvertible {
    public let description: String

    public init(_ description: String) { self.description = description }
}
