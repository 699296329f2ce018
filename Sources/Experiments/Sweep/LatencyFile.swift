import Basics
import Platform

/// Latency distributions from YAML files, sweep files and recorded results.
public enum LatencyFile {
    static let keys = ["w", "a", "r", "s", "remote"]

    /// Reads a file of distributions.
    ///
    /// - Throws: `TreeError` with file, line and what was expected.
    public static func read(_ path: String) throws(TreeError) -> LatencyModel {
        try model(Section(YAML.read(path), file: path))
    }

    /// The model in a section: `w`, `a`, `r`, `s` and `remote`.
    public static func model(_ section: Section) throws(TreeError) -> LatencyModel {
        try section.refuseKeys(except: keys)
        let w = try section.require("w", mixture(section, "w"))
        let a = try mixture(section, "a") ?? w
        let r = try mixture(section, "r") ?? a
        let s = try mixture(section, "s") ?? a
        var model = LatencyModel(write: w, acknowledge: a, read: r, respond: s)
        if let remote = try section.duration("remote") {
            model.topology = .oneNear(extra: Double(remote.nanoseconds) / 1e6)
        }
        return model
    }

    /// A list of components; nil when the key is absent.
    static func mixture(_ section: Section, _ key: String) throws(TreeError) -> LatencyMixture? {
        guard let parts = try section.sections(key) else { return nil }
        var components: [LatencyMixture.Component] = []
        for part in parts {
            try part.refuseKeys(except: [
                "weight", "pareto", "exponential", "shifted", "uniform", "constant",
            ])
            let weight = try part.number("weight", in: 0...1e9) ?? 1
            components.append(LatencyMixture.Component(weight, try shape(part)))
        }
        let mixture = LatencyMixture(components)
        if let problem = mixture.problem {
            throw TreeError(
                file: section.file, line: section[key]?.line ?? section.line,
                message: "“\(key)”: \(problem)")
        }
        return mixture
    }

    private static func shape(_ part: Section) throws(TreeError) -> LatencyMixture.Shape {
        let shapes = part.entries.filter { $0.key != "weight" }
        guard shapes.count == 1, let key = shapes.first?.key else {
            throw TreeError(
                file: part.file, line: part.line,
                message: "a component has exactly one of pareto, exponential, shifted, uniform "
                    + "and constant; found \(shapes.count)")
        }
        let wanted = key == "exponential" || key == "constant" ? 1 : 2
        let numbers = (try part.texts(key) ?? []).compactMap { Double($0) }
        guard numbers.count == wanted, numbers.allSatisfy(\.isFinite) else {
            throw part.expected(
                wanted == 1 ? "a number" : "a list of two numbers such as [1.05, 1.51]", at: key)
        }
        switch key {
        case "pareto": return .pareto(minimum: numbers[0], exponent: numbers[1])
        case "exponential": return .exponential(rate: numbers[0])
        case "shifted": return .shifted(by: numbers[0], rate: numbers[1])
        case "uniform": return .uniform(low: numbers[0], high: numbers[1])
        default: return .constant(numbers[0])
        }
    }

    /// One network of a sweep file: `message` (a list of components), `regions` (rows of one-way
    /// delays such as `[0ms, 40ms]`) and `client` (the largest one-way delay of clients).
    static func network(_ section: Section, name: String) throws(TreeError) -> NetworkModel {
        try section.refuseKeys(except: ["message", "regions", "client"])
        let isName = name.utf8.allSatisfy {
            ($0 >= 0x61 && $0 <= 0x7a) || ($0 >= 0x30 && $0 <= 0x39) || $0 == 0x2d
        }
        guard isName, !name.isEmpty, name.utf8.count <= 32 else {
            throw TreeError(
                file: section.file, line: section.line,
                message: "the network's name “\(name)” must be 1 to 32 of a-z, 0-9 and -")
        }
        let message = try mixture(section, "message") ?? NetworkModel.dataCentre
        var network = NetworkModel(name: name, message: message)
        if let client = try section.duration("client") {
            network.clientMs = Double(client.nanoseconds) / 1e6
        }
        guard let tree = section["regions"] else { return network }
        let wanted = "a square list of rows of durations such as [[0ms, 40ms], [40ms, 0ms]]"
        guard case .list(let rows, _) = tree, (1...64).contains(rows.count) else {
            throw section.expected(wanted, at: "regions")
        }
        for row in rows {
            guard case .list(let items, _) = row, items.count == rows.count else {
                throw section.expected(wanted, at: "regions")
            }
            var delays: [Double] = []
            for item in items {
                guard case .scalar(let text, _) = item, let delay = Instant.Duration(text),
                    delay <= .seconds(60)
                else { throw section.expected(wanted, at: "regions") }
                delays.append(Double(delay.nanoseconds) / 1e6)
            }
            network.regions.append(delays)
        }
        return network
    }

    /// The latency models that the results under a folder recorded, each with its N, once.
    ///
    /// - Throws: when there are no results, or none of them recorded its latencies.
    public static func recorded(
        in folder: String
    ) throws(ResultError) -> [(name: String, n: Int, model: LatencyModel)] {
        let cells = try ResultStore.collect([folder]).cells
        var models: [(name: String, n: Int, model: LatencyModel)] = []
        for cell in cells {
            guard let network = cell.network else { continue }
            let c = cell.configuration
            let model = network.latencyModel(nodes: c.nodes)
            if !models.contains(where: { $0.n == c.n && $0.model == model }) {
                models.append((network.name, c.n, model))
            }
        }
        if models.isEmpty {
            throw ResultError(
                "no result under \(folder) recorded the latencies between nodes: only sweeps with "
                    + "'where: simulation' know them; give --distributions instead")
        }
        return models.sorted { ($0.name, $0.n) < ($1.name, $1.n) }
    }
}
