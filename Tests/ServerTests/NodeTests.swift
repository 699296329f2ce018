import Basics
import Glibc
import Platform
import Server
import Testing

private func single(_ folder: String? = nil, fsync: FsyncMode = .always) throws -> RunningNode {
    try RunningNode(
        ServerConfiguration(
            name: "n1", listen: .loopback(0), dataDirectory: folder.map { "\($0)/data" },
            fsync: fsync))
}

@Suite struct NodeTests {
    @Test func commandsAreAnsweredHoweverTheyAreCut() throws {
        let node = try single()
        let client = try TestClient(node.address)
        try client.expect("PING\r\n", "+PONG\r\n")
        let commands =
            command("SET", "k", "v1") + command("GET", "k") + command("DEL", "k")
            + command("GET", "k") + command("ECHO", "x")
        let replies = "+OK\r\n$2\r\nv1\r\n:1\r\n$-1\r\n$1\r\nx\r\n"
        try client.expect(commands, replies)
        for byte in commands.utf8 { try client.send([byte]) }
        #expect(try client.receive(replies.utf8.count) == replies)
        #expect(node.stop() == 0)
    }

    @Test func largeValuesComeBackWhole() throws {
        let node = try single()
        let client = try TestClient(node.address)
        let value = String(repeating: "0123456789abcdef", count: 300_000)
        try client.expect(command("SET", "large", value), "+OK\r\n")
        try client.expect(command("GET", "large"), "$\(value.utf8.count)\r\n\(value)\r\n")
        let tooLarge = [UInt8](repeating: 120, count: (16 << 20) + 1)
        try client.send("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$\(tooLarge.count)\r\n")
        try client.send(tooLarge)
        let error = "-ERR value is too large (limit 16 MiB)\r\n"
        try client.expect("\r\n" + command("GET", "k"), error + "$-1\r\n")
    }

    @Test func aHalfClosedClientGetsItsAnswers() throws {
        let node = try single()
        let client = try TestClient(node.address)
        try client.send(command("SET", "a", "1") + command("GET", "a"))
        client.finishSending()
        #expect(try client.receiveAll() == "+OK\r\n$1\r\n1\r\n")
    }

    @Test func aProtocolErrorIsAnsweredAndEndsTheConnection() throws {
        let node = try single()
        let client = try TestClient(node.address)
        try client.send(command("SET", "a", "1") + "*2\r\n:1\r\n")
        let answer = try client.receiveAll()
        #expect(answer == "+OK\r\n-ERR Protocol error: expected '$', got ':'\r\n")
        let next = try TestClient(node.address)
        try next.expect(command("GET", "a"), "$1\r\n1\r\n")
    }

    @Test func aHalfSentCommandIsNotWaitedForForEver() throws {
        var configuration = try ServerConfiguration(listen: .loopback(0))
        configuration.commandPatience = .milliseconds(20)
        let node = try RunningNode(configuration)
        let idle = try TestClient(node.address)
        try idle.expect("PING\r\n", "+PONG\r\n")
        let stuck = try TestClient(node.address)
        try stuck.send("*2\r\n$3\r\nGET\r\n$5\r\nke")
        #expect(try stuck.receiveAll() == "")
        try idle.expect("PING\r\n", "+PONG\r\n")
    }

    @Test func tooManyClientsAreToldSo() throws {
        var configuration = try ServerConfiguration(listen: .loopback(0))
        configuration.maximumClients = 2
        let node = try RunningNode(configuration)
        let first = try TestClient(node.address)
        let second = try TestClient(node.address)
        try first.expect("PING\r\n", "+PONG\r\n")
        try second.expect("PING\r\n", "+PONG\r\n")
        let third = try TestClient(node.address)
        #expect(try third.receiveAll() == "-ERR max number of clients reached\r\n")
        #expect(try first.information("rejected_connections") == "1")
    }

    @Test func aClientThatNeverReadsIsHeldBackAndLosesNothing() throws {
        let node = try single()
        let client = try TestClient(node.address)
        let value = String(repeating: "v", count: 100_000)
        try client.expect(command("SET", "k", value), "+OK\r\n")
        // Asks for far more than buffers hold, until nothing more is taken.
        let ask = Array(String(repeating: command("GET", "k"), count: 500).utf8)
        var asked = 0
        while asked < 400, client.push(ask) { asked += 1 }
        let other = try TestClient(node.address)
        try other.expect("PING\r\n", "+PONG\r\n")
        let used = try #require(Int(other.information("used_memory")))
        // The figure is that of the whole process, where other tests run, too; the answers come to
        // 20 GB.
        #expect(used < 1 << 30)
        let reply = "$100000\r\n\(value)\r\n"
        for _ in 0..<600 { #expect(try client.receive(reply.utf8.count) == reply) }
    }

    @Test func theSteadyStateAllocatesNothingPerOperation() throws {
        let node = try single()
        let client = try TestClient(node.address)
        let batch = (0..<100).map { command("SET", "k\($0)", "v") + command("GET", "k\($0)") }
            .joined()
        let replies = String(repeating: "+OK\r\n$1\r\nv\r\n", count: 100)
        for _ in 0..<20 { try client.expect(batch, replies) }
        func allocated() throws -> Int {
            try #require(Int(client.information("allocated_by_loop_total")))
        }
        let idle = try allocated()
        let before = try allocated()
        for _ in 0..<250 { try client.expect(batch, replies) }
        let after = try allocated()
        // What `INFO` itself allocates is the difference of two readings with nothing between.
        let spent = (after - before) - (before - idle)
        #expect(spent < 50_000, "bytes for 50,000 operations")
    }

    @Test func aPeerPortRefusesStrangers() throws {
        let node = try single()
        let stranger = try TestClient(node.peerAddress)
        try stranger.send("GET / HTTP/1.1\r\n" + String(repeating: "x", count: 64))
        _ = try stranger.receiveAll()
        let client = try TestClient(node.address)
        #expect(try client.information("peers_refused") == "1")
    }

    @Test(arguments: FsyncMode.allCases)
    func acknowledgedWritesAreThereAfterARestart(mode: FsyncMode) throws {
        try inTemporaryFolder { folder in
            for round in 0..<3 {
                let node = try single(folder, fsync: mode)
                let client = try TestClient(node.address)
                for earlier in 0..<round {
                    try client.expect(command("GET", "k\(earlier)"), "$2\r\nv\(earlier)\r\n")
                }
                try client.expect(command("SET", "k\(round)", "v\(round)"), "+OK\r\n")
                #expect(node.stop() == 0)
            }
        }
    }

    @Test func aDirectoryOfAnotherNodeIsRefused() throws {
        try inTemporaryFolder { folder in
            #expect(try single(folder).stop() == 0)
            let other = try ServerConfiguration(
                name: "n2", listen: .loopback(0), dataDirectory: "\(folder)/data")
            let error = #expect(throws: ServeError.self) { _ = try NodeProcess(other) }
            #expect(error?.code == 78)
            let node = try single(folder)
            let same = try ServerConfiguration(
                name: "n1", listen: .loopback(0), dataDirectory: "\(folder)/data")
            let locked = #expect(throws: ServeError.self) { _ = try NodeProcess(same) }
            #expect(locked?.code == 4)
            #expect(locked?.description.contains("in use by another process") == true)
            #expect(node.stop() == 0)
        }
    }

    @Test func aPortInUseIsNamed() throws {
        let node = try single()
        let second = try ServerConfiguration(listen: node.address, peerListen: .loopback(0))
        let error = #expect(throws: ServeError.self) { _ = try NodeProcess(second) }
        #expect(error?.code == 4)
        #expect(error?.description.contains("address already in use: \(node.address)") == true)
    }

    @Test func aLogThatCannotBeWrittenStopsTheNode() throws {
        try inTemporaryFolder { folder in
            let node = try single(folder)
            let client = try TestClient(node.address)
            try client.expect("PING\r\n", "+PONG\r\n")
            // In one step: the node may be making files while they are removed one by one.
            try FileSystem.rename("\(folder)/data", to: "\(folder)/gone")
            try client.send(command("SET", "a", "1"))
            #expect(try client.receiveAll() == "")
            #expect(node.join() == 74)
        }
    }
}
