import Basics
import Consistency
import Experiments
import Foundation
import Load
import Platform
import Simulation
import Testing

/// Claims files, their verdicts, and the documents about them.
struct ClaimsTests {
    private func claims(_ text: String) throws -> [Claim] {
        try ClaimsFile.claims(YAML.parse(Array(text.utf8), file: "c.yaml"), file: "c.yaml")
    }

    private func problem(_ text: String) -> String {
        do {
            return "accepted: \(try claims(text).count)"
        } catch { return "\(error)" }
    }

    private func results(_ text: String, jobs: Int = 1) throws -> [ClaimResult] {
        try ClaimsRun(claims(text), seed: 1, jobs: jobs, stop: StopFlag()).run()
    }

    private let stale = """
        defaults: {nodes: 5, n: 3, operations: 40, seeds: 40, faults: [partition]}
        claims:
          - {name: one-one is fresh, r: 1, w: 1, model: weak-regular, expect: violated}
          - {name: strict is fresh, r: 2, w: 2, model: weak-regular, expect: holds}

        """

    @Test func settingsComeFromTheClaimElseFromTheDefaults() throws {
        let claims = try claims(stale)
        #expect(claims.map(\.scenario.r) == [1, 2])
        #expect(claims.map(\.seeds) == [40, 40])
        #expect(claims.allSatisfy { $0.scenario.faults == .partition })
        #expect(claims[0].line == 3)
        #expect(claims[0].settingText.hasPrefix("N=3 R=1 W=1"))
    }

    @Test func theSeedsOfAClaimFollowFromItsContentAndNotFromItsPlace() throws {
        let both = try claims(stale)
        let last = try claims(
            "claims:\n  - {name: x, nodes: 5, n: 3, operations: 40, faults: [partition], r: 2, "
                + "w: 2, model: weak-regular, expect: holds}")
        #expect(both[1].firstSeed(base: 7) == last[0].firstSeed(base: 7))
        #expect(both[0].firstSeed(base: 7) != both[1].firstSeed(base: 7))
        #expect(both[0].firstSeed(base: 7) != both[0].firstSeed(base: 8))
    }

    @Test(arguments: [
        ("clams: []", "c.yaml:1: unknown key “clams”; did you mean “claims”?"),
        (
            "claims:\n  - name: a\n    modle: regular\n    expect: holds",
            "c.yaml:3: unknown key “claims[0].modle”; did you mean “model”?"
        ),
        (
            "claims:\n  - {name: a, model: regular, expect: maybe}",
            "c.yaml:2: “claims[0].expect” must be holds or violated, not “maybe”"
        ),
        (
            "claims:\n  - {name: a, model: regular, expect: holds, mode: siblings, "
                + "where: processes}",
            "c.yaml:2: “claims[0].mode” must be lww, abd or cp (siblings are read and written in "
                + "simulation only), not “siblings”"
        ),
        (
            "claims:\n  - {name: a, model: regular, expect: holds, mode: abd, r: 1, w: 1}",
            "c.yaml:2: “claims[0].w” must be more than n - r, which is 2, in mode abd, not “1”"
        ),
        (
            "claims:\n  - {name: a, model: regular, expect: holds, swaps: 100}",
            "c.yaml:2: “claims[0].swaps” must be left out (only mode cp in simulation has "
                + "compare-and-set), not “100”"
        ),
        (
            "defaults: {faults: [kil]}\nclaims:\n  - {name: a, model: regular, expect: holds}",
            "c.yaml:1: “defaults.faults” must be a list of faults (unknown fault 'kil'"
        ),
        (
            "claims:\n  - {name: a, n: 3, r: 4, model: regular, expect: holds}",
            "c.yaml:2: “claims[0].r” must be a whole number from 1 to 3, not “4”"
        ),
        (
            "claims:\n  - {name: a, model: linearisable, expect: holds}",
            "did you mean “linearizable”?"
        ),
        (
            "claims:\n  - {name: a, model: regular, expect: holds}\n"
                + "  - {name: a, model: regular, expect: holds}",
            "c.yaml:3: “claims[1].name” must be a name of its own (the claim of line 2 has it)"
        ),
        (
            "target: redis://127.0.0.1:1\nclaims:\n"
                + "  - {name: a, model: regular, expect: holds, where: simulation}",
            "cannot be simulated"
        ),
        ("claims: []", "at least one claim"),
        ("store: other\nclaims: []", "for another store give “target”"),
    ])
    func badFilesAreRefusedWithFileAndLine(_ text: String, _ message: String) {
        #expect(problem(text).contains(message), "\(problem(text))")
    }

    @Test func whatIsFalseIsFoundAndWhatHoldsHolds() throws {
        let results = try results(stale)
        #expect(results.map(\.verdict) == [.violated, .holds])
        #expect(results.map(\.standing) == [.pass, .pass])
        let witness = try #require(results[0].witness)
        #expect((2...10).contains(witness.operations.count))
        #expect(results[0].command?.contains("--model weak-regular --shrink") == true)
        #expect(results[1].reason.hasPrefix("no violation in 40 seeds"))
    }

    @Test func whatIsFoundDoesNotDependOnThreads() throws {
        let one = try results(stale, jobs: 1)
        let four = try results(stale, jobs: 4)
        #expect(one.map(\.line) == four.map(\.line))
        #expect(one.map(\.witness) == four.map(\.witness))
        #expect(one.map(\.seedsRun) == four.map(\.seedsRun))
    }

    @Test func aFalseClaimFailsAndSaysHowToReplayIt() throws {
        let text = stale.replacingOccurrences(of: "expect: violated", with: "expect: holds")
        let results = try results(text)
        #expect(results[0].standing == .fail)
        #expect(results[0].text.contains("Replay it: quorumeter simulate --seed"))
        let report = ClaimsReport(results, seed: 1, origin: "test")
        #expect(report.standing == .fail)
        #expect(report.summary == "2 claims: 1 pass, 1 fail")
        #expect(report.junit.contains("failures=\"1\""))
        #expect(report.markdown.contains("| ❌ | one-one is fresh |"))
    }

    @Test func anInterruptedOrUnfinishedClaimIsInconclusiveAndSaysWhatIsMissing() throws {
        let claims = try claims(stale)
        var run = ClaimsRun(claims, seed: 1, jobs: 1, stop: StopFlag())
        run.budget = .nanoseconds(1)
        let results = try run.run()
        #expect(results.allSatisfy { $0.standing == .inconclusive })
        #expect(results.map(\.needed) == [40, 40])
        #expect(ClaimsReport(results, seed: 1, origin: "").standing == .inconclusive)
    }

    @Test func aBoundIsJudgedOverReads() throws {
        let text = """
            defaults: {r: 1, w: 1, faults: [partition], keys: 1, operations: 60}
            claims:
              - {name: loose, seeds: 60, expect: holds,
                 bound: {staleness: 10s, probability: 0.9, confidence: 0.99}}
              - {name: strict, seeds: 60, expect: violated,
                 bound: {staleness: 0, probability: 0.9999, confidence: 0.99}}
              - {name: open, seeds: 1, expect: holds,
                 bound: {staleness: 10s, probability: 0.999999, confidence: 0.99}}
            """
        let results = try results(text)
        #expect(results.map(\.standing) == [.pass, .pass, .inconclusive])
        #expect(results[2].needed ?? 0 > 4_000_000)
        #expect(results[2].reason.contains("reads more would settle it"))
    }

    @Test func documentsAreWellFormedAndEscaped() throws {
        let text = """
            claims:
              - {name: 'a < "b" & c|d', operations: 4, seeds: 1, model: regular, expect: holds}
            """
        let report = ClaimsReport(try results(text), seed: 3, origin: "quorumeter test")
        #expect(report.junit.contains("name=\"a &lt; &quot;b&quot; &amp; c|d\""))
        #expect(report.markdown.contains("| a < \"b\" & c\\|d |"))
        let json = try JSONSerialization.jsonObject(with: Data(report.json().utf8))
        let entries = (json as? [String: Any])?["claims"] as? [[String: Any]]
        #expect(entries?.first?["verdict"] as? String == "holds")
        #expect(entries?.first?["standing"] as? String == "pass")
        #expect(try ClaimsReport([], seed: 1, origin: "").json().contains("quorumeter.verify/1"))
    }

    @Test func theNumberOfSamplesThatSettlesABoundIsTheRuleOfThree() {
        let open = SampleSize.judge(events: 0, trials: 100, limit: 0.001, confidence: 0.95)
        guard case .open(let more?) = open else {
            Issue.record("\(open)")
            return
        }
        // 1 − 0.05^(1/n) ≤ 0.001 for n = 2,995.
        #expect(more == 2_995 - 100)
        #expect(
            SampleSize.judge(events: 0, trials: 2_995, limit: 0.001, confidence: 0.95) == .within)
        #expect(
            SampleSize.judge(events: 50, trials: 1_000, limit: 0.001, confidence: 0.95) == .beyond)
    }
}
