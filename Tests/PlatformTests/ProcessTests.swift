import Basics
import Glibc
import Platform
import Testing

@Suite struct ProcessTests {
    @Test func aChildWritesToAFileAndEndsWithItsCode() throws {
        try inTemporaryFolder { folder in
            let child = try ChildProcess(
                "/bin/sh", ["-c", "echo $GREETING; echo oops >&2; exit 3"],
                variables: [("GREETING", "hello")], output: .file("\(folder)/out"),
                errors: .file("\(folder)/err"))
            #expect(try child.wait() == .code(3))
            #expect(try child.wait() == .code(3))
            #expect(try FileSystem.text("\(folder)/out") == "hello\n")
            #expect(try FileSystem.text("\(folder)/err") == "oops\n")
        }
    }

    @Test func aChildIsKilledOnceAndNeverAgain() throws {
        let child = try ChildProcess("/bin/sleep", ["60"], output: .discard, ownGroup: true)
        let identity = child.identity
        #expect(identity.isAlive)
        #expect(identity.processorTime != nil)
        #expect(try child.poll() == nil)
        #expect(getpgid(child.pid) == child.pid)
        #expect(try identity.send(signal: SIGKILL))
        #expect(try child.wait() == .signal(SIGKILL))
        #expect(!identity.isAlive)
        #expect(try !child.send(signal: SIGKILL))
        #expect(try !identity.send(signal: SIGKILL))
    }

    @Test func aReusedNumberIsNotTheSameProcess() throws {
        let own = try #require(ProcessIdentity.own)
        #expect(own.isAlive)
        let impostor = ProcessIdentity(pid: own.pid, startTicks: own.startTicks + 1)
        #expect(!impostor.isAlive)
        #expect(try !impostor.send(signal: SIGKILL))
        #expect((own.residentBytes ?? 0) > 1 << 20)
    }

    @Test func aPipeDeliversOutput() throws {
        let loop = try EventLoop()
        let child = try ChildProcess("/bin/echo", ["through the pipe"], output: .pipe)
        let output = try #require(child.output)
        let watch = try loop.watch(output.descriptor, for: .readable, token: 1)
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64)
        reading: while true {
            _ = loop.wait(until: nil)
            switch buffer.withUnsafeMutableBytes({ output.read(into: $0) }) {
            case .bytes(let count): text += buffer[..<count]
            case .wouldBlock: continue
            default: break reading
            }
        }
        loop.unwatch(watch)
        #expect(text == Array("through the pipe\n".utf8))
        #expect(try child.wait() == .code(0))
    }

    @Test func aProgramThatIsNotThereIsAnError() throws {
        let error = #expect(throws: SystemError.self) { _ = try ChildProcess("/no/such", []) }
        #expect(error?.code == ENOENT)
        #expect(try ChildProcess.ownExecutable().hasPrefix("/"))
    }

    @Test func jemallocIsTheAllocatorOfTheProcess() throws {
        let before = try #require(JemallocStatistics())
        let counted = JemallocStatistics.allocatedByThread
        let large = [UInt8](repeating: 1, count: 64 << 20)
        let after = try #require(JemallocStatistics())
        #expect(large.count == 64 << 20)
        #expect(after.allocated - before.allocated > 32 << 20)
        #expect(after.active >= after.allocated)
        #expect(JemallocStatistics.allocatedByThread - counted >= 64 << 20)
        #expect(JemallocStatistics.version?.hasPrefix("5.") == true)
    }

    @Test func threadsWaitForAChange() throws {
        let monitor = Monitor(0)
        let thread = try WorkerThread {
            for expected in 1...100 {
                monitor.wait(for: { $0 == expected * 2 - 1 }, then: { $0 += 0 })
                monitor.update { $0 += 1 }
            }
        }
        for expected in 1...100 {
            monitor.wait(for: { $0 == expected * 2 - 2 }, then: { $0 += 0 })
            monitor.update { $0 += 1 }
        }
        thread.join()
        #expect(monitor.update { $0 } == 200)
        let late = monitor.wait(
            until: Clocks.monotonic() + .milliseconds(1), for: { $0 == 0 }, then: { $0 })
        #expect(late == 200)
    }

    @Test func aLogLineStaysALine() {
        let line = Log.line(
            at: WallTime(microseconds: 1_700_000_000_000_042), .warning, "peer lost",
            [("peer", "n2"), ("why", "a \"b\"\n\u{1}")])
        #expect(
            line == "time=2023-11-14T22:13:20.000042Z level=warning event=\"peer lost\" peer=n2 "
                + "why=\"a \\\"b\\\"\\n\\x01\"\n")
    }
}
