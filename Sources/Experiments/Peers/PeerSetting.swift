import Basics
import Platform
import Workloads

/// Another store than ours with one setting of its knobs, as a sweep measures it beside ours.
public struct PeerSetting: Sendable, Equatable {
    /// The stores that a sweep can start on this machine.
    public enum Store: String, Sendable, CaseIterable {
        /// A primary and two replicas, in memory.
        case redis
        /// Three members, synced to disk.
        case etcd
        /// A primary and two standbys, synced to disk.
        case postgres
    }

    public let store: Store
    /// Replicas that must have a write before it counts as done (Redis's `WAIT`).
    public var wait = 0
    /// `primary` or `replicas` (Redis), `primary` or `standbys` (PostgreSQL), `linearizable` or
    /// `serializable` (etcd).
    public var reads = ""
    /// PostgreSQL's `synchronous_commit`.
    public var commit = ""

    /// As reports name it: `redis WAIT 1, replica reads`.
    public var name: String {
        switch store {
        case .redis: "redis WAIT \(wait)" + (reads == "replicas" ? ", replica reads" : "")
        case .etcd: "etcd \(reads)"
        case .postgres: "postgres commit=\(commit)" + (reads == "standbys" ? ", standby reads" : "")
        }
    }

    /// As folders name it.
    var folderName: String {
        switch store {
        case .redis: "redis-wait\(wait)-\(reads)"
        case .etcd: "etcd-\(reads)"
        case .postgres: "postgres-\(commit)-\(reads)"
        }
    }

    /// Servers that hold every record.
    static let servers = 3

    /// Servers that have a write when it is acknowledged.
    var writeQuorum: Int {
        switch store {
        case .redis: 1 + wait
        case .etcd: 2
        case .postgres: ["off", "local"].contains(commit) ? 1 : 2
        }
    }

    /// Servers that are asked for a read.
    var readQuorum: Int { store == .etcd && reads == "linearizable" ? 2 : 1 }

    /// `memory` or `always`; without its sync a commit of PostgreSQL counts as `everysec`.
    var fsync: String {
        switch store {
        case .redis: "memory"
        case .etcd: "always"
        case .postgres: commit == "off" ? "everysec" : "always"
        }
    }

    /// Every setting that a list of a sweep file describes, such as
    /// `{store: redis, wait: [0, 1, 2], reads: [primary, replicas]}`.
    ///
    /// - Throws: `TreeError` for unknown stores, knobs and values.
    static func settings(_ section: Section) throws(TreeError) -> [PeerSetting] {
        let name = try section.require("store", section.text("store"))
        guard let store = Store(rawValue: name) else {
            throw section.expected(
                Store.allCases.map(\.rawValue).joined(separator: ", ") + " (found \(name))",
                at: "store")
        }
        switch store {
        case .redis:
            try section.refuseKeys(except: ["store", "wait", "reads"])
            let reads = try words(section, "reads", ["primary", "replicas"])
            let waits = try words(section, "wait", ["0", "1", "2"])
            return waits.flatMap { wait in
                reads.map { PeerSetting(store: store, wait: Int(wait) ?? 0, reads: $0) }
            }
        case .etcd:
            try section.refuseKeys(except: ["store", "reads"])
            return try words(section, "reads", ["linearizable", "serializable"]).map {
                PeerSetting(store: store, reads: $0)
            }
        case .postgres:
            try section.refuseKeys(except: ["store", "commit", "reads"])
            let reads = try words(section, "reads", ["primary", "standbys"])
            let commits = try words(
                section, "commit", ["on", "off", "local", "remote_write", "remote_apply"])
            return commits.flatMap { commit in
                reads.map { PeerSetting(store: store, reads: $0, commit: commit) }
            }
        }
    }

    /// The words of a key; the first known one when it is absent.
    private static func words(
        _ section: Section, _ key: String, _ known: [String]
    ) throws(TreeError) -> [String] {
        let words = try section.texts(key) ?? [known[0]]
        guard let unknown = words.first(where: { !known.contains($0) }) else { return words }
        throw section.expected(known.joined(separator: ", ") + " (found \(unknown))", at: key)
    }

    /// What the load generator must be told. `isLoading`: all servers shall have the records.
    func properties(_ addresses: [SocketAddress], isLoading: Bool) throws(PropertyError)
        -> Properties
    {
        var properties = Properties()
        func set(_ name: String, _ value: String) throws(PropertyError) {
            properties.set(name, to: value, origin: "the sweep")
        }
        let others = addresses.dropFirst().map(\.description).joined(separator: ",")
        switch store {
        case .redis:
            let wait = isLoading ? PeerSetting.servers - 1 : wait
            if wait > 0 { try set("redis.wait", "\(wait)") }
            if reads == "replicas", !isLoading { try set("redis.replicas", others) }
        case .etcd: try set("etcd.reads", reads)
        case .postgres:
            try set("postgres.synchronous_commit", isLoading ? "remote_apply" : commit)
            if reads == "standbys", !isLoading { try set("postgres.standbys", others) }
        }
        return properties
    }
}
