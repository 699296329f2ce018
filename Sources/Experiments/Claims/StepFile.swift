import Basics
import Foundation
import Simulation

/// The steps of a simulated run in a file, for telling where another run of the same seed parts
/// from it: in another process, build or machine.
///
/// ```
/// file   = "quorumeter.steps/1" LF command LF steps LF digest*
/// digest = sixteen hexadecimal digits, LF                 ; one a step
/// ```
public enum StepFile {
    private static let schema = "quorumeter.steps/1"

    /// Writes a run's steps; `command` repeats the run.
    public static func write(
        _ log: StepLog, command: String, to path: String
    ) throws(ResultError) {
        var text = "\(schema)\n\(command)\n\(log.steps)\n"
        text.reserveCapacity(text.utf8.count + log.digests.count * 17)
        for digest in log.digests {
            let digits = String(digest, radix: 16)
            text += String(repeating: "0", count: 16 - digits.count)
            text += digits
            text += "\n"
        }
        try ResultStore.write(ResultStore.bytes(text), to: path)
    }

    /// Reads what `write` wrote.
    ///
    /// - Throws: `ResultError` with file, line and what was expected.
    public static func read(
        _ path: String
    ) throws(ResultError) -> (log: StepLog, command: String) {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw ResultError("\(path): cannot be read")
        }
        let lines = String(decoding: data, as: UTF8.self)
            .split(separator: "\n", omittingEmptySubsequences: true)
        func wrong(_ line: Int, _ expected: String) -> ResultError {
            ResultError("\(path): line \(line): expected \(expected)")
        }
        guard lines.first.map({ $0 == schema }) ?? false else { throw wrong(1, schema) }
        guard lines.count >= 3 else { throw wrong(lines.count + 1, "a command and a count") }
        guard let steps = UInt64(lines[2]) else { throw wrong(3, "the number of steps") }
        var digests: [UInt64] = []
        digests.reserveCapacity(lines.count - 3)
        for (index, line) in lines.dropFirst(3).enumerated() {
            guard line.utf8.count == 16, let digest = UInt64(line, radix: 16) else {
                throw wrong(index + 4, "sixteen hexadecimal digits, found '\(line.prefix(40))'")
            }
            digests.append(digest)
        }
        guard UInt64(digests.count) == min(steps, UInt64(StepLog.limit)) else {
            throw wrong(lines.count + 1, "\(steps) digests in all, found \(digests.count)")
        }
        return (StepLog(digests: digests, steps: steps), String(lines[1]))
    }
}
