import Load
import Platform
import Testing
import Workloads

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

    @Test func loginsAndDatabasesAreReadAndNotShown() throws {
        let target = try Target("redis://me:p%3Aa%40ss@h:1/4")
        #expect(target.user == "me" && target.password == "p:a@ss" && target.database == 4)
        #expect("\(target)" == "redis://h:1/4")
        #expect(try Target("redis://:secret@h:1").user == nil)
        #expect(try Target("redis://secret@h:1").password == "secret")
        #expect("\(try Target("null:"))" == "null:")
    }

    @Test func redisPropertiesAreRead() throws {
        func options(_ text: String) throws -> RedisOptions {
            try RedisOptions(try Properties(parsing: text, file: "test"))
        }
        let all = try options(
            "redis.datatype=hash\nredis.wait=2\nredis.wait.timeout=9\nredis.replicas=a:1,b:2\n"
                + "redis.host=ignored")
        #expect(all.dataType == .hash && all.wait == 2 && all.waitTimeout == 9)
        #expect(all.replicas.map(\.port) == [1, 2])
        for wrong in ["redis.wait=x", "redis.datatype=list", "redis.replicas=a", "redis.wiat=1"] {
            #expect(throws: PropertyError.self) { _ = try options(wrong) }
        }
    }

    @Test func everyKindOfTargetIsRead() throws {
        let postgres = try Target("postgres://me:p%40@h:5432/my%20base")
        #expect(postgres.databaseName == "my base" && postgres.password == "p@")
        #expect("\(postgres)" == "postgres://h:5432/my base")
        #expect(try Target("postgresql://me@h:1").user == "me")
        let secure = try Target("rediss://h:1")
        #expect(secure.scheme == .redis && secure.isSecure && "\(secure)" == "rediss://h:1")
        #expect(try Target("etcds://h:1").isSecure && !Target("etcd://a:1,b:2").isSecure)
        let adapter = try Target("exec:python3 -u a.py")
        #expect(adapter.program == ["python3", "-u", "a.py"])
        #expect("\(adapter)" == "exec:python3 -u a.py")
        #expect(try Target("sim:").scheme == .sim)
        #expect(problem("memcached://a:1,b:1").contains("do not hold the same records"))
        let etcd = try Target("etcd://u:p@a:1")
        #expect(etcd.user == "u" && etcd.password == "p" && "\(etcd)" == "etcd://a:1")
        #expect(try Target("memcached://u:p@a:1").user == "u")
        #expect(problem("etcd://u:p@a:1/base").contains("etcd:// has no databases"))
        #expect(problem("memcached://secret@a:1").contains("names no user"))
        #expect(problem("postgres://h:1/a/b").contains("is not a database's name"))
        #expect(problem("exec: ").contains("names no program"))
    }

    @Test func whatIsWrongIsNamed() {
        #expect(
            problem("mysql://h:1").contains("'mysql://' is not supported; supported are quorum://"))
        #expect(problem("localhost:1").contains("has no scheme"))
        #expect(problem("redis://").contains("empty address"))
        #expect(problem("redis://a:1,,b:2").contains("empty address"))
        #expect(problem("redis://a:99999").contains("99999"))
        #expect(problem("quorum://u:p@a:1").contains("quorum://…@a:1"))
        #expect(problem("quorum://u:p@a:1").contains("neither users nor databases"))
        #expect(problem("quorum://a:1/0").contains("neither users nor databases"))
        #expect(problem("redis://a:1/x").contains("'x' is not a database's number"))
        #expect(problem("redis://u:%zz@a:1").contains("is not USER:PASSWORD"))
        #expect(problem("redis://u:@a:1").contains("is not USER:PASSWORD"))
        #expect(problem("null://").contains("is not supported"))
        #expect(problem("redis://a:0").contains("port 0"))
    }
}
