import Basics
import Platform
import Workloads

/// What `redis.*` properties ask of a `redis://` target.
public struct RedisOptions: Sendable, Equatable {
    /// How a record is kept.
    public enum DataType: String, Sendable, CaseIterable {
        /// One value that holds all fields; an update rewrites it.
        case string
        /// A hash with a field for each, and a sorted set of all keys, as YCSB's binding has it.
        case hash
    }

    /// `redis.datatype`.
    public var dataType = DataType.string
    /// `redis.wait`: replicas that must have a write before it counts as done; 0 does not wait.
    public var wait = 0
    /// `redis.wait.timeout` in milliseconds.
    public var waitTimeout = 1_000
    /// `redis.replicas`: where reads go, in turn; empty: to the target.
    public var replicas: [SocketAddress] = []

    public init() {}

    /// Reads the properties; an unknown one that begins with `redis.` is an error.
    public init(_ properties: Properties) throws(PropertyError) {
        for entry in properties.entries where entry.name.hasPrefix("redis.") {
            switch entry.name {
            case "redis.datatype": dataType = try entry.word(DataType.self)
            case "redis.wait": wait = try entry.number(in: 0...1_000)
            case "redis.wait.timeout": waitTimeout = try entry.number(in: 1...3_600_000)
            case "redis.replicas": replicas = try entry.addresses()
            // Read by the plan, for it holds for every target that is pipelined.
            case "redis.pipeline": continue
            // YCSB's binding finds its server by these; here the target says it.
            case "redis.host", "redis.port", "redis.password", "redis.cluster", "redis.timeout":
                continue
            default: throw entry.unknown(among: RedisOptions.names)
            }
        }
    }

    /// The properties that are known.
    public static let names = [
        "redis.datatype", "redis.wait", "redis.wait.timeout", "redis.replicas", "redis.pipeline",
    ]

    /// Commands that an insert may consist of.
    var commandsPerInsert: Int { (dataType == .hash ? 2 : 1) + (wait > 0 ? 1 : 0) }
}
