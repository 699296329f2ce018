#if MUTANTS
    import Basics
    import Consistency
    import Replication
    import Simulation
    import TestSupport
    import Testing

    /// Bugs that are planted on purpose: each must be found within its number of seeds, and
    /// without it nothing may be found.
    struct MutantTests {
        /// How a bug is hunted: the configuration and weather in which it shows, what must see it,
        /// and within how many seeds it must.
        struct Hunt: Sendable {
            let mutation: Mutation
            let seeds: UInt64
            let scenario: Scenario
            let model: Model
        }

        private static func hunt(
            _ mutation: Mutation, within seeds: UInt64, _ model: Model, _ faults: FaultFamilies,
            repair: ReadRepair = .none, change: (inout Scenario) -> Void = { _ in }
        ) -> Hunt {
            var scenario = Scenario(seed: 0)
            scenario.keys = 1
            scenario.operations = 40
            scenario.faults = faults
            scenario.readRepair = repair
            change(&scenario)
            return Hunt(mutation: mutation, seeds: seeds, scenario: scenario, model: model)
        }

        static let hunts: [Hunt] = [
            hunt(.acknowledgeBeforeSync, within: 400, .weakRegular, [.crash, .delay]) {
                $0.nodes = 3
            },
            hunt(.revealBeforeDurable, within: 2_000, .linearizable, .crash, repair: .blocking) {
                $0.nodes = 3
            },
            hunt(.writeQuorumOneShort, within: 100, .weakRegular, [.delay, .partition]),
            hunt(.readQuorumOneShort, within: 100, .weakRegular, [.delay, .partition]),
            hunt(.mergeKeepsLowerVersion, within: 100, .weakRegular, [.delay, .duplicate]),
            hunt(
                .countDuplicateAcknowledgements, within: 200, .weakRegular, [.duplicate, .delay]
            ) {
                $0.r = 1
                $0.w = 3
            },
            hunt(.skipWriteBack, within: 400, .linearizable, [.delay, .loss], repair: .blocking),
            hunt(
                .repairRestamps, within: 400, .weakRegular, [.delay, .loss], repair: .asynchronous),
            hunt(.acknowledgeTimeouts, within: 200, .weakRegular, [.partition, .loss]) {
                $0.timeout = .milliseconds(6)
            },
            hunt(.retransmissionRestamps, within: 400, .weakRegular, [.loss, .delay]),
            hunt(.antiEntropyRestamps, within: 200, .weakRegular, [.partition, .loss]) {
                $0.antiEntropy = true
                $0.timeout = .milliseconds(6)
                $0.hintWindow = .milliseconds(1)
                $0.operations = 200
            },
            hunt(.siblingsReplace, within: 100, .multiValue, [.delay, .partition]) {
                $0.mode = .siblings
            },
            hunt(.blindWritesReplace, within: 100, .multiValue, .delay) { $0.mode = .siblings },
            hunt(.passedWritesRepeat, within: 1_000, .multiValue, [.duplicate, .delay]) {
                $0.mode = .siblings
            },
            hunt(.answerTwice, within: 1, .weakRegular, []),
            hunt(.versionFromQuorumAlone, within: 2_000, .linearizable, [.delay, .loss]) {
                $0.mode = .abd
                $0.nodes = 3
                $0.clients = 6
            },
            hunt(.forgetPromise, within: 2_000, .linearizable, [.delay, .partition]) { swap(&$0) },
            hunt(.readLargestAccepted, within: 400, .linearizable, [.delay, .loss]) { swap(&$0) },
            hunt(.retryBlindly, within: 2_000, .linearizable, [.delay, .partition]) { swap(&$0) },
            hunt(.proposeRepeatedly, within: 400, .linearizable, [.delay, .duplicate]) {
                swap(&$0)
            },
        ]

        /// The same bugs in the linearizable modes, where more of them shows.
        static let huntsOfRegisters: [Hunt] = [
            hunt(.skipWriteBack, within: 400, .linearizable, [.delay, .loss]) { $0.mode = .abd },
            hunt(.retransmissionRestamps, within: 400, .linearizable, [.delay, .loss]) {
                $0.mode = .abd
            },
            hunt(.acknowledgeBeforeSync, within: 400, .linearizable, .crash) {
                $0.mode = .abd
                $0.nodes = 3
            },
            hunt(.revealBeforeDurable, within: 3_000, .linearizable, .crash) {
                $0.mode = .abd
                $0.nodes = 3
            },
            hunt(.acknowledgeBeforeSync, within: 400, .linearizable, .crash) {
                swap(&$0)
                $0.nodes = 3
            },
        ]

        /// Bugs of forgetting deletions.
        static let huntsOfCollections: [Hunt] = [
            hunt(.collectByGrace, within: 2_000, .weakRegular, [.duplicate, .partition]) {
                collect(&$0)
            },
            hunt(.collectWhenAllHave, within: 2_000, .weakRegular, [.duplicate, .partition]) {
                collect(&$0)
            },
            hunt(.collectSkipsFloor, within: 2_000, .weakRegular, [.duplicate, .partition]) {
                collect(&$0)
            },
        ]

        /// Many deletions, which are forgotten soon.
        private static func collect(_ scenario: inout Scenario) {
            scenario.collects = true
            scenario.antiEntropy = true
            scenario.timeout = .milliseconds(6)
            scenario.deletesPerThousand = 300
            scenario.operations = 200
        }

        /// Compare-and-set on one key of consensus registers.
        private static func swap(_ scenario: inout Scenario) {
            scenario.mode = .cp
            scenario.swapsPerThousand = 250
        }

        /// Seeds until the bug was seen, and by what; nil when it was not.
        private func find(_ hunt: Hunt, planted: Bool) throws -> (seeds: UInt64, by: String)? {
            for offset in 0..<hunt.seeds {
                var scenario = hunt.scenario
                scenario.seed = 1 + offset
                scenario.mutation = planted ? hunt.mutation : nil
                let result = try Simulation.run(
                    scenario, models: [hunt.model], measuresStaleness: false)
                if !result.invariants.isEmpty { return (offset + 1, "an invariant") }
                if result.violates(hunt.model) { return (offset + 1, hunt.model.name) }
            }
            return nil
        }

        @Test(
            arguments:
                MutantTests.hunts + MutantTests.huntsOfRegisters)
        func everyPlantedBugIsFound(_ hunt: Hunt) throws {
            let found = try find(hunt, planted: true)
            if let found {
                print("mutant \(hunt.mutation.rawValue) \(found.seeds) \(found.by)")
            }
            #expect(found != nil, "\(hunt.mutation) was not found in \(hunt.seeds) seeds")
        }

        @Test(arguments: MutantTests.huntsOfCollections)
        func everyPlantedBugOfForgettingIsFound(_ hunt: Hunt) throws {
            try everyPlantedBugIsFound(hunt)
        }

        @Test(
            arguments:
                MutantTests.hunts + MutantTests.huntsOfRegisters)
        func withoutTheBugNothingIsFound(_ hunt: Hunt) throws {
            var hunt = hunt
            hunt = Hunt(
                mutation: hunt.mutation, seeds: min(hunt.seeds, 60), scenario: hunt.scenario,
                model: hunt.model)
            let found = try find(hunt, planted: false)
            #expect(found == nil, "\(hunt.mutation): \(String(describing: found))")
        }

        /// Needs a slow disk, a crash and two writes in one slot: a script finds it at once.
        @Test func answersToAnEarlierLifeWouldCount() throws {
            for planted in [false, true] {
                var scenario = calmScenario(r: 2, w: 2)
                scenario.timeout = .seconds(1)
                scenario.conditions?.minimumSync = .milliseconds(200)
                scenario.mutation = planted ? .countAnswersToAnEarlierLife : nil
                var cluster = try SimulatedCluster(scenario, isScripted: true)
                _ = cluster.write(at: nodeA, client: 0)
                cluster.run(for: .milliseconds(5))
                cluster.begin(.crash(NodeID(nodeA)))
                cluster.run(for: .milliseconds(5))
                cluster.end(.crash(NodeID(nodeA)))
                cluster.run(for: .milliseconds(40))
                for to in [nodeB, nodeC] { cluster.begin(stuck(nodeA, to)) }
                let write = cluster.write(at: nodeA, client: 1)
                let answer = cluster.wait(for: write)
                #expect(answer?.outcome == (planted ? .ok : .unknown))
            }
        }

        @Test func everyMutationIsHunted() {
            let scripted: [Mutation] = [
                .countAnswersToAnEarlierLife, .antiEntropyForgetsTombstones, .forgetReserve,
                // No hunt has found these yet.
                .collectSkipsDrain, .purgeWithoutFloor, .floorForgetsPromise, .purgeOnMajority,
            ]
            // Bugs of changing members: planted, and not hunted yet.
            let notHunted: [Mutation] = [
                .streamFromOne, .streamBeforeFence, .countStaleEpochs, .arriveEmpty,
            ]
            let all = Mutation.allCases.filter {
                !scripted.contains($0) && !notHunted.contains($0)
            }
            let hunts = MutantTests.hunts + MutantTests.huntsOfCollections
            #expect(Set(hunts.map(\.mutation)) == Set(all))
        }
    }
#endif
