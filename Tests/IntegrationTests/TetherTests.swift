import Glibc
import Platform
import Testing

/// Programs that end with the one that started them.
struct TetherTests {
    @Test func theProgramTakesTheCommandsPlace() throws {
        try inTemporaryFolder { folder in
            let ended = try Quorumeter.run(
                "tether", "--with-parent", "\(getpid())", "--", "/bin/sh", "-c",
                "echo $$ --signal; exit 3", in: folder)
            #expect(ended.code == 3 && ended.output.hasSuffix(" --signal\n"))
        }
    }

    @Test func whoseParentHasEndedRunsNothing() throws {
        try inTemporaryFolder { folder in
            // The first process is not the parent: as if the parent had ended meanwhile.
            let ended = try Quorumeter.run(
                "tether", "--with-parent", "1", "--", "/bin/touch", "\(folder)/ran", in: folder)
            #expect(ended.exit == .signal(SIGKILL))
            #expect(try FileSystem.kind(of: "\(folder)/ran") == nil)
        }
    }

    @Test func itEndsWithItsParentBySignal() throws {
        try inTemporaryFolder { folder in
            // The shell is the parent, and is killed.
            let shell = try Program(
                "/bin/sh",
                [
                    "-c",
                    "\(Quorumeter.path) tether --with-parent $$ --signal 15 -- /bin/sh -c "
                        + "'trap \"echo told >\(folder)/told; exit\" TERM; echo >\(folder)/up; "
                        + "while :; do sleep 0.05; done' & wait",
                ], in: folder)
            try eventually("the program to run") {
                try FileSystem.kind(of: "\(folder)/up") != nil
            }
            try shell.kill()
            try eventually("the program to be told") {
                (try? FileSystem.text("\(folder)/told")) == "told\n"
            }
            try eventually("the program to end") { try processes(of: folder).isEmpty }
        }
    }

    @Test(arguments: [
        (["--", "/bin/true"], Int32(2), "--with-parent PID"),
        (["--with-parent", "1", "--", "true"], 2, "its path from the root"),
        (["--with-parent", "1"], 2, "PROGRAM"),
        (["--with-parent", "1", "--user", "no such user", "--", "/bin/true"], 4, "no such user"),
    ])
    func whatCannotBeRunIsNamed(arguments: [String], code: Int32, complaint: String) throws {
        try inTemporaryFolder { folder in
            let ended = try Program(Quorumeter.path, ["tether"] + arguments, in: folder).end()
            #expect(ended.code == code, "\(ended.exit) \(ended.errors)")
            #expect(ended.errors.contains(complaint), "\(ended.errors)")
        }
    }
}
