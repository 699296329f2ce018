import Basics
import Foundation
import Glibc
import Platform
import Testing

/// `quorumeter soak`: it finds what is broken, leaves nothing behind, and can be repeated.
@Suite(.serialized) struct SoakTests {
    private struct Document: Decodable {
        struct Entry: Decodable {
            let model: String
            let verdict: String
        }
        let schema: String
        let faultsInjected: Int
        let faultCounts: [String: Int]
        let operations: Operations
        let lostAcknowledgedWrites: Int
        let converged: Bool
        let convergenceNs: Int64
        let promised: [String]
        let models: [Entry]
        let plan: String
        struct Operations: Decodable { let total: Int }

        enum CodingKeys: String, CodingKey {
            case schema, operations, converged, promised, models, plan
            case faultsInjected = "faults_injected"
            case faultCounts = "fault_counts"
            case lostAcknowledgedWrites = "lost_acknowledged_writes"
            case convergenceNs = "convergence_ns"
        }
    }

    private func soak(_ options: String..., in folder: String) throws -> (
        ended: Program.Ended, document: Document
    ) {
        let ended = try Program(
            Quorumeter.path, ["soak", "--json", "--out", "\(folder)/out"] + options, in: folder
        ).end(within: .seconds(120))
        let document = try JSONDecoder().decode(Document.self, from: Data(ended.output.utf8))
        return (ended, document)
    }

    private func write(_ faults: String, in folder: String) throws -> String {
        let path = "\(folder)/faults.yaml"
        try FileSystem.replace(path, with: Array(faults.utf8))
        return path
    }

    @Test func aSoakWithManyFaultsHoldsAndCanBeRepeatedFromItsPlan() throws {
        try inTemporaryFolder { folder in
            let file = try write(
                """
                faults:
                  - {fault: partition, groups: halves, at: 5%, for: 15%}
                  - {fault: kill, nodes: some, at: 25%, for: 10%}
                  - {fault: pause, nodes: one, at: 40%, for: 10%}
                  - {fault: stop, nodes: one, at: 55%, for: 5%}
                  - {fault: fsync-error, nodes: one, at: 65%, for: 10%}
                  - {fault: lossy, drop: 10%, at: 75%, for: 10%}
                  - {fault: reset, nodes: one, at: 90%}
                """, in: folder)
            let (ended, document) = try soak(
                "--duration", "5s", "--seed", "11", "--faults", file, in: folder)
            #expect(ended.code == 0, "\(ended.errors)\(ended.output)")
            #expect(document.schema == "quorumeter.soak/1" && document.faultsInjected == 7)
            #expect(document.lostAcknowledgedWrites == 0 && document.converged)
            #expect(document.promised == ["convergent", "durable", "weak-regular"])
            #expect(document.operations.total > 500)
            #expect(try processes(of: folder).isEmpty)
            #expect(try FileSystem.kind(of: "\(folder)/out/cluster") == nil)

            let plan = try FileSystem.text(document.plan)
            let (_, again) = try soak(
                "--duration", "5s", "--seed", "11", "--faults", document.plan, in: folder)
            #expect(again.faultCounts == document.faultCounts)
            let replayed = try FileSystem.text(again.plan).split(separator: "\n").dropFirst()
            #expect(Array(replayed) == Array(plan.split(separator: "\n").dropFirst()))
        }
    }

    @Test func lostWritesAreFound() throws {
        try inTemporaryFolder { folder in
            // Nothing is synced and everyone loses power: acknowledged writes must be missing,
            // which this configuration does not promise to keep.
            let file = try write(
                "faults: [{fault: kill, nodes: all, at: 90%, for: 5%}]", in: folder)
            let (ended, document) = try soak(
                "--nodes", "3", "--duration", "3s", "--seed", "2", "--fsync", "never", "--faults",
                file, in: folder)
            #expect(document.lostAcknowledgedWrites > 0, "\(ended.output)")
            #expect(document.promised == ["convergent"])
            #expect(document.models.contains { $0.model == "durable" && $0.verdict == "violated" })
        }
    }

    @Test func aSoakThatIsKilledLeavesNoProcess() throws {
        try inTemporaryFolder { folder in
            let program = try Program(
                Quorumeter.path, ["soak", "--duration", "60s", "--out", "\(folder)/out"],
                in: folder)
            // Five nodes, the relay and itself.
            try eventually("the cluster to run") {
                try processes(of: folder).count == 7 || !program.isRunning
            }
            #expect(try program.isRunning, "\(program.errors)")
            try program.kill()
            try eventually("everything to end") { try processes(of: folder).isEmpty }
        }
    }

    @Test func aSoakThatIsInterruptedCleansUp() throws {
        try inTemporaryFolder { folder in
            let program = try Program(
                Quorumeter.path, ["soak", "--duration", "60s", "--out", "\(folder)/out"],
                in: folder)
            try eventually("the cluster to run") {
                try processes(of: folder).count == 7 || !program.isRunning
            }
            try program.send(signal: SIGINT)
            let ended = try program.end(within: .seconds(30))
            #expect(ended.code != 0)
            #expect(try processes(of: folder).isEmpty)
        }
    }

    @Test func whatASoakCannotDoIsMisuse() throws {
        try inTemporaryFolder { folder in
            for (options, part) in [
                (["--faults", Workloads.faults("churn")], "members cannot be added or removed"),
                (["--nodes", "3", "--faults", Workloads.faults("nowhere")], "cannot be read"),
                (["--nodes", "0"], "--nodes"), (["--duration", "1"], "a duration such as"),
                (["--n", "9"], "--n"), (["--memory", "--fsync", "never"], "exclude each other"),
            ] {
                let ended = try Program(Quorumeter.path, ["soak"] + options, in: folder).end()
                #expect(ended.code == 2 && ended.errors.contains(part), "\(ended.errors)")
            }
        }
    }
}
