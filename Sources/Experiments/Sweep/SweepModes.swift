import Basics
import Replication

/// Modes as a dimension of a sweep: where they can be measured, and which quorums mean something
/// in them.
extension SweepPlan {
    /// The modes of the matrix, `lww` when it names none.
    ///
    /// - Throws: `TreeError` for modes that cannot be measured there or with these settings.
    static func modes(
        _ matrix: Section, isSimulated: Bool, fsync: [String], replicas: [Int],
        reads: [Int]?, writes: [Int]?
    ) throws(TreeError) -> [String] {
        let words = try words(
            matrix, "mode", ConflictMode.allCases.map(\.rawValue), default: "lww")
        if words.contains("siblings"), !isSimulated {
            throw matrix.expected(
                "lww, abd or cp (siblings are read and written in simulation only)", at: "mode")
        }
        for mode in words where CellConfiguration.isRegister(mode) {
            guard fsync.contains("always") else {
                throw matrix.expected(
                    "\(mode) beside fsync: always (without a synced log it keeps no promise)",
                    at: "mode")
            }
        }
        let overlaps = replicas.contains { n in
            !quorums(n, reads, writes, mode: "abd").isEmpty
        }
        if words.contains("abd"), !overlaps {
            throw matrix.expected(
                "abd with some r and w of which r + w is more than n", at: "mode")
        }
        return words
    }

    /// The pairs of R and W that a mode has with N replicas: in abd those that share a replica, in
    /// cp the majority alone, since R and W mean nothing there.
    static func quorums(
        _ n: Int, _ reads: [Int]?, _ writes: [Int]?, mode: String
    ) -> [(r: Int, w: Int)] {
        if mode == "cp" { return [(n / 2 + 1, n / 2 + 1)] }
        return (reads ?? Array(1...n)).filter { $0 <= n }.flatMap { r in
            (writes ?? Array(1...n)).filter { $0 <= n && (mode != "abd" || r + $0 > n) }
                .map { (r, $0) }
        }
    }

    /// Whether a mode is measured with these settings. Registers have no sloppy quorums and no
    /// read repair, so that they run once for all kinds of those, and only with a synced log.
    func measures(_ mode: String, quorum: String, readRepair: String, fsync: String) -> Bool {
        guard CellConfiguration.isRegister(mode) else { return true }
        return quorum == quorums.first && readRepair == readRepairs.first && fsync == "always"
    }
}

extension CellConfiguration {
    /// Whether keys of this mode are linearizable registers.
    static func isRegister(_ mode: String) -> Bool { mode == "abd" || mode == "cp" }
    var isRegister: Bool { CellConfiguration.isRegister(mode) }
}
