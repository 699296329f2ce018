import Workloads

/// What `sim.*` properties say of a `sim:` target.
public struct SimulationOptions: Sendable, Equatable {
    /// When simulated nodes acknowledge: synced, appended, or without a log.
    public enum Durability: String, Sendable, CaseIterable { case always, everysec, memory }

    /// Delays between nodes: of one data centre, or of regions.
    public enum Network: String, Sendable, CaseIterable { case lan, wan }

    /// `sim.nodes` and `sim.n`: members of the cluster, replicas of a key.
    public var nodes = 5
    public var replicas = 3
    /// `sim.fsync`, `sim.network`.
    public var durability = Durability.always
    public var network = Network.lan
    /// `sim.faults`: families of random faults, as `simulate --faults` names them.
    public var faults = ""

    public init() {}

    private static let names = ["sim.nodes", "sim.n", "sim.fsync", "sim.network", "sim.faults"]

    /// Reads the properties; an unknown one that begins with `sim.` is an error.
    public init(_ properties: Properties) throws(PropertyError) {
        for entry in properties.entries where entry.name.hasPrefix("sim.") {
            switch entry.name {
            case "sim.nodes": nodes = try entry.number(in: 1...64)
            case "sim.n": replicas = try entry.number(in: 1...64)
            case "sim.fsync": durability = try entry.word(Durability.self)
            case "sim.network": network = try entry.word(Network.self)
            case "sim.faults": faults = entry.value
            default: throw entry.unknown(among: SimulationOptions.names)
            }
        }
    }
}
