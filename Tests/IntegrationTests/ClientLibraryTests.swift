import Basics
import Platform
import Testing

/// Programs of others that speak to Redis work unchanged.
@Suite struct ClientLibraryTests {
    private static let script = """
        import sys, redis
        port = int(sys.argv[1])
        r = redis.Redis(host="127.0.0.1", port=port, socket_timeout=20)
        assert r.ping() is True
        assert r.echo("hello") == b"hello"
        assert r.set("a", "1") is True
        assert r.get("a") == b"1"
        assert r.get("never") is None
        assert r.mset({"b": "2", "c": b"\\x00\\xff\\r\\n"}) is True
        assert r.mget("a", "b", "c", "never") == [b"1", b"2", b"\\x00\\xff\\r\\n", None]
        assert r.exists("a", "b", "never") == 2
        assert r.delete("a", "never") == 1
        assert r.get("a") is None
        assert r.set("large", "x" * (1 << 20)) and len(r.get("large")) == 1 << 20
        with r.pipeline(transaction=False) as p:
            for i in range(2000):
                p.set("k%d" % i, "v%d" % i)
                p.get("k%d" % i)
            replies = p.execute()
        for i in range(2000):
            assert replies[2 * i] is True and replies[2 * i + 1] == b"v%d" % i, i
        assert "used_memory" in r.info() and r.config_get("maxclients")
        assert r.execute_command("QUORUM") is not None
        for k in list(r.scan_iter(count=500)): r.delete(k)
        assert list(r.scan_iter()) == []
        r.mset({"u%02d" % i: i for i in range(40)})
        assert sorted(r.scan_iter(match="u1*", count=3)) == [b"u1%d" % i for i in range(10)]
        assert sorted(r.keys("u0[0-3]")) == [b"u00", b"u01", b"u02", b"u03"]
        assert r.randomkey().startswith(b"u")
        page = r.execute_command("QSCAN", "u05", "COUNT", 2)
        assert page == [b"u06\\x00", [b"u05", b"5", b"u06", b"6"]], page
        assert r.getrange("u12", 0, 0) == b"1" and r.substr("u12", -1) == b"2"
        assert r.client_setname("me") and r.client_getname() == "me"
        assert [c for c in r.client_list() if c["name"] == "me"][0]["db"] == "0"
        assert r.client_info()["id"] == r.client_id()
        assert r.command()["get"]["arity"] == 2 and r.command_count() > 60
        assert r.command_getkeys("MSET", "a", 1, "b", 2) == ["a", "b"]
        assert r.config_set("slowlog-max-len", 64) and isinstance(r.slowlog_get(), list)
        assert len(r.time()) == 2 and r.config_resetstat()
        try:
            r.expire("u01", 5)
            sys.exit("EXPIRE was accepted")
        except redis.ResponseError as error:
            assert "NOTSUPPORTED" in str(error) or "an end is part" in str(error), error
        try:
            r.lpush("list", 1)
            sys.exit("an unknown command was accepted")
        except redis.ResponseError as error:
            assert "unknown command" in str(error), error
        print("done")
        """

    private func runScript(against address: SocketAddress, in folder: String) throws {
        try FileSystem.replace("\(folder)/client.py", with: Array(ClientLibraryTests.script.utf8))
        let ended = try Program(
            "/usr/bin/python3", ["\(folder)/client.py", "\(address.port)"], in: folder
        ).end()
        #expect(ended.code == 0 && ended.output == "done\n", "\(ended.errors)")
    }

    private func redisCLI(_ address: SocketAddress, _ words: [String], in folder: String) throws
        -> String
    {
        let ended = try Program(
            "/usr/bin/redis-cli", ["-p", "\(address.port)"] + words, in: folder
        ).end()
        #expect(ended.code == 0, "\(ended.errors)")
        return ended.output
    }

    @Test func redisPyWorksAgainstOneNode() throws {
        try inTemporaryFolder { folder in
            let node = try ServedNode(in: folder)
            try runScript(against: node.address, in: folder)
            #expect(try node.stop().code == 0)
        }
    }

    @Test func redisPyWorksAgainstACluster() throws {
        try inTemporaryFolder { folder in
            let cluster = try ServedCluster(isDurable: false, in: folder)
            for node in cluster.nodes { try runScript(against: node.address, in: folder) }
            for node in cluster.nodes { #expect(try node.stop().code == 0) }
        }
    }

    @Test func redisCLIWorksAgainstOneNodeAndACluster() throws {
        try inTemporaryFolder { folder in
            let single = try ServedNode(in: folder)
            let cluster = try ServedCluster(isDurable: false, in: folder)
            for address in [single.address, cluster.nodes[1].address] {
                func cli(_ words: String...) throws -> String {
                    try redisCLI(address, words, in: folder)
                }
                #expect(try cli("PING") == "PONG\n")
                #expect(try cli("SET", "a", "two words") == "OK\n")
                #expect(try cli("GET", "a") == "two words\n")
                #expect(try cli("-2", "GET", "a") == "two words\n")
                #expect(try cli("DEL", "a") == "1\n")
                #expect(try cli("GET", "a") == "\n")
                #expect(try cli("QSET", "a", "b", "W", "1").contains("version"))
                #expect(try cli("QGET", "a").contains("values"))
                #expect(try cli("-3", "QGET", "a").contains("values"))
                #expect(try cli("-3", "HELLO", "3").contains("proto"))
                #expect(try cli("-3", "GET", "never") == "\n")
                #expect(try cli("--scan", "--pattern", "a*") == "a\n")
                #expect(try cli("COMMAND", "DOCS", "QSCAN").contains("where to go on"))
                #expect(try cli("INFO", "server").contains("process_id"))
                #expect(try cli("NONSENSE").contains("unknown command"))
            }
        }
    }

    @Test func pipesOfRedisCLIWork() throws {
        try inTemporaryFolder { folder in
            let node = try ServedNode(in: folder)
            let ended = try Program(
                "/bin/sh",
                [
                    "-c",
                    "for i in $(seq 1 500); do echo SET p$i $i; done "
                        + "| redis-cli -p \(node.address.port) --pipe",
                ], in: folder
            ).end()
            #expect(ended.code == 0)
            #expect(ended.output.contains("errors: 0, replies: 500"), "\(ended.output)")
            #expect(try node.client().ask("GET", "p500") == "500")
        }
    }

    @Test func redisBenchmarkRunsUnchanged() throws {
        try inTemporaryFolder { folder in
            let node = try ServedNode(in: folder)
            let ended = try Program(
                "/usr/bin/redis-benchmark",
                [
                    "-p", "\(node.address.port)", "-t", "ping,set,get,mset", "-n", "2000", "-c",
                    "10", "-P", "4", "-r", "100", "--csv",
                ], in: folder
            ).end()
            #expect(ended.code == 0, "\(ended.errors)")
            #expect(ended.output.contains("SET") && ended.output.contains("GET"))
            #expect(!ended.output.contains("Error") && !ended.errors.contains("Error"))
        }
    }
}
