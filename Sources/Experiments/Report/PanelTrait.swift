/// Something in which panels may differ, such as the fault: a column of the table of everything.
struct PanelTrait: Sendable {
    let name: String
    /// Machine name for CSV.
    let field: String
    let text: @Sendable (Panel) -> String

    /// All of them, in the order in which titles name them. N and the quorum mean nothing for a
    /// list of stores; mode, quorum and read repair nothing for variants.
    static let all: [PanelTrait] = [
        trait("N", "n") { $0.kind != .stores ? "\($0.shared.n)" : "" },
        trait("nodes", "nodes") { $0.kind != .stores ? "\($0.shared.nodes)" : "" },
        trait("workload", "workload") { $0.shared.workload },
        trait("quorum", "quorum") { $0.isMatrix ? $0.shared.quorum : "" },
        trait("mode", "mode") { $0.isMatrix || $0.kind == .register ? $0.shared.mode : "" },
        trait("fault", "fault") { $0.shared.fault },
        trait("fsync", "fsync") { $0.kind != .stores ? $0.shared.fsync : "" },
        trait("read repair", "read_repair") { $0.isMatrix ? $0.shared.readRepair ?? "" : "" },
        trait("arrivals", "arrivals") { $0.shared.arrivals },
        trait("network", "network") { $0.shared.network ?? $0.shared.where },
    ]

    private static func trait(
        _ name: String, _ field: String, _ text: @escaping @Sendable (Panel) -> String
    ) -> PanelTrait { PanelTrait(name: name, field: field, text: text) }

    /// Those in which the panels differ, as far as the trait means something for them.
    static func telling(_ panels: [Panel]) -> [PanelTrait] {
        all.filter { trait in Set(panels.map(trait.text).filter { !$0.isEmpty }).count > 1 }
    }

    /// A short name of a panel: only what tells it from the others.
    static func shortTitle(_ panel: Panel, among panels: [Panel]) -> String {
        let parts = telling(panels).compactMap { trait -> String? in
            let text = trait.text(panel)
            guard !text.isEmpty else { return nil }
            switch trait.field {
            case "n": return "N = \(text)"
            case "nodes": return "\(text) nodes"
            case "fault": return text == "none" ? "no fault" : text
            case "fsync": return text == "memory" ? "memory only" : "fsync \(text)"
            case "read_repair": return "repair \(text)"
            case "quorum": return "\(text) quorum"
            default: return text
            }
        }
        return parts.isEmpty ? panel.title : parts.joined(separator: ", ")
    }
}
