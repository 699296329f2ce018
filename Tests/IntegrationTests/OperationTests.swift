import Basics
import Glibc
import Platform
import Testing

/// What operators need of a node: a file of options, figures, slow requests, an orderly end.
@Suite struct OperationTests {
    @Test func optionsStandInAFileAndThoseThatAreGivenWin() throws {
        try inTemporaryFolder { folder in
            let path = "\(folder)/node.yaml"
            try FileSystem.replace(
                path,
                with: Array(
                    """
                    # A node of tests.
                    name: from-file
                    cluster: c
                    slow-log: 77ms
                    max-clients: 50
                    fsync: never
                    rebuild: true
                    data: \(folder)/data
                    """.utf8))
            let node = try ServedNode(["--config", path, "--max-clients", "40"], in: folder)
            let client = try node.client()
            #expect(try client.information("node") == "from-file")
            #expect(try client.information("fsync") == "never")
            #expect(
                try client.ask("CONFIG", "GET", "maxclients", "slowlog-l*")
                    == "maxclients\n40\nslowlog-log-slower-than\n77000")
            #expect(try node.stop().code == 0)
        }
    }

    @Test(arguments: [
        ("listn: 127.0.0.1:0", "did you mean “listen”"), ("r: [1]", "must be text"),
        ("r: 99", "key 'r': expected a whole number from 1 to 15, found '99'"),
        ("name: a\nname: b", "name"), ("fsync: often", "expected always, everysec or never"),
        ("rebuild: maybe", "must be true or false"), ("controls: x", "unknown key"),
        ("n: 3", "the cluster has 1 member"), ("- a", "must be a map"), ("a: [", ":"),
        ("drain: soon", "a duration"), ("hedge: p20", "p50 to p99.9"),
    ])
    func aFileThatIsWrongIsRefusedWithThePlace(text: String, expected: String) throws {
        try inTemporaryFolder { folder in
            let path = "\(folder)/node.yaml"
            try FileSystem.replace(path, with: Array(text.utf8))
            let ended = try Quorumeter.run("serve", "--config", path, in: folder)
            #expect(ended.code == 2 && ended.errors.contains(expected), "\(ended.errors)")
            let missing = try Quorumeter.run("serve", "--config", path + "x", in: folder)
            #expect(missing.code == 2 && missing.errors.contains("cannot be read"))
        }
    }

    @Test func everyOptionOfServeIsDocumented() throws {
        try inTemporaryFolder { folder in
            let help = try Quorumeter.run("help", "serve", in: folder).output
            let text = try FileSystem.text("docs/CONFIG.md")
            let forOneStart = [
                "config", "help", "into", "replace", "with-parent", "unsafe-testing", "controls",
                "storage", "disk-image", "peer-network", "user-namespace",
            ]
            for line in help.split(separator: "\n") where line.hasPrefix("  --") {
                let name = String(line.dropFirst(4).prefix { $0 != " " && $0 != "," })
                let isDocumented = text.contains("`\(name)`")
                #expect(isDocumented != forOneStart.contains(name), "\(name) in docs/CONFIG.md")
            }
        }
    }

    /// The answer to an HTTP request: its first line, and the body.
    private func http(_ address: String, _ request: String) throws -> (String, String) {
        let client = try Client(try SocketAddress(address))
        try client.send(request)
        let status = try client.line() ?? ""
        while let line = try client.line(), !line.isEmpty {}
        var body = ""
        while let line = try client.rawLine() { body += line + "\n" }
        return (status, body)
    }

    private func metricsAddress(_ node: ServedNode) throws -> String {
        let words = node.program.errors.split(whereSeparator: \.isWhitespace)
        let word = words.first { $0.hasPrefix("metrics=") }
        return String(try #require(word).dropFirst("metrics=".count))
    }

    @Test func prometheusIsToldWhatHappened() throws {
        try inTemporaryFolder { folder in
            let cluster = try ServedCluster(
                more: ["--metrics", "127.0.0.1:0"], isDurable: true, in: folder)
            let client = try cluster.nodes[0].client()
            for i in 0..<20 { #expect(try client.ask("SET", "k\(i)", "v") == "+OK") }
            for i in 0..<30 { _ = try client.ask("GET", "k\(i)") }
            let address = try metricsAddress(cluster.nodes[0])
            let (status, body) = try http(address, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(status == "HTTP/1.1 200 OK")
            let samples = try Samples(body)
            #expect(samples["quorumeter_requests_total", "class=\"write\",outcome=\"ok\""] == 20)
            #expect(samples["quorumeter_request_seconds_count", "class=\"read\""] == 30)
            #expect(samples["quorumeter_link_up", "member=\"n2\""] == 1)
            let syncs = try #require(samples["quorumeter_log_syncs_total", ""])
            let resident = try #require(samples["quorumeter_jemalloc_bytes", "state=\"resident\""])
            #expect(syncs > 0 && resident > 1e6)
            for (request, expected) in [
                ("GET / HTTP/1.1\r\n\r\n", "404"), ("POST /metrics HTTP/1.1\r\n\r\n", "405"),
                ("nonsense\r\n\r\n", "400"), ("GET /../etc/passwd HTTP/1.1\r\n\r\n", "404"),
                ("GET /metrics HTTP/1.1\r\nx: " + String(repeating: "y", count: 9_000), "431"),
                ("HEAD /metrics?a=b HTTP/1.0\r\n\r\n", "200"),
            ] {
                #expect(try http(address, request).0.hasPrefix("HTTP/1.1 \(expected)"))
            }
            for node in cluster.nodes { #expect(try node.stop().code == 0) }
        }
    }

    @Test func slowRequestsAreKeptWithTheirKeys() throws {
        try inTemporaryFolder { folder in
            let node = try ServedNode(["--slow-log", "off"], in: folder)
            let client = try node.client()
            _ = try client.ask("SET", "fast", "v")
            #expect(try client.ask("SLOWLOG", "LEN") == ":0")
            #expect(try client.ask("CONFIG", "SET", "slowlog-log-slower-than", "0") == "+OK")
            #expect(try client.ask("CLIENT", "SETNAME", "me") == "+OK")
            let long = String(repeating: "k", count: 100)
            _ = try client.ask("SET", long, "v")
            _ = try client.ask("STRLEN", "b")
            let lines = try #require(try client.ask("SLOWLOG", "GET", "-1")).split(separator: "\n")
            #expect(lines.count == 14 && lines[3] == "STRLEN" && lines[4] == "b")
            #expect(lines[10] == "SET" && lines[11] == long.prefix(48) && lines[6] == "me")
            #expect(try client.ask("CONFIG", "SET", "slowlog-max-len", "1") == "+OK")
            #expect(try client.ask("SLOWLOG", "LEN") == ":1")
            #expect(try client.ask("SLOWLOG", "RESET") == "+OK")
            #expect(try client.ask("CONFIG", "SET", "port", "1")?.contains("at the start") == true)
            #expect(try client.ask("CONFIG", "SET", "nosuch", "1")?.contains("unknown") == true)
            #expect(try client.ask("CONFIG", "RESETSTAT") == "+OK")
            #expect(try client.information("puts") == "0")
            #expect(try node.stop().code == 0)
        }
    }

    @Test func connectionsAreListedAndKilled() throws {
        try inTemporaryFolder { folder in
            let node = try ServedNode(in: folder)
            let (first, second) = (try node.client(), try node.client())
            _ = try first.ask("CLIENT", "SETNAME", "one")
            _ = try second.ask("CLIENT", "SETINFO", "LIB-NAME", "test")
            let number = try #require(try second.ask("CLIENT", "ID")).dropFirst()
            let list = try #require(try first.ask("CLIENT", "LIST"))
            #expect(list.contains("name=one") && list.contains("lib-name=test"))
            #expect(list.split(separator: "\n").count == 2)
            #expect(try first.ask("CLIENT", "KILL", "ID", "\(number)") == ":1")
            #expect(try second.line() == nil)
            #expect(try first.ask("CLIENT", "KILL", "ID", "\(number)") == ":0")
            #expect(try first.ask("CLIENT", "LIST")?.split(separator: "\n").count == 1)
            #expect(try node.stop().code == 0)
        }
    }

    @Test func aNodeThatIsAskedToEndFinishesWhatRuns() throws {
        try inTemporaryFolder { folder in
            let cluster = try ServedCluster(
                w: 3, more: ["--timeout", "20s", "--drain", "15s"], isDurable: false, in: folder)
            let node = cluster.nodes[0]
            let (client, other) = (try node.client(), try node.client())
            _ = try other.ask("PING")
            // A replica stands still: the write waits for it.
            try cluster.nodes[2].program.send(signal: SIGSTOP)
            try client.send(command("SET", "k", "v"))
            try eventually("the write to be coordinated") {
                try other.information("requests_in_flight") == "1"
            }
            try node.program.send(signal: SIGTERM)
            try eventually("the node to drain") { node.program.errors.contains("event=draining") }
            #expect(try other.ask("GET", "k")?.contains("shutting down") == true)
            #expect(try other.ask("MSET", "a", "1", "b", "2")?.contains("shutting down") == true)
            #expect(try other.ask("PING") == "+PONG")
            try cluster.nodes[2].program.send(signal: SIGCONT)
            #expect(try client.reply() == "+OK")
            #expect(try node.program.end().code == 0)
            #expect(try client.line() == nil)
        }
    }

    @Test func whatDoesNotEndInTimeIsGivenUp() throws {
        try inTemporaryFolder { folder in
            let cluster = try ServedCluster(
                w: 3, more: ["--timeout", "60s", "--drain", "200ms"], isDurable: false, in: folder)
            let node = cluster.nodes[0]
            let client = try node.client()
            try cluster.nodes[2].program.send(signal: SIGSTOP)
            try client.send(command("SET", "k", "v"))
            try eventually("the write to be coordinated") {
                try node.client().information("requests_in_flight") == "1"
            }
            try node.program.send(signal: SIGTERM)
            let ended = try node.program.end()
            #expect(ended.code == 0 && ended.errors.contains("unfinished_requests=1"))
            try cluster.nodes[2].program.send(signal: SIGCONT)
        }
    }
}

/// What a text of Prometheus says, refused if it is not one.
private struct Samples {
    private var values: [String: Double] = [:]

    subscript(name: String, labels: String) -> Double? { values["\(name){\(labels)}"] }

    init(_ text: String) throws {
        var types: [String: String] = [:]
        var helped: Set<String> = []
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 3).map(String.init)
            if line.hasPrefix("# HELP ") {
                guard words.count == 4, helped.insert(words[2]).inserted else {
                    throw Missing("one help of \(line)")
                }
            } else if line.hasPrefix("# TYPE ") {
                guard words.count == 4, helped.contains(words[2]), types[words[2]] == nil else {
                    throw Missing("one type after the help: \(line)")
                }
                types[words[2]] = words[3]
            } else {
                try take(line, types)
            }
        }
        try checkHistograms(types)
    }

    private mutating func take(_ line: Substring, _ types: [String: String]) throws {
        let end = line.lastIndex(of: " ") ?? line.startIndex
        let name = String(line.prefix { $0 != "{" && $0 != " " })
        let labels =
            line.firstIndex(of: "{").map { line[line.index(after: $0)..<line.index(before: end)] }
            ?? ""
        var family = name
        for suffix in ["_bucket", "_sum", "_count"] where name.hasSuffix(suffix) {
            let base = String(name.dropLast(suffix.count))
            if types[base] == "histogram" { family = base }
        }
        guard let value = Double(line[line.index(after: end)...]), let type = types[family],
            values.updateValue(value, forKey: "\(name){\(labels)}") == nil
        else { throw Missing("one number of a family that was announced: \(line)") }
        guard type != "counter" || name.hasSuffix("_total") else {
            throw Missing("a counter whose name ends with _total: \(line)")
        }
    }

    /// Buckets never fall, and the last one is the count.
    private func checkHistograms(_ types: [String: String]) throws {
        for (family, type) in types where type == "histogram" {
            for (key, count) in values where key.hasPrefix("\(family)_count{") {
                let labels = key.dropFirst("\(family)_count{".count).dropLast()
                let buckets = values.filter { $0.key.hasPrefix("\(family)_bucket{\(labels),le=") }
                guard values["\(family)_bucket{\(labels),le=\"+Inf\"}"] == count,
                    buckets.allSatisfy({ $0.value <= count }), buckets.count > 10
                else { throw Missing("buckets that add up in \(key)") }
            }
        }
    }
}
