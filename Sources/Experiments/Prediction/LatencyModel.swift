/// The four one-way latencies of a quorum operation (Bailis et al. 2012 call them WARS), and
/// where coordinators and replicas stand.
public struct LatencyModel: Codable, Sendable, Equatable {
    /// Coordinator to replica, with a write.
    public var write: LatencyMixture
    /// Replica to coordinator, acknowledging it.
    public var acknowledge: LatencyMixture
    /// Coordinator to replica, asking for a read.
    public var read: LatencyMixture
    /// Replica to coordinator, with the answer.
    public var respond: LatencyMixture
    public var topology: Topology

    public init(
        write: LatencyMixture, acknowledge: LatencyMixture, read: LatencyMixture,
        respond: LatencyMixture, topology: Topology = .uniform
    ) {
        self.write = write
        self.acknowledge = acknowledge
        self.read = read
        self.respond = respond
        self.topology = topology
    }

    /// What is added to the four latencies by place.
    public enum Topology: Codable, Sendable, Equatable {
        /// Nothing: every replica is as far as every other.
        case uniform
        /// One replica, another for each operation, is near; messages to and from all others take
        /// this many milliseconds longer each way. The WAN of the PBS paper.
        case oneNear(extra: Double)
        /// Nodes in places: every operation is coordinated by any node, a node reaches itself in no
        /// time, and a message from node i to node j takes `delays[i * nodes + j]` milliseconds
        /// longer. The client is up to `client` milliseconds away, each way.
        case placed(nodes: Int, delays: [Double], client: Double)
    }

    /// What makes it unfit for `n` replicas, as a sentence; nil when nothing does.
    public func problem(replicas n: Int) -> String? {
        for (name, mixture) in [
            ("w", write), ("a", acknowledge), ("r", read), ("s", respond),
        ] {
            if let problem = mixture.problem { return "\(name): \(problem)" }
        }
        switch topology {
        case .uniform: return nil
        case .oneNear(let extra):
            return extra >= 0 && extra < 1e6
                ? nil : "the extra delay lies outside 0 to 1,000,000 ms"
        case .placed(let nodes, let delays, let client):
            if nodes < n || nodes > 64 {
                return "\(nodes) nodes cannot hold \(n) replicas: expected \(n) to 64"
            }
            if delays.count != nodes * nodes {
                return "there are \(delays.count) delays for \(nodes) nodes: expected "
                    + "\(nodes * nodes)"
            }
            return (delays + [client]).allSatisfy { $0 >= 0 && $0 < 1e6 }
                ? nil : "a delay lies outside 0 to 1,000,000 ms"
        }
    }
}

extension LatencyModel {
    /// The distributions of the PBS paper's table of fits, by name. YMMR's writes have the shape
    /// 3.5 of its authors' simulator, which alone reproduces the published figures; the table in
    /// the paper prints 3.35.
    public static let published: [(name: String, model: LatencyModel)] = {
        func pareto(_ weight: Double, _ minimum: Double, _ exponent: Double)
            -> LatencyMixture.Component
        { .init(weight, .pareto(minimum: minimum, exponent: exponent)) }
        func exponential(_ weight: Double, _ rate: Double) -> LatencyMixture.Component {
            .init(weight, .exponential(rate: rate))
        }
        let ssd = LatencyMixture([pareto(0.9122, 0.235, 10), exponential(0.0878, 1.66)])
        let disk = LatencyMixture([pareto(0.38, 1.05, 1.51), exponential(0.62, 0.183)])
        let writes = LatencyMixture([pareto(0.939, 3, 3.5), exponential(0.061, 0.0028)])
        let others = LatencyMixture([pareto(0.982, 1.5, 3.8), exponential(0.018, 0.0217)])
        func model(
            _ w: LatencyMixture, _ rest: LatencyMixture, _ topology: Topology = .uniform
        ) -> LatencyModel {
            LatencyModel(
                write: w, acknowledge: rest, read: rest, respond: rest, topology: topology)
        }
        return [
            ("lnkd-ssd", model(ssd, ssd)), ("lnkd-disk", model(disk, ssd)),
            ("ymmr", model(writes, others)), ("wan", model(disk, ssd, .oneNear(extra: 75))),
        ]
    }()

    /// The published model of this name, in any case; nil when there is none.
    public static func named(_ name: String) -> LatencyModel? {
        published.first { $0.name == name.lowercased() }?.model
    }
}
