/// The modelled latencies of a simulated sweep: one distribution for every message between two
/// nodes, fixed delays between regions, and the distance of clients.
public struct NetworkModel: Codable, Sendable, Equatable {
    /// `lan`, `wan`, or the name that the sweep file gives it.
    public var name: String
    /// One way, between two nodes of one region, in milliseconds.
    public var message: LatencyMixture
    /// By region and region: milliseconds that a message takes longer one way. Node i stands in
    /// region i modulo the number of regions. Empty: one region.
    public var regions: [[Double]]
    /// Clients are up to this many milliseconds from the node that they ask, one way.
    public var clientMs: Double

    public init(
        name: String, message: LatencyMixture, regions: [[Double]] = [], clientMs: Double = 0.02
    ) {
        self.name = name
        self.message = message
        self.regions = regions
        self.clientMs = clientMs
    }

    enum CodingKeys: String, CodingKey {
        case name, message, regions
        case clientMs = "client_ms"
    }

    /// A data centre: 50 µs and 100 µs on average more; of two messages in a hundred, 2 ms more.
    static let dataCentre = LatencyMixture([
        .init(0.98, .shifted(by: 0.05, rate: 10)), .init(0.02, .shifted(by: 0.05, rate: 0.5)),
    ])

    /// One data centre.
    public static let lan = NetworkModel(name: "lan", message: dataCentre)

    /// Three data centres, 30, 40 and 65 ms apart one way: about the distances between the east
    /// and the west of North America and western Europe.
    public static let wan = NetworkModel(
        name: "wan", message: dataCentre, regions: [[0, 40, 30], [40, 0, 65], [30, 65, 0]])

    /// Milliseconds that a message from one node to another takes longer, by ordered pair.
    public func delays(nodes: Int) -> [Double] {
        guard !regions.isEmpty else { return [Double](repeating: 0, count: nodes * nodes) }
        return (0..<nodes).flatMap { from in
            (0..<nodes).map { to in regions[from % regions.count][to % regions.count] }
        }
    }

    /// The same latencies as PBS takes them.
    public func latencyModel(nodes: Int) -> LatencyModel {
        LatencyModel(
            write: message, acknowledge: message, read: message, respond: message,
            topology: .placed(nodes: nodes, delays: delays(nodes: nodes), client: clientMs))
    }

    /// Draws of one message in nanoseconds, one for each of `count` equal shares of probability.
    public func draws(_ count: Int) -> [UInt32] {
        let sampler = LatencyMixture.Sampler(message)
        return (0..<count).map { index in
            let ms = sampler.value((Double(index) + 0.5) / Double(count))
            return UInt32(min(max(ms * 1e6, 1), 4e9))
        }
    }
}
