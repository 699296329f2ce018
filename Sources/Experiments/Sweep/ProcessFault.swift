import Basics
import Platform

/// A fault that strikes one node of a local cluster once during a measured run: from two to
/// three fifths of it, to the pace at which the run reports its progress (about a second).
struct ProcessFault {
    /// What is done to the node.
    enum Kind: String {
        /// SIGKILL, and a new start at the end.
        case kill = "kill-one"
        /// SIGSTOP, and SIGCONT at the end.
        case pause = "pause-one"
    }

    /// What happened, as the report shades it.
    private(set) var windows: [FaultWindow] = []
    /// Why the fault could not be brought about or ended; nil when it could.
    private(set) var failure: String?

    private let kind: Kind?
    private let node: String
    private let warmup: Int64
    private let duration: Int64
    private var began: Int64?
    private var isOver = false

    /// `none` strikes nobody.
    init(_ name: String, node: String, warmup: Int64, duration: Int64) {
        kind = Kind(rawValue: name)
        self.node = node
        self.warmup = warmup
        self.duration = duration
    }

    /// Does what is due `elapsed` after the beginning of the warm-up.
    mutating func advance(to elapsed: Instant.Duration, _ cluster: LocalCluster) {
        guard let kind, !isOver, failure == nil else { return }
        let time = elapsed.nanoseconds - warmup
        do {
            if let start = began {
                guard time >= max(duration * 3 / 5, start + 1) else { return }
                try end(kind, cluster)
                isOver = true
                windows = [window(kind, start, min(time, duration))]
            } else if time >= duration * 2 / 5 {
                switch kind {
                case .kill: try cluster.kill(node)
                case .pause: try cluster.pause(node)
                }
                began = time
                windows = [window(kind, time, duration)]
            }
        } catch {
            failure = "the fault \(kind.rawValue) failed: \(error)"
        }
    }

    /// After the run: what still lasts ends; a fault that never struck is a failure.
    mutating func finish(_ cluster: LocalCluster) {
        guard let kind, failure == nil else { return }
        guard began != nil else {
            failure = "the run was too short for the fault \(kind.rawValue): measure 5 s or more"
            return
        }
        guard !isOver else { return }
        do { try end(kind, cluster) } catch {
            failure = "the fault \(kind.rawValue) could not be ended: \(error)"
        }
    }

    private func end(_ kind: Kind, _ cluster: LocalCluster) throws(ClusterError) {
        switch kind {
        case .kill: try cluster.restart(node)
        case .pause: try cluster.resume(node)
        }
    }

    private func window(_ kind: Kind, _ start: Int64, _ end: Int64) -> FaultWindow {
        FaultWindow(
            name: "\(kind == .kill ? "kill" : "pause") \(node)", startNs: max(0, start),
            endNs: max(0, end))
    }
}
