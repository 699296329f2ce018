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
    public var nodes: [Node]
    /// What else the nodes were started with; nil in files of earlier releases.
    public var options: ClusterOptions?
    /// The process that carries the links, once there is one.
    public var relay: Relay?

    /// A relay's process.
    public struct Relay: Codable, Sendable, Equatable {
        public var pid: Int32
        public var startTicks: UInt64

        enum CodingKeys: String, CodingKey {
            case pid
            case startTicks = "start_ticks"
        }
    }

    /// One node: where it listens, and which process it is or last was.
    public struct Node: Codable, Sendable, Equatable {
        public var name: String
        public var clientPort: UInt16
        public var peerPort: UInt16
        /// 0 before it was first started.
        public var pid: Int32
        /// When the process started, in ticks since boot: tells it from a later one of its number.
        public var startTicks: UInt64
        /// It came to the cluster while that ran; nil in files of earlier releases.
        public var joined: Bool?
        /// It has left the cluster for good.
        public var left: Bool?
        /// Whose place it takes.
        public var replaced: String?

        public var hasJoined: Bool { joined == true }
        public var hasLeft: Bool { left == true }

        enum CodingKeys: String, CodingKey {
            case name, pid, joined, left, replaced
            case clientPort = "client_port"
            case peerPort = "peer_port"
            case startTicks = "start_ticks"
        }
    }

    public init(
        n: Int, r: Int, w: Int, fsync: String, nodes: [Node], options: ClusterOptions
    ) {
        self.options = options
        self.n = n
        self.r = r
        self.w = w
        self.fsync = fsync
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

/// How a local cluster's processes are started, beside its shape.
public struct ClusterOptions: Codable, Sendable, Equatable {
    /// Links go through a relay from the beginning. Without it one is put in between when the
    /// first fault of a link asks for it.
    public var usesRelay = false
    /// All processes end when this one does, however it ends.
    public var endsWithParent = false
    /// Disks forget what was not synced when a node is killed.
    public var lossySeed: UInt64?
    /// `strict` or `sloppy`; nil leaves the node's own default, as with the others.
    public var quorum: String?
    public var readRepair: String?
    /// What concurrent writes come to: `lww`, `abd` or `cp`.
    public var mode: String?
    public var timeoutMs: Int?
    /// `namespaces`: each node has a network of its own; nil: they share that of the machine.
    public var network: String?
    /// `images`: each node has a disk of its own; nil: their data is in the cluster's folder.
    public var disks: String?

    public static let namespaces = "namespaces"
    public static let images = "images"

    public init() {}

    enum CodingKeys: String, CodingKey {
        case quorum, mode, network, disks
        case usesRelay = "uses_relay"
        case endsWithParent = "ends_with_parent"
        case lossySeed = "lossy_seed"
        case readRepair = "read_repair"
        case timeoutMs = "timeout_ms"
    }
}

/// Why a local cluster cannot be used.
public struct ClusterError: Error, Sendable, Equatable, CustomStringConvertible {
    public let description: String

    public init(_ description: String) { self.description = description }
}
