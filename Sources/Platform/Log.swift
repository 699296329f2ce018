import Basics
import Glibc

/// Writes log lines to standard error: `key=value` pairs, one event a line, one write a line.
public struct Log: Sendable {
    /// How much a line matters; each level includes those before it.
    public enum Level: Int, Sendable, Comparable, CaseIterable {
        case error, warning, info, debug

        /// Reads a level's name; nil for anything else.
        public init?(_ name: String) {
            guard let level = Level.allCases.first(where: { "\($0)" == name }) else { return nil }
            self = level
        }

        public static func < (a: Level, b: Level) -> Bool { a.rawValue < b.rawValue }
    }

    /// Lines less important than this are not written.
    public var level: Level
    /// Pairs that every line carries, such as the node's name.
    public var common: [(String, String)]

    public init(level: Level = .info, common: [(String, String)] = []) {
        self.level = level
        self.common = common
    }

    public func error(_ event: String, _ pairs: KeyValuePairs<String, String> = [:]) {
        write(.error, event, pairs)
    }
    public func warning(_ event: String, _ pairs: KeyValuePairs<String, String> = [:]) {
        write(.warning, event, pairs)
    }
    public func info(_ event: String, _ pairs: KeyValuePairs<String, String> = [:]) {
        write(.info, event, pairs)
    }
    public func debug(_ event: String, _ pairs: KeyValuePairs<String, String> = [:]) {
        write(.debug, event, pairs)
    }

    private func write(_ level: Level, _ event: String, _ pairs: KeyValuePairs<String, String>) {
        guard level <= self.level else { return }
        var line = Log.line(
            at: Clocks.wall(), level, event, common + pairs.map { ($0.key, $0.value) })
        line.withUTF8 { bytes in
            // A log that cannot be written must not stop the program.
            _ = Glibc.write(STDERR_FILENO, bytes.baseAddress, bytes.count)
        }
    }

    /// One line, with its line feed.
    public static func line(
        at time: WallTime, _ level: Level, _ event: String, _ pairs: [(String, String)]
    ) -> String {
        var line = "time=\(timestamp(time)) level=\(level) event=\(quoted(event))"
        for (key, value) in pairs { line += " \(key)=\(quoted(value))" }
        return line + "\n"
    }

    /// Values that hold anything but plain characters are quoted, so that a line stays a line.
    private static func quoted(_ value: String) -> String {
        let isPlain =
            !value.isEmpty
            && value.unicodeScalars.allSatisfy {
                $0.value > 0x20 && $0.value != 0x7f && $0 != "\"" && $0 != "=" && $0 != "\\"
            }
        if isPlain { return value }
        var text = "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"", "\\": text += "\\\(scalar)"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case _ where scalar.value < 0x20 || scalar.value == 0x7f:
                text += "\\x" + hexadecimal(scalar.value)
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text + "\""
    }

    private static func hexadecimal(_ value: UInt32) -> String {
        (value < 16 ? "0" : "") + String(value, radix: 16)
    }

    /// RFC 3339, UTC, microseconds.
    private static func timestamp(_ time: WallTime) -> String {
        var seconds = time_t(time.microseconds / 1_000_000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        func padded(_ value: some BinaryInteger, _ width: Int) -> String {
            let digits = String(value)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        return "\(padded(parts.tm_year + 1_900, 4))-\(padded(parts.tm_mon + 1, 2))"
            + "-\(padded(parts.tm_mday, 2))T\(padded(parts.tm_hour, 2)):\(padded(parts.tm_min, 2))"
            + ":\(padded(parts.tm_sec, 2)).\(padded(time.microseconds % 1_000_000, 6))Z"
    }
}
