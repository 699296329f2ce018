import Load
import Platform
import Testing

@Suite struct TargetTests {
    private func problem(_ text: String) -> String {
        do {
            return "no error: \(try Target(text))"
        } catch {
            return "\(error)"
        }
    }

    @Test func addressesAreRead() throws {
        let target = try Target("quorum://127.0.0.1:7001,[::1]:7002,host:7003")
        #expect(target.scheme == .quorum)
        #expect(target.addresses.map(\.port) == [7001, 7002, 7003])
        #expect("\(target)" == "quorum://127.0.0.1:7001,[::1]:7002,host:7003")
        #expect(try Target("redis://localhost:6379").scheme == .redis)
    }

    @Test func whatIsWrongIsNamed() {
        #expect(
            problem("etcd://h:1").contains("'etcd://' is not supported; supported are quorum://"))
        #expect(problem("localhost:1").contains("has no scheme"))
        #expect(problem("redis://").contains("empty address"))
        #expect(problem("redis://a:1,,b:2").contains("empty address"))
        #expect(problem("redis://a:99999").contains("99999"))
        #expect(problem("redis://u@a:1").contains("'u@a:1' is more than HOST:PORT"))
        #expect(problem("redis://a:1/0").contains("more than HOST:PORT"))
        #expect(problem("redis://a:0").contains("port 0"))
    }
}
