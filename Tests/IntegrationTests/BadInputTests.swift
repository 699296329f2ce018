import Basics
import Platform
import Testing

/// What clients may do wrong: a clear answer, and nobody else notices.
@Suite struct BadInputTests {
    /// A node, and a client that must be served to the end.
    private func withNode(_ body: (ServedNode, Client) throws -> Void) throws {
        try inTemporaryFolder { folder in
            let node = try ServedNode(in: folder)
            let bystander = try node.client()
            #expect(try bystander.ask("SET", "bystander", "here") == "+OK")
            try body(node, bystander)
            #expect(try bystander.ask("GET", "bystander") == "here")
            let ended = try node.stop()
            #expect(ended.code == 0, "\(ended.errors)")
        }
    }

    @Test func malformedProtocolIsAnsweredAndEndsTheConnection() throws {
        try withNode { node, _ in
            let bad = [
                "*x\r\n", "*-2x\r\n", "*1\r\nPING\r\n", "*1\r\n$x\r\n", "*1\r\n$-1\r\n",
                "*1\r\n$4\r\nPINGxx", "*9999999999\r\n", "*1\r\n$99999999999\r\n", "*01\r\n",
                String(repeating: "x", count: 70_000),
            ]
            for text in bad {
                let client = try node.client()
                try client.send(text)
                let line = try client.line() ?? "nothing"
                #expect(line.hasPrefix("-ERR Protocol error"), "to \(text.prefix(20)): \(line)")
                #expect(try client.line() == nil, "after \(text.prefix(20)) the connection goes on")
            }
        }
    }

    @Test func whatIsNotACommandIsRefusedAndTheConnectionGoesOn() throws {
        try withNode { node, _ in
            let client = try node.client()
            #expect(try client.ask("NONSENSE")?.contains("unknown command") == true)
            #expect(try client.ask("GET")?.contains("wrong number of arguments") == true)
            #expect(try client.ask("SET", "a", "b", "NX")?.contains("MODE cp") == true)
            #expect(try client.ask("QGET", "a", "R", "9")?.hasPrefix("-ERR") == true)
            #expect(try client.ask("QGET", "a", "R", "x")?.hasPrefix("-ERR") == true)
            #expect(try client.ask("QUORUM", "W", "9")?.hasPrefix("-ERR") == true)
            #expect(try client.ask("PING") == "+PONG")
        }
    }

    @Test func oversizedKeysAndValuesAreRefused() throws {
        try withNode { node, _ in
            let client = try node.client()
            let longestKey = String(repeating: "k", count: Limits.keyBytes)
            #expect(try client.ask("SET", longestKey, "1") == "+OK")
            #expect(try client.ask("GET", longestKey) == "1")
            let refusal = try client.ask("SET", longestKey + "k", "1") ?? ""
            #expect(refusal.contains("key is too large") && refusal.contains("64 KiB"))

            let longest = [UInt8](repeating: 118, count: Limits.valueBytes)
            let head = "*3\r\n$3\r\nSET\r\n$1\r\na\r\n"
            try client.send(Array("\(head)$\(longest.count)\r\n".utf8) + longest + [13, 10])
            #expect(try client.reply() == "+OK")
            try client.send(
                Array("\(head)$\(longest.count + 1)\r\n".utf8) + longest + [118, 13, 10])
            let answer = try client.reply() ?? ""
            #expect(answer.hasPrefix("-ERR") && answer.contains("16 MiB"), "\(answer)")
            #expect(try client.ask("PING") == "+PONG")
        }
    }

    @Test func aHalfSentCommandWaitsAndIsForgottenWithItsConnection() throws {
        try withNode { node, bystander in
            let whole = Array(command("SET", "half", "sent").utf8)
            for cut in stride(from: 1, to: whole.count, by: 5) {
                let client = try node.client()
                try client.send(Array(whole[..<cut]))
                if cut % 2 == 1 {
                    client.finishSending()
                    #expect(try client.line() == nil)
                    #expect(try bystander.ask("GET", "half") == nil)
                } else {
                    #expect(try bystander.ask("PING") == "+PONG")
                    try client.send(Array(whole[cut...]))
                    #expect(try client.reply() == "+OK")
                    #expect(try client.ask("DEL", "half") == ":1")
                }
            }
        }
    }

    @Test func aClientThatNeverReadsHoldsUpItselfOnly() throws {
        try withNode { node, bystander in
            let value = String(repeating: "v", count: 1 << 20)
            #expect(try bystander.ask("SET", "large", value) == "+OK")
            let greedy = try node.client()
            // Two thousand answers of a megabyte each, if it were to read them.
            let requests = Array(String(repeating: command("GET", "large"), count: 2_000).utf8)
            var sent = greedy.push(requests)
            for _ in 0..<100 {
                #expect(try bystander.ask("GET", "bystander") == "here")
                if sent < requests.count { sent += greedy.push(Array(requests[sent...])) }
            }
            let resident = try #require(Int(try bystander.information("used_memory_rss")))
            #expect(resident < 400 << 20, "\(resident >> 20) MiB for a client that never reads")
        }
    }

    @Test func manyConnectionsThatSayNothingDoNoHarm() throws {
        try withNode { node, bystander in
            let idle = try (0..<300).map { _ in try node.client() }
            #expect(try bystander.ask("PING") == "+PONG")
            #expect(try idle[299].ask("PING") == "+PONG")
        }
    }

    @Test func bytesThatAreNoPeersAreTurnedAway() throws {
        try inTemporaryFolder { folder in
            let cluster = try ServedCluster(isDurable: false, in: folder)
            let client = try cluster.nodes[0].client()
            let port = try #require(UInt16(try client.information("peer_port")))
            for text in [
                "GET / HTTP/1.1\r\n\r\n" + String(repeating: "x", count: 100),
                "QMPEER\r\n" + String(repeating: "\u{0}", count: 200),
            ] {
                let stranger = try Client(.loopback(port))
                try stranger.send(text)
                while try stranger.line() != nil {}
            }
            #expect(try client.ask("SET", "a", "1") == "+OK")
            #expect(try client.information("reachable") == "3")
        }
    }
}
