import Basics
import Consistency
import Foundation

/// Histories in files.
public enum HistoryFile {
    /// Writes a history as JSON lines, or only its operations on the given keys, at most about
    /// `limit` bytes of it. Throws when the file cannot be written.
    public static func write(
        _ history: History, keys: Set<UInt32>? = nil, limit: Int = .max, to path: String
    ) throws(ResultError) {
        guard FileManager.default.createFile(atPath: path, contents: nil),
            let file = FileHandle(forWritingAtPath: path)
        else { throw ResultError("cannot write \(path)") }
        defer { file.closeFile() }
        var written = 0
        var lines = ByteBuffer()
        for index in 0..<history.count {
            if let keys, !keys.contains(history.operations[index].key) { continue }
            JSONLinesWriter.append(index, of: history, to: &lines)
            if lines.count > 1 << 20 || index == history.count - 1 || written > limit {
                written += try flush(&lines, file, path)
                if written > limit { return }
            }
        }
        _ = try flush(&lines, file, path)
    }

    private static func flush(
        _ lines: inout ByteBuffer, _ file: FileHandle, _ path: String
    ) throws(ResultError) -> Int {
        let count = lines.count
        do {
            try file.write(contentsOf: Data(lines.bytes.text.utf8))
        } catch { throw ResultError("cannot write \(path): \(error.localizedDescription)") }
        lines.removeAll()
        return count
    }
}
