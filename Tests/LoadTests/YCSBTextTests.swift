import Basics
import Load
import Testing
import Workloads

/// The lines that scripts made for YCSB read, with every number replaced by `#`.
@Suite struct YCSBTextTests {
    private func shape(_ properties: String) throws -> [String] {
        let workload = try Workload(
            try Properties(
                parsing: "recordcount=10\noperationcount=400\n\(properties)", file: "test"))
        let result = try LoadRun(
            LoadPlan(target: try Target("null:"), workload: workload, phase: .transactions)
        ).run()
        return result.ycsbText(workload).split(separator: "\n").map { line in
            let end = line.lastIndex(of: " ") ?? line.startIndex
            let number = line[line.index(after: end)...]
            return Double(number) == nil ? String(line) : line[...end] + "#"
        }
    }

    private func block(_ name: String, percentiles: [String] = ["50th", "95th", "99th"]) -> [String]
    {
        ["Operations", "AverageLatency(us)", "MinLatency(us)", "MaxLatency(us)"]
            .map { "[\(name)], \($0), #" }
            + percentiles.map { "[\(name)], \($0)PercentileLatency(us), #" }
    }

    private let overall = ["[OVERALL], RunTime(ms), #", "[OVERALL], Throughput(ops/sec), #"]

    @Test func aClosedLoopPrintsItsKinds() throws {
        let lines = try shape("readproportion=0.5\nupdateproportion=0.5")
        #expect(
            lines == overall + block("READ") + ["[READ], Return=OK, #"] + block("UPDATE")
                + ["[UPDATE], Return=OK, #"])
    }

    @Test func aReadModifyWriteHasItsHalves() throws {
        let lines = try shape(
            "readproportion=0\nupdateproportion=0\nreadmodifywriteproportion=1")
        #expect(
            lines
                == overall
                + ["READ", "UPDATE", "READ-MODIFY-WRITE"].flatMap {
                    block($0) + ["[\($0)], Return=OK, #"]
                })
    }

    @Test func bothOriginsOfLatencyAndOtherPercentilesCanBePrinted() throws {
        let lines = try shape(
            """
            readproportion=1
            updateproportion=0
            target=100000
            measurement.interval=both
            hdrhistogram.percentiles=1,11,22,93,99.9
            """)
        let percentiles = ["1st", "11th", "22nd", "93rd", "99.9"]
        #expect(
            lines == overall + block("READ", percentiles: percentiles) + ["[READ], Return=OK, #"]
                + block("Intended-READ", percentiles: percentiles)
                + block("SCHEDULE", percentiles: percentiles))
    }
}
