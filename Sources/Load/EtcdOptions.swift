import Workloads

/// What `etcd.*` properties ask of an `etcd://` target.
public struct EtcdOptions: Sendable, Equatable {
    /// Which reads are asked for.
    public enum Reads: String, Sendable, CaseIterable {
        /// Agreed on by a majority: never stale.
        case linearizable
        /// From what the asked member has: may be stale.
        case serializable
    }

    /// `etcd.reads`.
    public var reads = Reads.linearizable

    public init() {}

    /// Reads the properties; an unknown one that begins with `etcd.` is an error.
    public init(_ properties: Properties) throws(PropertyError) {
        for entry in properties.entries where entry.name.hasPrefix("etcd.") {
            switch entry.name {
            case "etcd.reads": reads = try entry.word(Reads.self)
            default: throw entry.unknown(among: ["etcd.reads"])
            }
        }
    }
}
