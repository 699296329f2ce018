import Basics
import Experiments
import Foundation
import TestSupport
import Testing

struct PredictionTests {
    private static func trials(
        _ name: String, n: Int = 3, count: Int = 60_000
    ) throws -> WARSTrials {
        var trials = WARSTrials(try #require(LatencyModel.named(name)), n: n, seed: 11)
        trials.run(count)
        return trials
    }

    private static func expect(
        _ value: Double, near wanted: Double, within share: Double,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(
            (value - wanted).magnitude <= share * wanted, "\(value), expected \(wanted)",
            sourceLocation: sourceLocation)
    }

    /// Shares of fresh reads at the commit by (R, W), from two million trials each.
    @Test(arguments: [
        ("lnkd-ssd", [(1, 1, 0.9735), (1, 2, 0.9781), (2, 1, 0.9994)]),
        ("lnkd-disk", [(1, 1, 0.4379), (1, 2, 0.7125), (2, 1, 0.7629)]),
        ("ymmr", [(1, 1, 0.8928), (1, 2, 0.9194), (2, 1, 0.9909)]),
        ("wan", [(1, 1, 0.3336), (2, 1, 0.8585)]),
    ])
    func readsAtTheCommitAreAsFreshAsPublished(
        name: String, figures: [(r: Int, w: Int, fresh: Double)]
    ) throws {
        let trials = try PredictionTests.trials(name)
        for figure in figures {
            let fresh = trials.fresh(r: figure.r, w: figure.w, after: .zero)
            #expect((fresh - figure.fresh).magnitude < 0.007, "\(name) \(figure): \(fresh)")
        }
    }

    @Test func latenciesOfTheDiskAreThoseOfTheTable() throws {
        let trials = try PredictionTests.trials("lnkd-disk", count: 100_000)
        func near(_ time: Instant.Duration, _ ms: Double) {
            PredictionTests.expect(time.milliseconds, near: ms, within: 0.06)
        }
        near(trials.readLatency(r: 1, share: 0.999), 0.65)
        near(trials.readLatency(r: 2, share: 0.999), 1.63)
        near(trials.writeLatency(w: 1, share: 0.999), 11.01)
        near(trials.writeLatency(w: 2, share: 0.999), 20.93)
        near(trials.writeLatency(w: 1, share: 0.5), 1.50)
        #expect((trials.fresh(r: 1, w: 1, after: .milliseconds(10)) - 0.925).magnitude < 0.005)
    }

    @Test func moreReplicasMakeTheDiskStaler() throws {
        let two = try PredictionTests.trials("lnkd-disk", n: 2)
        let ten = try PredictionTests.trials("lnkd-disk", n: 10, count: 15_000)
        #expect((two.fresh(r: 1, w: 1, after: .zero) - 0.575).magnitude < 0.008)
        #expect((ten.fresh(r: 1, w: 1, after: .zero) - 0.211).magnitude < 0.012)
    }

    @Test func overlappingQuorumsAreAlwaysFresh() {
        Seeds.forAll(12, "overlap") { random in
            let n = 1 + random.below(5)
            let models = LatencyModel.published.map(\.model)
            var trials = WARSTrials(
                models[random.below(models.count)], n: n, seed: random.next())
            trials.run(500)
            return (1...n).allSatisfy { r in
                (1...n).filter { r + $0 > n }.allSatisfy { w in
                    trials.fresh(r: r, w: w, after: .zero) == 1
                        && trials.visibility(r: r, w: w, probability: 1) == .zero
                }
            }
        }
    }

    @Test func aLocalReplicaOfAPlacedCoordinatorAnswersAtOnce() {
        let leg = LatencyMixture([.init(1, .constant(1))])
        let model = LatencyModel(
            write: leg, acknowledge: leg, read: leg, respond: leg,
            topology: .placed(
                nodes: 3, delays: [0, 9, 9, 9, 0, 9, 9, 9, 0], client: 0))
        var trials = WARSTrials(model, n: 3, seed: 3)
        trials.run(2_000)
        #expect(trials.readLatency(r: 1, share: 1) == .zero)
        #expect(trials.writeLatency(w: 2, share: 1).milliseconds.rounded() == 20)
        // One in three reads at R = W = 1 happens to ask where the write was coordinated; the
        // others see it when it has come, 10 ms after its commit.
        let fresh = trials.fresh(r: 1, w: 1, after: .zero)
        #expect((fresh - 1 / 3.0).magnitude < 0.05)
        #expect(trials.fresh(r: 1, w: 1, after: .microseconds(10_100)) == 1)
    }

    @Test func versionStalenessFollowsTheClosedForm() {
        let wanted = [1: 0.333, 2: 0.556, 3: 0.704, 5: 0.868, 10: 0.983]
        for (k, share) in wanted {
            #expect((VersionStaleness.within(k: k, n: 3, r: 1, w: 1) - share).magnitude < 0.0006)
        }
        for (r, w) in [(1, 2), (2, 1)] {
            #expect((VersionStaleness.within(k: 2, n: 3, r: r, w: w) - 0.889).magnitude < 0.0006)
        }
        #expect(VersionStaleness.missed(n: 3, r: 2, w: 2) == 0)
    }

    @Test func theSameSeedGivesTheSamePrediction() throws {
        let model = try #require(LatencyModel.named("wan"))
        func predicted(_ seed: UInt64) -> Prediction {
            var trials = WARSTrials(model, n: 3, seed: seed)
            trials.run(3_000)
            return Prediction(trials, distributions: "wan", seed: seed, times: [.milliseconds(9)])
        }
        #expect(predicted(5) == predicted(5))
        #expect(predicted(5).configurations != predicted(6).configurations)
        #expect(predicted(5).text.contains("fresh 9.00 ms after"))
    }

    @Test func aFileOfDistributionsIsRead() throws {
        let path = FileManager.default.temporaryDirectory.path + "/latencies-\(UUID()).yaml"
        defer { try? FileManager.default.removeItem(atPath: path) }
        func read(_ text: String) throws -> LatencyModel {
            try ResultStore.write(ResultStore.bytes(text), to: path)
            return try LatencyFile.read(path)
        }
        let model = try read(
            """
            w: [{weight: 0.38, pareto: [1.05, 1.51]}, {weight: 0.62, exponential: 0.183}]
            a: [{weight: 0.9122, pareto: [0.235, 10]}, {weight: 0.0878, exponential: 1.66}]
            remote: 75ms
            """)
        #expect(model == LatencyModel.named("wan"))
        for (text, complaint) in [
            ("a: [{constant: 1}]", "“w” is missing"), ("w: [{pareto: 3}]", "two numbers"),
            ("w: [{pareto: [1, 0]}]", "out of range"), ("w: [{weight: 1}]", "exactly one of"),
            ("w: []", "at least one component"), ("w: [{constnt: 1}]", "did you mean"),
        ] {
            do {
                _ = try read(text)
                Issue.record("\(text) was accepted")
            } catch {
                #expect("\(error)".contains(complaint), "\(error)")
            }
        }
    }
}
