import Foundation

/// Facts about the machine that a result must carry.
public enum Machine {
    /// Processors that this process may use.
    public static var cores: Int { ProcessInfo.processInfo.activeProcessorCount }

    /// This program on this machine, now.
    public static func environment() -> ResultEnvironment {
        ResultEnvironment(
            version: version, commit: ProcessInfo.processInfo.environment["QUORUMETER_COMMIT"],
            cores: cores, memoryBytes: Int(clamping: ProcessInfo.processInfo.physicalMemory),
            kernel: line("/proc/sys/kernel/ostype") + " " + line("/proc/sys/kernel/osrelease"),
            processor: processor(), started: now())
    }

    private static func line(_ path: String) -> String {
        guard let data = FileManager.default.contents(atPath: path) else { return "unknown" }
        return String(decoding: data, as: UTF8.self)
            .split(separator: "\n").first.map(String.init) ?? "unknown"
    }

    private static func processor() -> String {
        guard let data = FileManager.default.contents(atPath: "/proc/cpuinfo") else {
            return "unknown processor"
        }
        for line in String(decoding: data, as: UTF8.self).split(separator: "\n")
        where line.hasPrefix("model name") {
            let name = line.split(separator: ":", maxSplits: 1).last ?? ""
            return name.split(separator: " ").joined(separator: " ")
        }
        return "unknown processor"
    }

    private static func now() -> String {
        ISO8601DateFormatter().string(from: Date())
    }
}
