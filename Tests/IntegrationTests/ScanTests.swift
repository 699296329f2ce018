import Platform
import Testing

/// Scans of real nodes, and the workload that needs them.
@Suite struct ScanTests {
    @Test func workloadEScansARealCluster() throws {
        try inTemporaryFolder { folder in
            let cluster = try ServedCluster(4, isDurable: false, in: folder)
            let target =
                "quorum://" + cluster.nodes.map { "\($0.address)" }.joined(separator: ",")
            let mix = [
                "-P", "workloads/workloade", "-p", "recordcount=300", "-p", "operationcount=300",
                "-p", "fieldlength=10", "-p", "maxscanlength=50", "-p", "dataintegrity=true",
                "-threads", "3", "-p", "fieldlengthdistribution=constant",
            ]
            let loaded = try Program(Quorumeter.path, ["load", target] + mix, in: folder).end()
            #expect(loaded.code == 0, "\(loaded.errors)")
            let ran = try Program(Quorumeter.path, ["run", target] + mix, in: folder).end()
            #expect(ran.code == 0, "\(ran.errors)")
            #expect(ran.output.contains("[SCAN], Return=OK"), "\(ran.output)")
            #expect(!ran.output.contains("SHORT-SCAN"))
            let refused = try Program(
                Quorumeter.path, ["run", target] + mix + ["-p", "maxscanlength=20000"], in: folder
            ).end()
            #expect(refused.code == 2 && refused.errors.contains("up to 10000 records"))
            for node in cluster.nodes { #expect(try node.stop().code == 0) }
        }
    }

    @Test func aDeadReplicaDoesNotHoldAScanUpAndTwoRefuseIt() throws {
        try inTemporaryFolder { folder in
            let cluster = try ServedCluster(isDurable: false, in: folder)
            let client = try cluster.nodes[0].client()
            for i in 0..<30 { #expect(try client.ask("SET", "k\(i)", "v") == "+OK") }
            try cluster.nodes[1].program.kill()
            try eventually("the node to notice") { try client.information("reachable") == "2" }
            #expect(try client.ask("KEYS", "k*")?.split(separator: "\n").count == 30)
            try cluster.nodes[2].program.kill()
            try eventually("the node to notice") { try client.information("reachable") == "1" }
            #expect(try client.ask("KEYS", "k*")?.hasPrefix("-UNAVAILABLE 1 replicas") == true)
            #expect(try client.ask("QSCAN", "k", "R", "1", "KEYS")?.hasPrefix("k17") == true)
        }
    }

    @Test func keysInOrderOutliveARestart() throws {
        try inTemporaryFolder { folder in
            let node = try ServedNode(["--name", "n1", "--data", "\(folder)/data"], in: folder)
            var client = try node.client()
            for i in 0..<25 { #expect(try client.ask("SET", "k\(i)", "v\(i)") == "+OK") }
            let before = try client.ask("QSCAN", "", "COUNT", "100")
            #expect(before?.split(separator: "\n").count == 51)
            #expect(try node.stop().code == 0)
            try node.restart()
            client = try node.client()
            #expect(try client.ask("QSCAN", "", "COUNT", "100") == before)
            #expect(try client.ask("DEL", "k3") == ":1")
            #expect(try client.ask("QSCAN", "k3", "COUNT", "1")?.hasSuffix("k4\nv4") == true)
        }
    }
}
