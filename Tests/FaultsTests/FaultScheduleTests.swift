import Basics
import Faults
import Platform
import TestSupport
import Testing
import Workloads

/// Schedules: what they may say, what is drawn, and that a plan written down gives itself.
@Suite struct FaultScheduleTests {
    private func schedule(_ faults: String...) throws -> FaultSchedule {
        let text = "faults:\n" + faults.map { "  - {\($0)}\n" }.joined()
        return try FaultSchedule(
            YAML.parse(Array(text.utf8), file: "faults.yaml"), file: "faults.yaml")
    }

    private func effect(
        _ fault: String, nodes: Int = 5, seed: UInt64 = 3
    ) throws -> FaultEffect {
        let plan = try schedule(fault + ", at: 1s, for: 1s")
            .plan(nodes: nodes, length: .seconds(10), seed: seed)
        return try #require(plan.faults.first).effect
    }

    private func message(_ fault: String) -> String {
        do {
            _ = try schedule(fault).plan(nodes: 5, length: .seconds(10), seed: 1)
            return "nothing is wrong"
        } catch { return "\(error)" }
    }

    @Test func halvesCutEveryLinkBetweenTwoSidesBothWays() throws {
        let links = try effect("fault: partition, groups: halves").links
        // Two against three, both ways.
        #expect(links.count == 12)
        #expect(links.allSatisfy { links.contains(FaultLink(from: $0.to, to: $0.from)) })
        #expect(try effect("fault: partition, groups: halves, one_way: true").links.count == 6)
        let named = try effect("fault: partition, groups: [[n1, n2], [n3]], one_way: true").links
        #expect(named == [FaultLink(from: 0, to: 2), FaultLink(from: 1, to: 2)])
    }

    @Test func aRingOfMajoritiesLeavesEveryMemberAMajorityOfItsOwn() throws {
        try Seeds.forAll(40, "majorities ring") { random in
            let count = 3 + random.below(7)
            let links = try effect(
                "fault: partition, groups: majorities-ring", nodes: count, seed: random.next()
            ).links
            var seen: Set<Set<Int>> = []
            for member in 0..<count {
                let reached = Set(
                    (0..<count).filter { !links.contains(FaultLink(from: member, to: $0)) })
                guard reached.count > count / 2 else { return false }
                seen.insert(reached)
            }
            return !links.isEmpty && (count < 4 || seen.count > 1)
        }
    }

    @Test func sharesOfTheRunFitRunsOfEveryLength() throws {
        let schedule = try schedule("fault: kill, nodes: one, at: 20%, for: 12.5%")
        for seconds in [1, 60] {
            let plan = try schedule.plan(nodes: 5, length: .seconds(seconds), seed: 1)
            #expect(plan.faults.map(\.start) == [.milliseconds(200 * seconds)])
            #expect(plan.faults.map(\.end) == [.milliseconds(325 * seconds)])
        }
    }

    @Test func repeatedFaultsStrikeInTurnOneAfterTheOther() throws {
        let plan = try schedule(
            "fault: stop, nodes: in-turn, at: 1s, for: 1s, repeat: 7, every: 2s"
        ).plan(nodes: 5, length: .seconds(20), seed: 1)
        #expect(plan.faults.map(\.effect.nodes) == [[0], [1], [2], [3], [4], [0], [1]])
        #expect(plan.faults[6].start == .seconds(13))
    }

    @Test func endsComeBeforeBeginningsOfTheSameTime() {
        let reset = FaultEffect.reset([FaultLink(from: 0, to: 1)])
        let plan = FaultPlan([
            PlannedFault(.pause([1]), from: .seconds(2), until: .seconds(3)),
            PlannedFault(.kill([0]), from: .seconds(1), until: .seconds(2)),
            PlannedFault(reset, from: .seconds(2), until: .seconds(2)),
        ])
        let words = plan.steps.map { step in
            (step.begins ? "+" : "-") + plan.faults[step.fault].effect.word
        }
        #expect(words == ["+kill", "-kill", "+pause", "+reset", "-pause"])
    }

    @Test func aPlanWrittenDownIsReadAsItself() throws {
        let mix = try StandardMix.schedule()
        try Seeds.forAll(30, "plans") { random in
            let plan = try mix.plan(nodes: 5, length: .seconds(60), seed: random.next())
            let text = plan.text(named: "a \"plan\"")
            let again = try FaultSchedule(
                YAML.parse(Array(text.utf8), file: "again.yaml"), file: "again.yaml")
            return try plan.faults.count > 3 && again.name == "a \"plan\""
                && again.plan(nodes: 5, length: .seconds(1), seed: 0) == plan
        }
    }

    @Test func aSeedDecidesThePlanAndItEndsInTime() throws {
        let mix = try StandardMix.schedule()
        let plans = try [1, 1, 2].map {
            try mix.plan(nodes: 5, length: .seconds(30), seed: UInt64($0))
        }
        #expect(plans[0] == plans[1])
        #expect(plans[0] != plans[2])
        #expect(plans[0].end <= .seconds(30))
    }

    @Test func whatCannotBeUnderstoodIsNamedWithItsPlace() {
        let time = ", at: 1s, for: 1s"
        let expected = [
            "fault: partitoin" + time: "did you mean “partition”",
            "fault: kill, for: 1s": "faults.yaml:2: the key “faults[0].at” is missing",
            "fault: kill, nodes: [n9]" + time:
                "faults.yaml:2: a fault names n9, but there are 5 nodes",
            "fault: slow" + time: "“faults[0].latency” is missing",
            "fault: lossy, drop: 150%" + time: "a share such as 2.5%",
            "fault: pause, at: soon, for: 1s": "a share of the run such as 20%",
            "fault: kill, repeat: 3" + time: "from one beginning to the next",
            "fault: reset" + time: "this happens once",
            "fault: cut, links: [n1>n1]" + time: "[n1>n2, n2-n3] (found “n1>n1”)",
            "fault: partition, groups: [[n1]]" + time: "lists of members such as",
            "fault: slow-disk, by: 2h" + time: "at most 60s",
            "fault: add, at: 1s": "keeps the member list that it began with",
            "fault: remove, at: 1s": "members cannot be added or removed",
        ]
        for (fault, part) in expected {
            #expect(message(fault).contains(part), "\(fault): \(message(fault))")
        }
    }

    @Test func everyScheduleThatShipsIsUnderstood() throws {
        let folder = FileSystem.parent(of: #filePath) + "/../../workloads/faults"
        let names = try FileSystem.list(folder)
        #expect(names.count > 20)
        for name in names {
            let schedule = try FaultSchedule(YAML.read("\(folder)/\(name)"), file: name)
            #expect("\(schedule.name).yaml" == name)
            // Members come and go only when the store can do it.
            guard name != "churn.yaml" else { continue }
            for nodes in [3, 5, 9] {
                let plan = try schedule.plan(nodes: nodes, length: .seconds(60), seed: 1)
                #expect(!plan.isEmpty)
            }
        }
        #expect(try FileSystem.text("\(folder)/mix.yaml") == StandardMix.text + "\n")
    }

    @Test func sharesAreReadAndWrittenExactly() {
        for (text, share) in [("0%", 0), ("100%", 1_000_000), ("2.5%", 25_000), ("0.0001%", 1)] {
            #expect(FaultShare.parse(text) == share)
            #expect(FaultShare.text(share) == text)
        }
        for text in ["5", "-1%", "100.1%", "1.00001%", "%", "1.%"] {
            #expect(FaultShare.parse(text) == nil, "\(text)")
        }
    }
}
