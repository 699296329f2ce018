import Basics
import Load
import Platform
import Testing
import Workloads

/// TLS to a real redis-server and a real etcd, with certificates made here.
@Suite(
    .enabled(
        if: TestServer.has("/usr/bin/openssl") && TestServer.has(RedisServer.program),
        "openssl or redis-server is not installed: nothing was tested"))
struct SecureTests {
    /// An authority in `ca.pem`, and a certificate by it for 127.0.0.1 in `own.pem`, `own.key`.
    private func certificates(in folder: String) throws {
        func openssl(_ arguments: String...) throws {
            let process = try ChildProcess(
                "/usr/bin/openssl", arguments, output: .discard, errors: .discard)
            let exit = try process.wait()
            guard exit == .code(0) else { throw SystemError("openssl", "\(exit)", code: 5) }
        }
        let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        func request(_ name: String, _ more: [String]) throws {
            let process = try ChildProcess(
                "/usr/bin/openssl",
                ["req"] + key + ["-keyout", "\(folder)/\(name).key", "-subj", "/CN=\(name)"] + more,
                output: .discard, errors: .discard)
            guard try process.wait() == .code(0) else {
                throw SystemError("openssl req", name, code: 5)
            }
        }
        try request("ca", ["-x509", "-days", "2", "-out", "\(folder)/ca.pem"])
        try request(
            "own", ["-addext", "subjectAltName=IP:127.0.0.1", "-out", "\(folder)/own.csr"])
        try openssl(
            "x509", "-req", "-in", "\(folder)/own.csr", "-CA", "\(folder)/ca.pem", "-CAkey",
            "\(folder)/ca.key", "-CAcreateserial", "-days", "2", "-copy_extensions", "copy",
            "-out", "\(folder)/own.pem")
    }

    @Test func redisIsSpokenToOverTLS() throws {
        try withTemporaryFolder { folder in
            try certificates(in: folder)
            let port = try TestServer.freePorts(1)[0]
            let server = try TestServer(
                RedisServer.program,
                [
                    "--port", "0", "--tls-port", "\(port)", "--bind", "127.0.0.1", "--save", "",
                    "--tls-cert-file", "\(folder)/own.pem", "--tls-key-file", "\(folder)/own.key",
                    "--tls-ca-cert-file", "\(folder)/ca.pem", "--tls-auth-clients", "optional",
                    "--dir", folder,
                ], port: port)
            try server.serving {
                let target = "rediss://127.0.0.1:\(port)"
                let trusting = mixedWorkload + "\ntls.ca=\(folder)/ca.pem"
                let loaded = try LoadRun(try targetPlan(target, trusting, .load)).run()
                #expect(loaded.operationCount == 200 && loaded.errorCount == 0)
                // Values larger than a record of TLS, several under way.
                var plan = try targetPlan(
                    target,
                    trusting + "\nfieldlength=4000\noperationcount=400"
                        + "\ntls.cert=\(folder)/own.pem\ntls.key=\(folder)/own.key")
                plan.pipeline = 4
                plan.workload.readProportion = 0.4
                plan.workload.insertProportion = 0.2
                plan.workload.dataIntegrity = false
                let run = try LoadRun(plan).run()
                #expect(run.operationCount == 400 && run.errorCount == 0)

                let stranger = refusal(try targetPlan(target, mixedWorkload, .load))
                #expect(stranger.contains("its certificate is not accepted"))
                let careless = try LoadRun(
                    try targetPlan(target, mixedWorkload + "\ntls.verify=false", .load)
                ).run()
                #expect(careless.errorCount == 0 && careless.operationCount == 200)
                let named = refusal(
                    try targetPlan("rediss://localhost:\(port)", trusting, .load))
                #expect(named.contains("its certificate is not accepted"))
            }
        }
    }

    @Test func certificatesThatCannotBeReadAreSaidAtTheStart() throws {
        let missing = try targetPlan(
            "rediss://127.0.0.1:1", mixedWorkload + "\ntls.ca=/nowhere/ca.pem")
        #expect(refusal(missing).contains("cannot read the authorities in /nowhere/ca.pem"))
        let plain = try targetPlan("redis://127.0.0.1:1", mixedWorkload + "\ntls.verify=false")
        #expect(refusal(plain).contains("properties tls.* are for rediss:// and etcds://"))
        #expect(throws: PropertyError.self) {
            _ = try targetPlan("rediss://127.0.0.1:1", mixedWorkload + "\ntls.key=a")
        }
    }
}
