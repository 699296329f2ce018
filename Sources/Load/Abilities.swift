/// What a kind of target can do at all; what it cannot is refused before anything starts.
public struct Abilities: Sendable {
    /// How many addresses may be given.
    public enum Addresses: Sendable {
        case none, one
        /// Of servers that hold the same records.
        case several
    }

    public let addresses: Addresses
    /// Users, passwords and databases in the address.
    public let logsIn: Bool
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
                addresses: .several, logsIn: false, pipelines: true, scans: true,
                statement: "whole records, scans of up to 10000 in the order of keys; R and W by "
                    + "--r and --w; no field updates, logins")
        case .redis:
            Abilities(
                addresses: .several, logsIn: true, pipelines: true, scans: nil,
                statement: "whole records, or hashes with field updates and scans "
                    + "(redis.datatype); WAIT (redis.wait), reads from replicas "
                    + "(redis.replicas), TLS (rediss://); no cluster redirects")
        case .etcd:
            Abilities(
                addresses: .several, logsIn: false, pipelines: false, scans: true,
                statement: "whole records, scans; linearizable or serializable reads "
                    + "(etcd.reads), TLS (etcds://); one request a connection; through the JSON "
                    + "gateway, which costs time inside etcd; no logins")
        case .postgres:
            Abilities(
                addresses: .several, logsIn: true, pipelines: true, scans: true,
                statement: "whole records in one table, scans; each operation a transaction; "
                    + "synchronous_commit (postgres.synchronous_commit), reads from standbys "
                    + "(postgres.standbys); no field updates")
        case .memcached:
            Abilities(
                addresses: .one, logsIn: false, pipelines: true, scans: false,
                statement: "whole records up to the server's item size; no scans, logins, several "
                    + "servers")
        case .exec:
            Abilities(
                addresses: .none, logsIn: false, pipelines: true, scans: nil,
                statement: "what the adapter announces; one process a connection")
        case .sim:
            Abilities(
                addresses: .none, logsIn: false, pipelines: false, scans: false,
                statement: "our store in virtual time, empty at first; reads and updates of "
                    + "uniformly drawn records, closed loop; --r, --w, --seed, sim.nodes (5), "
                    + "sim.n (3), sim.fsync (always, everysec, memory), sim.network (lan, wan), "
                    + "sim.faults; no load phase, inserts, scans")
        case .null:
            Abilities(
                addresses: .none, logsIn: false, pipelines: true, scans: true,
                statement: "no store: measures the generator")
        }
    }
}
