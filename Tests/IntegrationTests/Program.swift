import Basics
import Glibc
import Platform

/// What was waited for did not come, or an answer was not the expected one.
struct Missing: Error, CustomStringConvertible {
    let description: String

    init(_ what: String) { description = what }
}

/// A program that a test started. It never outlives the value.
final class Program {
    private let child: ChildProcess
    private let outputPath: String
    private let errorsPath: String

    var pid: Int32 { child.pid }

    /// How it ended, with all that it said.
    struct Ended {
        let exit: ChildProcess.Exit
        let output: String
        let errors: String

        /// The exit code; nil when a signal ended it.
        var code: Int32? { if case .code(let code) = exit { code } else { nil } }
    }

    /// Starts `path`; its output and errors go to files named `name` in `folder`.
    init(
        _ path: String, _ arguments: [String], name: String = "program",
        variables: [(String, String)] = [], in folder: String
    ) throws {
        let number = Program.counter.update { (count: inout Int) -> Int in
            count += 1
            return count
        }
        outputPath = "\(folder)/\(name)-\(number).out"
        errorsPath = "\(folder)/\(name)-\(number).err"
        child = try ChildProcess(
            path, arguments, variables: [(mark, folder)] + variables, output: .file(outputPath),
            errors: .file(errorsPath), ownGroup: true)
    }

    private static let counter = Monitor(0)

    deinit {
        // Gone already, or about to be: either is what is wanted.
        _ = try? child.send(signal: SIGKILL)
        _ = try? child.wait()
    }

    var errors: String { (try? FileSystem.text(errorsPath)) ?? "" }
    var output: String { (try? FileSystem.text(outputPath)) ?? "" }
    var isRunning: Bool { get throws { try child.poll() == nil } }

    func send(signal number: Int32) throws { _ = try child.send(signal: number) }

    /// Waits until it has ended; kills it and fails after `limit`.
    func end(within limit: Instant.Duration = .seconds(60)) throws -> Ended {
        let deadline = Clocks.monotonic() + limit
        while true {
            if let exit = try child.poll() {
                return Ended(exit: exit, output: output, errors: errors)
            }
            guard Clocks.monotonic() < deadline else {
                _ = try child.send(signal: SIGKILL)
                _ = try child.wait()
                throw Missing("the end of process \(pid); it said: \(errors)\(output)")
            }
            waitABit()
        }
    }

    /// Ends it by SIGKILL and waits until it is gone.
    func kill() throws {
        _ = try child.send(signal: SIGKILL)
        _ = try child.wait()
    }
}

/// The executable under test, beside the test bundle that this process has loaded.
enum Quorumeter {
    static let path: String = {
        let maps = (try? FileSystem.text("/proc/self/maps")) ?? ""
        for line in maps.split(separator: "\n") where line.hasSuffix(".xctest") {
            guard let slash = line.firstIndex(of: "/") else { continue }
            return FileSystem.parent(of: String(line[slash...])) + "/quorumeter"
        }
        return ".build/debug/quorumeter"
    }()

    /// Runs it to its end.
    static func run(
        _ arguments: String..., in folder: String, within limit: Instant.Duration = .seconds(60)
    ) throws -> Program.Ended {
        try Program(path, arguments, in: folder).end(within: limit)
    }
}

/// Runs a test in a folder of its own, which is gone afterwards, and so is all that it started.
func inTemporaryFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
    let folder = try FileSystem.temporaryFolder("quorumeter-integration")
    let outcome = Swift.Result { try body(folder) }
    for stray in try processes(of: folder) { _ = try stray.send(signal: SIGKILL) }
    try eventually("every process to end") { try processes(of: folder).isEmpty }
    try FileSystem.removeTree(folder)
    return try outcome.get()
}

/// Repeats until `condition` holds, with a limit that no healthy run reaches.
func eventually(
    _ what: String, within limit: Instant.Duration = .seconds(30), _ condition: () throws -> Bool
) throws {
    let deadline = Clocks.monotonic() + limit
    while try !condition() {
        guard Clocks.monotonic() < deadline else { throw Missing(what) }
        waitABit()
    }
}

/// Between two looks at something that has not happened yet.
private func waitABit() { Clocks.sleep(until: Clocks.monotonic() + .milliseconds(5)) }

/// Set to the test's folder in every program that a test starts, and inherited by what it starts.
private let mark = "QUORUMETER_TEST_FOLDER"

/// Where a symbolic link leads; nil when there is none.
func linkTarget(_ path: String) -> String? {
    var buffer = [CChar](repeating: 0, count: 4_096)
    let count = readlink(path, &buffer, buffer.count)
    guard count > 0 else { return nil }
    return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// The processes that run now and were started, however indirectly, by the test in `folder`.
func processes(of folder: String) throws -> [ProcessIdentity] {
    try FileSystem.list("/proc").compactMap { Int32($0) }.compactMap { pid in
        guard let identity = ProcessIdentity(of: pid), identity.isAlive,
            let variables = try? FileSystem.read("/proc/\(pid)/environ")
        else { return nil }
        let isMarked = variables.split(separator: 0).contains {
            $0.elementsEqual("\(mark)=\(folder)".utf8)
        }
        return isMarked ? identity : nil
    }
}
