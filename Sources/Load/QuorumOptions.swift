import Workloads

/// What `quorum.*` properties ask of a `quorum://` target.
public struct QuorumOptions: Sendable, Equatable {
    /// `quorum.replicas`: whether the history says of every operation which replicas answered it,
    /// with which version. QGET and QSET tell, whose replies are longer than those of GET and SET.
    public var recordsReplicas = false

    public init() {}

    /// Reads the properties; an unknown one that begins with `quorum.` is an error.
    public init(_ properties: Properties) throws(PropertyError) {
        for entry in properties.entries where entry.name.hasPrefix("quorum.") {
            switch entry.name {
            case "quorum.replicas": recordsReplicas = try entry.boolean()
            default: throw entry.unknown(among: ["quorum.replicas"])
            }
        }
    }
}
