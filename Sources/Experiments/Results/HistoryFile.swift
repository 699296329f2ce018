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

    /// Reads a history, or with a shard only the operations on its keys. A file is mapped, not
    /// copied, so that only the operations take memory; lines of JSON from a pipe are read piece
    /// by piece, other formats to the end. `-` is standard input.
    ///
    /// - Throws: `HistoryError` for what is not a history, `SystemError` for what cannot be read.
    public static func read(
        _ name: String, as format: Format, shard: Shard? = nil
    ) throws -> History {
        let path = name == "-" ? "/dev/stdin" : name
        let file = name == "-" ? "standard input" : name
        let kind = try FileSystem.kind(of: path)
        guard kind == .file else {
            if kind == .other, format == .jsonLines { return try readPieces(path, file, shard) }
            return try parse(try FileSystem.read(path), file, format, shard)
        }
        // Opening it names the reason when it cannot be read.
        guard try File(path, .read).size() > 0 else { return try parse([], file, format, shard) }
        let data = try Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped)
        return try data.withUnsafeBytes { try parse($0, file, format, shard) }
    }

    /// Bytes that are read at once from a pipe.
    private static let piece = 1 << 20

    private static func readPieces(
        _ path: String, _ file: String, _ shard: Shard?
    ) throws -> History {
        guard let handle = FileHandle(forReadingAtPath: path) else {
            throw SystemError("open", path)
        }
        var parser = JSONLinesParser(file: file, shard: shard)
        var waiting = Data()
        while let data = try handle.read(upToCount: piece), !data.isEmpty {
            waiting.append(data)
            let used = try waiting.withUnsafeBytes { bytes throws(HistoryError) in
                try parser.consume(bytes, isLast: false)
            }
            waiting.removeFirst(used)
        }
        _ = try waiting.withUnsafeBytes { bytes throws(HistoryError) in
            try parser.consume(bytes, isLast: true)
        }
        return parser.history
    }

    /// Reads a file of JSON lines or of the binary form piece by piece: `visit` gets the operations
    /// of each piece, the same pieces every time, with the tables so far; nothing else is kept.
    static func stream(
        _ path: String, as format: Format, _ visit: (History) throws -> Void
    ) throws {
        guard try File(path, .read).size() > 0 else { return }
        if format == .binary {
            let data = try Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped)
            var failure: (any Error)?
            try data.withUnsafeBytes { bytes in
                try BinaryHistoryReader.forEachBlock(bytes, file: path) { history in
                    guard failure == nil else { return }
                    do { try visit(history) } catch { failure = error }
                }
            }
            if let failure { throw failure }
            return
        }
        guard let handle = FileHandle(forReadingAtPath: path) else {
            throw SystemError("open", path)
        }
        var parser = JSONLinesParser(file: path)
        var waiting = Data()
        var isLast = false
        while !isLast {
            if let data = try handle.read(upToCount: piece), !data.isEmpty {
                waiting.append(data)
            } else {
                isLast = true
            }
            let used = try waiting.withUnsafeBytes { bytes throws(HistoryError) in
                try parser.consume(bytes, isLast: isLast)
            }
            waiting.removeFirst(used)
            try visit(parser.history)
            parser.dropOperations()
        }
    }

    private static func parse(
        _ bytes: [UInt8], _ path: String, _ format: Format, _ shard: Shard?
    ) throws -> History {
        try bytes.withUnsafeBytes { try parse($0, path, format, shard) }
    }

    private static func parse(
        _ bytes: UnsafeRawBufferPointer, _ path: String, _ format: Format, _ shard: Shard?
    ) throws(HistoryError) -> History {
        switch format {
        case .jsonLines: return try JSONLinesParser.parse(bytes, file: path, shard: shard)
        case .binary: return try BinaryHistoryReader.parse(bytes, file: path, shard: shard)
        case .edn: return try EDNParser.parse(bytes, file: path, shard: shard)
        case .log: return try JepsenLogParser.parse(bytes, file: path, shard: shard)
        }
    }

    /// Bytes that checking takes for each operation, about: the operation, its place in the order
    /// of keys and of processes, and the work on the key at hand.
    public static let bytesPerOperation = 100

    /// About how many operations a file holds, from its size and the length of its first lines;
    /// nil for a pipe.
    public static func estimatedCount(_ path: String, as format: Format) throws -> Int? {
        guard path != "-", try FileSystem.kind(of: path) == .file else { return nil }
        let size = try File(path, .read).size()
        if format == .binary { return size / BinaryHistory.operationBytes }
        guard let handle = FileHandle(forReadingAtPath: path),
            let start = try handle.read(upToCount: min(size, piece)), !start.isEmpty
        else { return 0 }
        let lines = start.reduce(1) { $0 + ($1 == 10 ? 1 : 0) }
        let count = size / max(1, start.count / lines)
        return format == .jsonLines ? count : count / 2
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
