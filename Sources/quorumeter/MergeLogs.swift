import Basics
import Experiments
import Load
import Platform

/// `quorumeter report --merge`: the logs of several load generators as one, in a folder.
func mergeLogs(_ folders: [String], into out: String) throws -> ExitCode {
    var logs: [IntervalLog] = []
    for folder in folders {
        let path = "\(folder)/latency.hlog"
        do {
            logs.append(try IntervalLog(parsing: try FileSystem.text(path), file: path))
        } catch { throw CommandFailure(.misuse, "\(error)") }
    }
    let merged = IntervalLog.merge(logs)
    do {
        try ResultStore.createFolder(out)
        var curves = ""
        for (tag, histogram) in merged.totals {
            curves += "# \(tag), microseconds from the intended start\n"
            curves += histogram.percentileText(scale: 1_000) + "\n"
        }
        for (name, text) in [
            ("latency.hgrm", curves), ("latency.hlog", try merged.text()),
            ("timeseries.csv", merged.csv),
        ] { try ResultStore.write(ResultStore.bytes(text), to: "\(out)/\(name)") }
    } catch {
        throw CommandFailure(.environment, "\(error)")
    }
    Terminal.result("merged \(logs.count) logs: \(out)/latency.hlog\n")
    return .held
}
