import Basics
import Consistency
import Foundation
import Load
import Platform
import Replication
import Simulation
import Workloads

/// A file of claims: `store` or `target`, `defaults` for every claim, and the claims.
public enum ClaimsFile {
    private static let rootKeys = ["store", "target", "defaults", "claims"]
    private static let settingKeys = [
        "nodes", "n", "r", "w", "mode", "quorum", "read_repair", "fsync", "keys", "clients",
        "writers", "operations", "deletes", "swaps", "duration", "seeds", "faults", "where",
        "collect", "anti_entropy", "timeout", "hint_window",
    ]
    private static let claimKeys = ["name", "model", "bound", "expect", "row", "column"]
    private static let boundKeys = ["staleness", "probability", "confidence"]

    /// Reads a file.
    ///
    /// - Throws: `TreeError` with file, line and what was expected: unknown keys, values out of
    ///   range, two claims of one name, and settings that this version cannot run.
    ///
    /// `place`: where all claims are tried, whatever the file says.
    public static func read(
        _ path: String, where place: Claim.Place? = nil
    ) throws(TreeError) -> [Claim] {
        try claims(YAML.read(path), file: path, where: place)
    }

    /// Reads a tree; `file` is for messages.
    public static func claims(
        _ tree: Tree, file: String, where place: Claim.Place? = nil
    ) throws(TreeError) -> [Claim] {
        let root = try Section(tree, file: file)
        try root.refuseKeys(except: rootKeys)
        let target = try target(root)
        let defaults =
            try root.section("defaults") ?? Section(.map([], line: root.line), file: file)
        try defaults.refuseKeys(except: settingKeys)
        let sections = try root.require("claims", root.sections("claims"))
        guard !sections.isEmpty else { throw root.expected("at least one claim", at: "claims") }
        var claims: [Claim] = []
        for section in sections {
            let claim = try claim(section, defaults, target: target, where: place)
            if let other = claims.first(where: { $0.name == claim.name }) {
                throw section.expected(
                    "a name of its own (the claim of line \(other.line) has it)", at: "name")
            }
            claims.append(claim)
        }
        return claims
    }

    private static func target(_ root: Section) throws(TreeError) -> String? {
        if let store = try root.text("store") {
            guard root["target"] == nil else {
                throw root.expected("left out, since the file names a store too", at: "target")
            }
            guard store == "quorumeter" else {
                throw root.expected("quorumeter (for another store give “target”)", at: "store")
            }
        }
        guard let target = try root.text("target") else { return nil }
        do {
            _ = try Target(target)
        } catch {
            throw root.expected("a target (\(error))", at: "target")
        }
        return target
    }

    // MARK: One claim

    private static func claim(
        _ section: Section, _ defaults: Section, target: String?, where chosen: Claim.Place?
    ) throws(TreeError) -> Claim {
        try section.refuseKeys(except: claimKeys + settingKeys)
        let settings = Settings(claim: section, defaults: defaults)
        let name = try section.require("name", section.text("name"))
        let expect = try section.require("expect", section.text("expect"))
        guard let expectation = Claim.Expectation(rawValue: expect) else {
            throw section.expected("holds or violated", at: "expect")
        }
        let standard: Claim.Place = target == nil ? .simulation : .processes
        let word = try settings["where"].text("where") ?? standard.rawValue
        guard let said = Claim.Place(rawValue: word) else {
            throw settings["where"].expected("simulation or processes", at: "where")
        }
        let place = chosen ?? said
        if target != nil, place == .simulation {
            throw settings["where"].expected(
                "processes (a store that is not ours cannot be simulated)", at: "where")
        }
        let scenario = try scenario(settings, place, target: target)
        var claim = Claim(
            name: name, file: section.file, line: section.line, promise: try promise(section),
            expectation: expectation, place: place, scenario: scenario,
            seeds: try settings["seeds"].integer("seeds", in: 1...10_000_000) ?? 200,
            duration: try settings["duration"].duration("duration") ?? .seconds(5),
            fsync: try fsync(settings, place), target: target)
        guard claim.duration >= .milliseconds(100) else {
            throw settings["duration"].expected("at least 100ms", at: "duration")
        }
        if target == nil, scenario.mode != .siblings, case .model(.multiValue) = claim.promise {
            throw section.expected(
                "another model, or mode siblings (mode \(scenario.mode.rawValue) keeps none)",
                at: "model")
        }
        claim.row = try section.text("row")
        claim.column = try section.text("column")
        return claim
    }

    private static func promise(_ section: Section) throws(TreeError) -> Claim.Promise {
        if let bound = try section.section("bound") {
            guard section["model"] == nil else {
                throw section.expected("left out, since the claim has a bound too", at: "model")
            }
            try bound.refuseKeys(except: boundKeys)
            let inside = 0.000_000_001...0.999_999_999
            return .bound(
                Claim.Bound(
                    staleness: try bound.require("staleness", bound.duration("staleness")),
                    probability: try bound.require(
                        "probability", bound.number("probability", in: inside)),
                    confidence: try bound.number("confidence", in: inside) ?? 0.95))
        }
        let text = try section.require("model", section.text("model"))
        guard let model = Model(name: text) else {
            let names = Model.plain.map(\.name)
            let hint = nearest(to: text, among: names).map { "; did you mean “\($0)”?" }
            throw section.expected(
                "a model: "
                    + (names + ["k-atomic=K", "delta-atomic=DURATION"])
                    .joined(separator: ", ") + (hint ?? ""), at: "model")
        }
        return .model(model)
    }

    private static func scenario(
        _ settings: Settings, _ place: Claim.Place, target: String?
    ) throws(TreeError) -> Scenario {
        var scenario = Scenario(seed: 0)
        func set(
            _ key: String, _ range: ClosedRange<Int>, _ field: WritableKeyPath<Scenario, Int>
        ) throws(TreeError) {
            if let value = try settings[key].integer(key, in: range) {
                scenario[keyPath: field] = value
            }
        }
        try set("nodes", 1...64, \.nodes)
        scenario.n = min(3, scenario.nodes)
        try set("n", 1...min(scenario.nodes, Limits.replicas), \.n)
        scenario.r = scenario.n / 2 + 1
        scenario.w = scenario.r
        try set("r", 1...scenario.n, \.r)
        try set("w", 1...scenario.n, \.w)
        try set("keys", 1...1_000_000, \.keys)
        try set("clients", 1...1_000, \.clients)
        scenario.writers = try settings["writers"].integer("writers", in: 1...scenario.clients)
        try set("operations", 1...1_000_000, \.operations)
        try setMode(settings, place, &scenario)
        scenario.readRepair = try readRepair(settings)
        if let word = try settings["quorum"].text("quorum") {
            guard let kind = QuorumKind(rawValue: word) else {
                throw settings["quorum"].expected("strict or sloppy", at: "quorum")
            }
            scenario.quorumKind = kind
        }
        try setCollection(settings, place, &scenario)
        try setFaults(of: &scenario, settings, target: target)
        if place == .processes, scenario.writers != nil {
            throw settings["writers"].expected(
                "left out (on processes every client writes)", at: "writers")
        }
        switch try settings["fsync"].text("fsync") ?? "always" {
        case "memory": scenario.durability = nil
        case "never", "everysec": scenario.durability = .appended
        default: break
        }
        return scenario
    }

    private static func fsync(_ settings: Settings, _ place: Claim.Place) throws(TreeError)
        -> String
    {
        let known = ["memory", "always", "everysec", "never"]
        let mode = try mode(settings)
        let fallback = place == .simulation || mode != .lww ? "always" : "memory"
        let word = try settings["fsync"].text("fsync") ?? fallback
        guard known.contains(word) else {
            throw settings["fsync"].expected(known.joined(separator: ", "), at: "fsync")
        }
        if place == .processes, mode != .lww, word != "always" {
            throw settings["fsync"].expected("always (mode \(mode.rawValue))", at: "fsync")
        }
        return word
    }

    private static func setMode(
        _ settings: Settings, _ place: Claim.Place, _ scenario: inout Scenario
    ) throws(TreeError) {
        scenario.mode = try mode(settings)
        if scenario.mode == .siblings, place == .processes {
            throw settings["mode"].expected(
                "lww, abd or cp (siblings are read and written in simulation only)", at: "mode")
        }
        if let deletes = try settings["deletes"].integer("deletes", in: 0...600) {
            scenario.deletesPerThousand = UInt64(deletes)
        }
        if let swaps = try settings["swaps"].integer("swaps", in: 0...600), swaps > 0 {
            guard scenario.mode == .cp, place == .simulation else {
                throw settings["swaps"].expected(
                    "left out (only mode cp in simulation has compare-and-set)", at: "swaps")
            }
            scenario.swapsPerThousand = UInt64(swaps)
        }
        if scenario.mode == .abd, scenario.r + scenario.w <= scenario.n {
            throw settings["w"].expected(
                "more than n - r, which is \(scenario.n - scenario.r), in mode abd", at: "w")
        }
    }

    /// Deletions that are forgotten, in runs whose requests time out soon enough for that.
    private static func setCollection(
        _ settings: Settings, _ place: Claim.Place, _ scenario: inout Scenario
    ) throws(TreeError) {
        scenario.collects = try settings["collect"].boolean("collect") ?? false
        scenario.antiEntropy = try settings["anti_entropy"].boolean("anti_entropy") ?? false
        if let timeout = try settings["timeout"].duration("timeout") {
            guard (3...3_600_000).contains(timeout.nanoseconds / 1_000_000) else {
                throw settings["timeout"].expected("3ms to 1h", at: "timeout")
            }
            scenario.timeout = timeout
        }
        if let window = try settings["hint_window"].duration("hint_window") {
            scenario.hintWindow = window
        }
        for key in ["collect", "anti_entropy", "timeout", "hint_window"]
        where place == .processes && settings[key][key] != nil {
            throw settings[key].expected("left out (it is for simulation)", at: key)
        }
    }

    private static func mode(_ settings: Settings) throws(TreeError) -> ConflictMode {
        guard let word = try settings["mode"].text("mode") else { return .lww }
        guard let mode = ConflictMode(rawValue: word) else {
            throw settings["mode"].expected("lww, siblings, abd, cp", at: "mode")
        }
        return mode
    }

    private static func readRepair(_ settings: Settings) throws(TreeError) -> ReadRepair {
        guard let word = try settings["read_repair"].text("read_repair") else {
            return .asynchronous
        }
        guard let repair = ReadRepair(rawValue: word) else {
            throw settings["read_repair"].expected("none, async or blocking", at: "read_repair")
        }
        return repair
    }

    /// Families of random faults, or one file with a schedule.
    private static func setFaults(
        of scenario: inout Scenario, _ settings: Settings, target: String?
    ) throws(TreeError) {
        let section = settings["faults"]
        let words = try section.texts("faults") ?? []
        if let file = words.first(where: { $0.hasSuffix(".yaml") }) {
            guard words.count == 1 else {
                throw section.expected("one schedule, or families of faults", at: "faults")
            }
            let schedule = try FaultSchedule(YAML.read(file), file: file)
            _ = try schedule.plan(nodes: scenario.nodes, length: .seconds(1), seed: 1)
            scenario.faultSchedule = schedule
        } else {
            scenario.faults = try faults(settings)
        }
        if target != nil, scenario.faultSchedule != nil || !scenario.faults.isEmpty {
            throw section.expected(
                "[] (faults strike clusters that are started for the claim)", at: "faults")
        }
    }

    private static func faults(_ settings: Settings) throws(TreeError) -> FaultFamilies {
        let section = settings["faults"]
        do {
            let words = try section.texts("faults") ?? []
            return try FaultFamilies(parsing: words.joined(separator: ","))
        } catch let error as ScenarioError {
            throw section.expected("a list of faults (\(error))", at: "faults")
        } catch let error as TreeError {
            throw error
        } catch {
            throw section.expected("a list of faults", at: "faults")
        }
    }

    /// Reads a setting where it is said: in the claim, else in the defaults.
    private struct Settings {
        let claim: Section
        let defaults: Section

        subscript(key: String) -> Section { claim[key] == nil ? defaults : claim }
    }
}
