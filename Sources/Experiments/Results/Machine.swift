import Foundation

/// Facts about the machine that a result must carry.
public enum Machine {
    /// Processors that this process may use.
    public static var cores: Int { ProcessInfo.processInfo.activeProcessorCount }

    /// This program on this machine, now.
    public static func environment() -> ResultEnvironment {
        ResultEnvironment(
            version: version, commit: commit(),
            cores: cores, memoryBytes: Int(clamping: ProcessInfo.processInfo.physicalMemory),
            kernel: line("/proc/sys/kernel/ostype") + " " + line("/proc/sys/kernel/osrelease"),
            processor: processor(), started: now())
    }

    /// The commit of the source: `QUORUMETER_COMMIT`, else what `git rev-parse` says of the folder
    /// where the executable was built; nil when neither is known.
    static func commit() -> String? {
        if let given = ProcessInfo.processInfo.environment["QUORUMETER_COMMIT"], !given.isEmpty {
            return given
        }
        guard let executable = Bundle.main.executableURL else { return nil }
        let git = Process()
        git.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        git.arguments = ["git", "rev-parse", "--verify", "--quiet", "HEAD"]
        git.currentDirectoryURL =
            executable.resolvingSymlinksInPath().deletingLastPathComponent()
        let output = Pipe()
        git.standardOutput = output
        git.standardError = FileHandle.nullDevice
        // Without git, or outside a work tree, the commit is unknown and the result says so.
        guard (try? git.run()) != nil else { return nil }
        let data = output.fileHandleForReading.readDataToEndOfFile()
        git.waitUntilExit()
        let hash = String(decoding: data, as: UTF8.self).split(separator: "\n").first
        guard git.terminationStatus == 0, let hash, hash.utf8.count >= 40 else { return nil }
        return String(hash)
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
