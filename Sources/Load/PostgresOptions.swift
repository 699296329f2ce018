import Platform
import Workloads

/// What `postgres.*` properties ask of a `postgres://` target.
public struct PostgresOptions: Sendable, Equatable {
    /// When a commit is acknowledged: PostgreSQL's `synchronous_commit`.
    public enum Commit: String, Sendable, CaseIterable {
        case off, local, on
        case remoteWrite = "remote_write"
        case remoteApply = "remote_apply"
    }

    /// Whether the connection is encrypted, as libpq's `sslmode` says it.
    public enum SSLMode: String, Sendable, CaseIterable {
        case disable, allow, prefer, require
        case verifyCA = "verify-ca"
        case verifyFull = "verify-full"
    }

    /// `postgres.synchronous_commit`; nil leaves the server's own.
    public var commit: Commit?
    /// `postgres.standbys`: where reads go, in turn; empty: to the target.
    public var standbys: [SocketAddress] = []
    /// `postgres.sslmode`; nil leaves libpq's own.
    public var sslMode: SSLMode?

    public init() {}

    /// The properties that are known.
    public static let names = [
        "postgres.synchronous_commit", "postgres.standbys", "postgres.sslmode",
    ]

    /// Reads the properties; an unknown one that begins with `postgres.` is an error.
    public init(_ properties: Properties) throws(PropertyError) {
        for entry in properties.entries where entry.name.hasPrefix("postgres.") {
            switch entry.name {
            case "postgres.synchronous_commit": commit = try entry.word(Commit.self)
            case "postgres.standbys": standbys = try entry.addresses()
            case "postgres.sslmode": sslMode = try entry.word(SSLMode.self)
            default: throw entry.unknown(among: PostgresOptions.names)
            }
        }
    }
}
