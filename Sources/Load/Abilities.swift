/// What a kind of target can do at all; what it cannot is refused before anything starts.
public struct Abilities: Sendable {
    /// How many addresses may be given.
    public enum Addresses: Sendable {
        case none, one
        /// Of servers that hold the same records.
        case several
    }

    public enum Login: Sendable { case none, users, databases }

    public let addresses: Addresses
    /// What stands in the address besides servers: nothing; users with passwords; databases, too.
    public let login: Login
    /// Several requests under way on one connection.
    public let pipelines: Bool
    /// Ranges of keys in order: always, never, or by a property or announcement.
    public let scans: Bool?
    /// What it cannot do, and what makes it do what it does; a sentence for people.
    public let statement: String
}

extension Target.Scheme {
    public var abilities: Abilities {
        switch self {
        case .quorum:
            Abilities(
                addresses: .several, login: .none, pipelines: true, scans: true,
                statement: "whole records, scans of up to 10000 in the order of keys; R and W by "
                    + "--r and --w; no field updates, logins")
        case .redis:
            Abilities(
                addresses: .several, login: .databases, pipelines: true, scans: nil,
                statement: "whole records, or hashes with field updates and scans "
                    + "(redis.datatype); WAIT (redis.wait), reads from replicas "
                    + "(redis.replicas), TLS (rediss://); no cluster redirects")
        case .etcd:
            Abilities(
                addresses: .several, login: .users, pipelines: false, scans: true,
                statement: "whole records, scans; linearizable or serializable reads "
                    + "(etcd.reads), users with passwords, TLS (etcds://); one request a "
                    + "connection; through the JSON gateway, which costs time inside etcd")
        case .postgres:
            Abilities(
                addresses: .several, login: .databases, pipelines: true, scans: true,
                statement: "whole records in one table, scans; each operation a transaction; "
                    + "synchronous_commit (postgres.synchronous_commit), reads from standbys "
                    + "(postgres.standbys); no field updates")
        case .memcached:
            Abilities(
                addresses: .one, login: .users, pipelines: true, scans: false,
                statement:
                    "whole records up to the server's item size; users with passwords of its "
                    + "text protocol (memcached -Y); no scans, several servers")
        case .exec:
            Abilities(
                addresses: .none, login: .none, pipelines: true, scans: nil,
                statement: "what the adapter announces; one process a connection")
        case .sim:
            Abilities(
                addresses: .none, login: .none, pipelines: false, scans: false,
                statement: "our store in virtual time, empty at first; every distribution and "
                    + "arrival; --r, --w, --seed, sim.nodes (5), sim.n (3), sim.fsync (always, "
                    + "everysec, memory), sim.network (lan, wan), sim.faults; no load phase, scans")
        case .null:
            Abilities(
                addresses: .none, login: .none, pipelines: true, scans: true,
                statement: "no store: measures the generator")
        }
    }
}
