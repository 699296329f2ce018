import Basics
import Platform
import Workloads

/// The mix of faults that a soak draws from when it is given no schedule: the same text as
/// `workloads/faults/mix.yaml`, so that the program needs no file.
public enum StandardMix {
    public static let text = """
        # What `quorumeter soak` draws from when it is given no schedule.
        schedule: mix
        mix:
          calm: 500ms..3s
          lasts: 500ms..4s
          lanes: 2
          rest: 2s
          faults:
            - {fault: kill, nodes: one, weight: 6}
            - {fault: kill, nodes: minority, weight: 3}
            - {fault: kill, nodes: majority, weight: 1}
            - {fault: kill, nodes: all, weight: 1}
            - {fault: stop, nodes: one, weight: 2}
            - {fault: pause, nodes: one, weight: 4}
            - {fault: pause, nodes: minority, weight: 2}
            - {fault: partition, groups: halves, weight: 4}
            - {fault: partition, groups: isolate-one, weight: 4}
            - {fault: partition, groups: majorities-ring, weight: 2}
            - {fault: partition, groups: random, one_way: true, weight: 3}
            - {fault: partition, groups: random, how: reset, weight: 2}
            - {fault: partition, groups: random, how: stall, weight: 2}
            - {fault: slow, latency: 10ms, jitter: 5ms, weight: 3}
            - {fault: slow, nodes: one, latency: 50ms, tail: 300ms, tail_share: 2%, weight: 2}
            - {fault: slow, nodes: one, bandwidth: 500kB, weight: 1}
            - {fault: lossy, drop: 5%, weight: 3}
            - {fault: corrupt, nodes: one, corrupt: 0.5%, weight: 2}
            - {fault: duplicate, duplicate: 10%, weight: 2}
            - {fault: replay, nodes: one, replay: 1%, weight: 1}
            - {fault: slice, nodes: one, slice: 32B, weight: 1}
            - {fault: reset, nodes: one, weight: 2}
            - {fault: half-open, nodes: one, weight: 1}
            - {fault: black-hole, nodes: one, weight: 1}
            - {fault: slow-disk, nodes: one, by: 50ms, weight: 2}
            - {fault: disk-full, nodes: one, weight: 1}
            - {fault: fsync-error, nodes: one, weight: 1}
        """

    /// As much of it as a cluster can do: without a relay links are cut and nothing else, and power
    /// is cut where there is some.
    public static func schedule(
        hasRelay: Bool = true, cutsPower: Bool = false
    ) throws(TreeError) -> FaultSchedule {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        if !hasRelay {
            let ofRelay = [
                "slow", "lossy", "corrupt", "duplicate", "replay", "slice", "reset", "half-open",
                "black-hole",
            ]
            lines.removeAll { line in
                line.contains("how: ") || ofRelay.contains { line.contains("fault: \($0),") }
            }
        }
        if cutsPower {
            lines.append("    - {fault: power-cut, nodes: one, weight: 6}")
            lines.append("    - {fault: power-cut, nodes: all, weight: 2}")
        }
        let bytes = Array(lines.joined(separator: "\n").utf8)
        return try FaultSchedule(YAML.parse(bytes, file: "mix"), file: "mix")
    }
}
