import Basics
import Consistency
import Replication
import Simulation
import Testing

/// Members that come and go while clients run and faults strike.
@Suite struct ChurnTests {
    struct Weather: CustomTestStringConvertible, Sendable {
        var mode: ConflictMode
        var faults: FaultFamilies
        var testDescription: String { "\(mode.rawValue) \(faults)" }

        func scenario(_ seed: UInt64) -> Scenario {
            var scenario = Scenario(seed: seed)
            scenario.mode = mode
            scenario.nodes = 4
            scenario.operations = 120
            scenario.faults = faults
            scenario.swapsPerThousand = mode == .cp ? 250 : 0
            return scenario
        }

        var model: Model {
            switch mode {
            case .abd, .cp: .linearizable
            case .lww: .weakRegular
            case .siblings: .multiValue
            }
        }
    }

    static let weathers = [
        Weather(mode: .lww, faults: [.churn]),
        Weather(mode: .abd, faults: [.churn]),
        Weather(mode: .cp, faults: [.churn]),
    ]

    @Test(arguments: weathers)
    func nothingThatWasAcknowledgedIsLost(_ weather: Weather) throws {
        var joins = 0
        var leaves = 0
        for seed in 1...8 {
            let result = try Simulation.run(
                weather.scenario(UInt64(seed)), models: [weather.model],
                measuresStaleness: false)
            #expect(
                result.invariants.isEmpty, "seed \(seed): \(result.invariants.prefix(2))")
            #expect(!result.violates(weather.model), "seed \(seed)")
            joins += result.faults.joins
            leaves += result.faults.leaves
        }
        #expect(joins > 0, "\(joins) joins, \(leaves) leaves")
    }

    @Test func aRunWithChurnRepeats() throws {
        let scenario = ChurnTests.weathers[1].scenario(5)
        let one = try Simulation.run(scenario)
        let two = try Simulation.run(scenario)
        #expect(one.digest == two.digest)
    }
}
