/// Configurations that are shown together.
public struct Panel: Sendable {
    public enum Kind: Sendable {
        /// They differ in R and W only: one W×R matrix of the report.
        case matrix
        /// Mode cp, where R and W mean nothing.
        case register
        /// All stores under the same load, where others than ours were measured.
        case stores
        /// Several of the above under the same conditions, to choose from: they differ in mode,
        /// quorum kind and read repair, too.
        case variants
    }

    public let kind: Kind
    /// What the configurations share; its r, w, seed and repetition mean nothing, in variants nor
    /// do mode, quorum and read repair, and in a list of stores only load, workload and fault do.
    public let shared: CellConfiguration
    /// A matrix: ordered by R, then W. A list: our own first.
    public let configurations: [ConfigurationSummary]
    /// Whether the configurations are an R×W matrix of our own store.
    public var isMatrix: Bool { kind == .matrix }

    /// The R values that occur, ascending.
    public var readQuorums: [Int] { Array(Set(configurations.map(\.r))).sorted() }
    /// The W values that occur, ascending.
    public var writeQuorums: [Int] { Array(Set(configurations.map(\.w))).sorted() }

    public func configuration(r: Int, w: Int) -> ConfigurationSummary? {
        configurations.first { $0.r == r && $0.w == w }
    }

    /// A heading: `N = 3, 5 nodes, workloada, strict quorum, lww, no fault`.
    public var title: String {
        let fault = shared.fault == "none" ? "no fault" : shared.fault
        guard kind != .stores else { return "Stores side by side, \(shared.workload), \(fault)" }
        var parts = ["N = \(shared.n)", "\(shared.nodes) nodes", shared.workload]
        switch kind {
        case .variants:
            parts.append(all(\.quorum) + " quorum")
            parts.append(all(\.mode))
        case .register: parts.append(shared.mode)
        default:
            parts += ["\(shared.quorum) quorum", shared.mode]
            if let repair = shared.readRepair, repair != "async" {
                parts.append(repair == "none" ? "no read repair" : "\(repair) read repair")
            }
        }
        if shared.fsync != "memory" { parts.append("fsync \(shared.fsync)") }
        parts.append(fault)
        if let network = shared.network { parts.append("simulated \(network)") }
        return parts.joined(separator: ", ")
    }

    /// The values of all configurations: `strict or sloppy`.
    private func all(_ value: (CellConfiguration) -> String) -> String {
        var seen: [String] = []
        for c in configurations where !seen.contains(value(c.configuration)) {
            seen.append(value(c.configuration))
        }
        return seen.joined(separator: " or ")
    }

    /// Sorts results into panels, in a fixed order whatever the order of the files.
    public static func panels(of cells: [CellResult]) -> [Panel] {
        let compared = Set(
            cells.filter { $0.configuration.store != nil }.map { load($0.configuration) })
        var groups: [String: [CellResult]] = [:]
        for cell in cells {
            let c = cell.configuration
            groups[compared.contains(load(c)) ? "stores|\(load(c))" : key(c), default: []]
                .append(cell)
        }
        return groups.keys.sorted().compactMap { key in
            guard let cells = groups[key], let first = cells.first else { return nil }
            let kind: Kind =
                key.hasPrefix("stores|")
                ? .stores : first.configuration.mode == "cp" ? .register : .matrix
            return Panel(
                kind: kind, shared: first.configuration,
                configurations: ConfigurationSummary.all(of: cells, kind: kind))
        }
    }

    /// What there is to choose from, in the order of `panels`: those that were measured under the
    /// same conditions are one choice.
    public static func choices(of panels: [Panel]) -> [Panel] {
        var groups: [(conditions: String, panels: [Panel])] = []
        for panel in panels {
            let conditions = panel.kind == .stores ? panel.title : conditions(panel.shared)
            if let place = groups.firstIndex(where: { $0.conditions == conditions }) {
                groups[place].panels.append(panel)
            } else {
                groups.append((conditions, [panel]))
            }
        }
        return groups.map { $0.panels.count == 1 ? $0.panels[0] : variants($0.panels) }
    }

    private static func variants(_ panels: [Panel]) -> Panel {
        let all = panels.flatMap(\.configurations)
        return Panel(
            kind: .variants, shared: panels[0].shared,
            configurations: all.enumerated().map { place, c in c.asVariant(place) })
    }

    private static func load(_ c: CellConfiguration) -> String {
        "\(c.where)|\(c.workload)|\(c.fault)|\(c.clients)/\(c.targetPerSecond)/\(c.arrivals)/"
            + "\(c.records)/\(c.durationNs)"
    }

    private static func conditions(_ c: CellConfiguration) -> String {
        "\(c.n)|\(c.network ?? "")|\(c.nodes)|\(c.fsync)|\(load(c))"
    }

    /// Sorts as the panels shall stand: without a fault first, and what promises more later.
    private static func key(_ c: CellConfiguration) -> String {
        let n = c.n < 10 ? "0\(c.n)" : "\(c.n)"
        let fault = c.fault == "none" ? "0" : "1\(c.fault)"
        let mode = ["lww", "siblings", "abd", "cp"].firstIndex(of: c.mode) ?? 4
        let quorum = c.quorum == "strict" ? 0 : 1
        return
            "\(n)|\(c.where)|\(c.network ?? "")|\(c.nodes)|\(c.workload)|"
            + "\(fault)|\(mode)|\(quorum)|\(c.readRepair ?? "")|"
            + "\(c.fsync)|\(load(c))"
    }
}
