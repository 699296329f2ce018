import Basics
import Consistency
import Foundation
import Platform

/// Histories in files.
public enum HistoryFile {
    /// How a history is written down.
    public enum Format: String, CaseIterable, Sendable {
        /// One JSON object a line.
        case jsonLines = "jsonl"
        /// The compact binary form.
        case binary = "qh"
        /// Jepsen's histories, and key-value logs of one map a line.
        case edn
        /// The lines that Jepsen logs.
        case log

        /// The format that the extension of a path names.
        public init?(path: String) {
            guard let dot = path.lastIndex(of: ".") else { return nil }
            self.init(rawValue: String(path[path.index(after: dot)...]))
        }
    }

    /// Reads a history. The file is mapped, not copied, so that only the operations take memory;
    /// a pipe is read to its end.
    ///
    /// - Throws: `HistoryError` for what is not a history, `SystemError` for what cannot be read.
    public static func read(_ path: String, as format: Format) throws -> History {
        guard try FileSystem.kind(of: path) == .file else {
            return try parse(try FileSystem.read(path), path, format)
        }
        // Opening it names the reason when it cannot be read.
        guard try File(path, .read).size() > 0 else { return try parse([], path, format) }
        let data = try Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped)
        return try data.withUnsafeBytes { try parse($0, path, format) }
    }

    private static func parse(_ bytes: [UInt8], _ path: String, _ format: Format) throws -> History
    {
        try bytes.withUnsafeBytes { try parse($0, path, format) }
    }

    private static func parse(
        _ bytes: UnsafeRawBufferPointer, _ path: String, _ format: Format
    ) throws(HistoryError) -> History {
        switch format {
        case .jsonLines: try JSONLinesParser.parse(bytes, file: path)
        case .binary: try BinaryHistoryReader.parse(bytes, file: path)
        case .edn: try EDNParser.parse(bytes, file: path)
        case .log: try JepsenLogParser.parse(bytes, file: path)
        }
    }

    /// Writes a history in the binary form, atomically.
    public static func writeBinary(_ history: History, to path: String) throws(SystemError) {
        var output = ByteBuffer()
        BinaryHistory.append(history, to: &output)
        let temporary = "\(path).new"
        try File(temporary, .truncate).write(output.bytes)
        try FileSystem.rename(temporary, to: path)
    }

    /// Writes a history as JSON lines. Throws when the file cannot be written.
    public static func write(_ history: History, to path: String) throws(ResultError) {
        guard FileManager.default.createFile(atPath: path, contents: nil),
            let file = FileHandle(forWritingAtPath: path)
        else { throw ResultError("cannot write \(path)") }
        defer { file.closeFile() }
        var lines = ByteBuffer()
        for index in 0..<history.count {
            JSONLinesWriter.append(index, of: history, to: &lines)
            if lines.count > 1 << 20 { try flush(&lines, file, path) }
        }
        try flush(&lines, file, path)
    }

    /// JSON lines of the operations on the given keys, at most about `limit` bytes of them.
    static func text(_ history: History, keys: Set<UInt32>, limit: Int) -> String {
        var lines = ByteBuffer()
        for index in 0..<history.count where keys.contains(history.operations[index].key) {
            JSONLinesWriter.append(index, of: history, to: &lines)
            if lines.count > limit { break }
        }
        return lines.bytes.text
    }

    private static func flush(
        _ lines: inout ByteBuffer, _ file: FileHandle, _ path: String
    ) throws(ResultError) {
        do {
            try file.write(contentsOf: Data(lines.bytes.text.utf8))
        } catch { throw ResultError("cannot write \(path): \(error.localizedDescription)") }
        lines.removeAll()
    }
}
