import Experiments
import Testing

/// The constructed sweep, judged by hand: reads take 180 µs + 70 µs · R at a typical point and
/// writes 190 µs + 90 µs · W, so latency grows with both; R + W ≤ 3 is stale in 40 / (R·W) of
/// 16,000 reads and violates linearizability; max(R, W) = 3 survives nothing.
struct RecommendationTests {
    private static func recommend(_ texts: [String]) throws -> Recommendation {
        let panel = try #require(Panel.panels(of: ConstructedResults.sweep().cells).first)
        return Recommendation(panel, objectives: try texts.map { try ServiceObjective($0) })
    }

    @Test func theChoiceIsTheOneComputedByHand() throws {
        // Stale in less than 0.1 % for certain leaves R + W > 3; survives=1 leaves (2,2) alone.
        let safe = try RecommendationTests.recommend(["stale<0.001", "survives=1"])
        #expect(safe.choice == "R=2 W=2")
        #expect(safe.headline.contains("the only one of 9"))
        // Without a promise of freshness the fastest is the smallest.
        #expect(try RecommendationTests.recommend(["survives=1"]).choice == "R=1 W=1")
        // 40 of 16,000 are 0.25 %, 20 are 0.125 % (0.0764 % to 0.193 %): below 0.2 % for certain.
        let fresh = try RecommendationTests.recommend(["stale<0.002", "survives=1"])
        #expect(["R=1 W=2", "R=2 W=1"].contains(fresh.choice))
        // Nothing beats no latency at all.
        let none = try RecommendationTests.recommend(["read_p99<1us"])
        #expect(none.choice == nil && none.isImpossible)
        #expect(none.headline == "None of the 9 configurations meets the objectives.")
    }

    @Test func everyNeighbourIsToldWhyItLost() throws {
        let answer = try RecommendationTests.recommend(["stale<0.001", "survives=1"])
        let reasons = Dictionary(
            uniqueKeysWithValues: answer.candidates.map { ($0.configuration, $0.reason) })
        #expect(reasons.count == 9)
        #expect(reasons["R=2 W=2"] == .some(nil))
        #expect(reasons["R=1 W=1"]??.contains("misses stale<0.001") == true)
        #expect(reasons["R=1 W=3"]??.contains("misses survives=1") == true)
        #expect(reasons["R=3 W=3"]??.contains("0 of them down") == true)
        #expect(answer.candidates.first?.configuration == "R=2 W=2")
        #expect(answer.text.contains("Measured once"))
    }

    @Test func theFrontierHoldsWhatNothingBeats() throws {
        let frontier = try RecommendationTests.recommend(["linearizable"]).frontier
        // The fastest of all, and the fastest that is fresh and survives one failure.
        #expect(frontier.first == "R=1 W=1")
        #expect(frontier.contains("R=2 W=2"))
        #expect(!frontier.contains("R=3 W=3"))
    }

    @Test func doubtIsNotAYes() throws {
        // 0 of 16,000 bounds the rate by 0.0187 %: not below 0.01 % by measurement, but R + W > N.
        let answer = try RecommendationTests.recommend(["stale<1e-4"])
        let two = try #require(answer.candidates.first { $0.configuration == "R=2 W=2" })
        #expect(two.assessments[0].answer == .met)
        #expect(two.assessments[0].evidence.contains("R + W > N"))
        // No read was measured by its age, so nothing is known from 50 ms on.
        let aged = try RecommendationTests.recommend(["stale<1e-3@50ms"])
        #expect(aged.choice == nil && !aged.isImpossible)
        #expect(aged.candidates.allSatisfy { $0.assessments[0].answer == .unclear })
    }

    /// A cell of a mode that promises linearizability, made of one that does not.
    private static func register(_ mode: String, slowedBy factor: Int64) -> CellResult {
        var cell = ConstructedResults.cell(r: 2, w: 2)
        cell.configuration.mode = mode
        cell.configuration.readRepair = nil
        for index in cell.latencies.indices {
            cell.latencies[index].percentilesNs["99"]? *= factor
        }
        return cell
    }

    @Test func onlyAModeThatPromisesItIsLinearizableBeyondDoubt() throws {
        // In lww six configurations had no violation, and none of them promises that.
        let doubtful = try RecommendationTests.recommend(["linearizable"])
        #expect(doubtful.choice == nil && !doubtful.isImpossible)
        #expect(doubtful.headline.contains("mode lww does not promise it"))
        // Beside them abd and cp do, and the faster of the two is chosen, however slow.
        var cells = ConstructedResults.sweep().cells
        cells.append(RecommendationTests.register("abd", slowedBy: 9))
        cells.append(RecommendationTests.register("cp", slowedBy: 5))
        let panels = Panel.panels(of: cells)
        #expect(panels.count == 3)
        let choices = Panel.choices(of: panels)
        #expect(choices.count == 1)
        #expect(choices[0].configurations.map(\.name).contains("R=2 W=2 abd"))
        let objectives = [try ServiceObjective("linearizable"), try ServiceObjective("survives=1")]
        let answer = Recommendation(choices[0], objectives: objectives)
        #expect(answer.choice == "cp")
        #expect(answer.headline.hasPrefix("Take cp, the fastest of 2 that meet the objectives"))
        let abd = try #require(answer.candidates.first { $0.configuration == "R=2 W=2 abd" })
        #expect(abd.reason == "meets them too, but its p99 is 80.0 % higher")
        // One that was violated is missed, whatever its mode promises.
        cells[10].verdicts[0].verdict = "violated"
        let broken = Recommendation(
            Panel.choices(of: Panel.panels(of: cells))[0], objectives: objectives)
        #expect(broken.choice == "R=2 W=2 abd")
    }

    @Test func sloppyQuorumsSurviveWhatStrictOnesDoNot() throws {
        var cells = [ConstructedResults.cell(r: 3, w: 1), ConstructedResults.cell(r: 3, w: 1)]
        cells[1].configuration.quorum = "sloppy"
        let choice = try #require(Panel.choices(of: Panel.panels(of: cells)).first)
        let answer = Recommendation(choice, objectives: [try ServiceObjective("survives=2")])
        // Five nodes: three of those that remain answer for the replicas.
        #expect(answer.choice == "R=3 W=1 sloppy")
        #expect(answer.candidates[1].reason?.contains("goes on with 0 of them down") == true)
    }

    @Test func ofOtherStoresItIsSaidWhatTheirSetUpSurvives() throws {
        let cells = ["redis WAIT 1", "etcd linearizable", "postgres commit=on"].map { name in
            var cell = ConstructedResults.cell(r: 2, w: 2)
            cell.configuration.store = name
            cell.configuration.mode = ""
            return cell
        }
        let panel = try #require(Panel.panels(of: cells).first)
        let answer = Recommendation(
            panel,
            objectives: [try ServiceObjective("survives=1"), try ServiceObjective("linearizable")])
        #expect(answer.choice == "etcd linearizable")
        #expect(answer.sureness.contains { $0.contains("for its own documents to say") })
        for candidate in answer.candidates.dropFirst() {
            #expect(candidate.reason?.contains("nothing takes over") == true)
        }
    }

    @Test(arguments: [
        "read_p99", "read_p98<5ms", "scan_p99<5ms", "read_p99<5", "stale<2", "stale<0.1@5",
        "survives=x", "linearisable", "availability>1", "",
    ])
    func whatIsNoObjectiveIsRefused(text: String) {
        #expect(throws: ResultError.self) { try ServiceObjective(text) }
    }
}
