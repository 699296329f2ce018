import Testing
import Workloads

@Suite struct PropertyTests {
    private func problem(_ text: String) -> String {
        do {
            _ = try Workload(try Properties(parsing: text, file: "f"))
            return "no error"
        } catch {
            return "\(error)"
        }
    }

    @Test func theFormatOfJavaPropertiesIsRead() throws {
        let text = """
            # a comment
              ! another
            recordcount=5
            operationcount : 7
            table users\\
                of\\u0041
            fieldnameprefix=a\\=b\\tc

            """
        let properties = try Properties(parsing: text, file: "f")
        #expect(properties["recordcount"]?.value == "5")
        #expect(properties["recordcount"]?.origin == "f:3")
        #expect(properties["operationcount"]?.value == "7")
        #expect(properties["table"]?.value == "usersofA")
        #expect(properties["fieldnameprefix"]?.value == "a=b\tc")
        #expect(properties.entries.count == 4)
    }

    @Test func linesMayEndInAnyOfTheUsualWays() throws {
        let properties = try Properties(parsing: "a.a=1\r\nb.b=2\rc.c=3\nd.d=4", file: "f")
        #expect(properties.entries.map(\.value) == ["1", "2", "3", "4"])
        #expect(properties["d.d"]?.origin == "f:4")
    }

    @Test func malformedLinesAreNamed() {
        #expect(
            problem("recordcount=1\nrecordcount=2") == "f:2: 'recordcount' was already given at f:1"
        )
        #expect(problem("=5").hasPrefix("f:1: a value without a name"))
        #expect(
            problem("\n\nrecordcount") == "f:3: 'recordcount' has no value; expected name=value")
        #expect(problem("table=\\u00zz").hasPrefix("f:1: '\\u00zz' is not a character's code"))
    }

    @Test func unknownPropertiesAreSuggested() {
        #expect(
            problem("\nrecordcuont=5")
                == "f:2: unknown property 'recordcuont'; did you mean 'recordcount'?")
        #expect(problem("xyz=5").contains("the known ones are recordcount"))
        #expect(problem("redis.host=h\nmeasurementtype=histogram") == "no error")
    }

    @Test func valuesThatMakeNoSenseAreNamed() {
        #expect(problem("recordcount=ten").hasPrefix("f:1: recordcount=ten is not a whole number"))
        #expect(problem("recordcount=-1").contains("from 0 to 1000000000000"))
        #expect(problem("fieldcount=99999999999999999999").contains("not a whole number"))
        #expect(problem("readproportion=nan").contains("not a number from 0.0 to 1.0"))
        #expect(problem("readallfields=yes").contains("neither true nor false"))
        #expect(problem("requestdistribution=zipf").contains("did you mean 'zipfian'?"))
        #expect(problem("readproportion=0.5").contains("must add up to 1"))
        #expect(problem("readproportion=0.5").contains("= 0.5500"))
        #expect(problem("minscanlength=9\nmaxscanlength=8").contains("above maxscanlength"))
        #expect(problem("fieldcount=100000\nfieldlength=1000").contains("longest value"))
        #expect(problem("arrivals=poisson").contains("needs a target rate"))
    }

    @Test func defaultsAreThoseOfYCSBsCode() throws {
        let workload = try Workload(Properties())
        #expect(workload.fieldCount == 10 && workload.fieldLength == 100)
        #expect(workload.minFieldLength == 1 && workload.zeroPadding == 1)
        #expect(workload.readProportion == 0.95 && workload.updateProportion == 0.05)
        #expect(workload.requestDistribution == .uniform && workload.insertOrder == .hashed)
        #expect(workload.maxScanLength == 1_000 && workload.threadCount == 1)
        #expect(workload.hotspotDataFraction == 0.2 && workload.hotspotOperationFraction == 0.8)
        #expect(workload.arrivals == .closed && workload.target == 0)
    }

    @Test func laterPropertiesWinAndATargetOpensTheLoop() throws {
        var properties = try Properties(parsing: "recordcount=5\ninsertstart=2", file: "f")
        try properties.set(assignment: "recordcount=9", origin: "-p")
        try properties.set(assignment: "target=100", origin: "-p")
        let workload = try Workload(properties)
        #expect(workload.recordCount == 9 && workload.insertCount == 7)
        #expect(workload.arrivals == .constant)
        #expect(throws: PropertyError.self) { try properties.set(assignment: "=9", origin: "-p") }
    }
}
