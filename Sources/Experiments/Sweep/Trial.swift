import Basics
import Workloads

/// One cell of a sweep, to be run once: its configuration and its workload.
public struct Trial: Sendable {
    public let configuration: CellConfiguration
    public let workload: Workload
    /// The modelled latencies of a simulated cell.
    public let network: NetworkModel?
    /// Operations of a simulated cell.
    public let operations: Int
    /// The faults, when they are those of a file.
    public let schedule: FaultSchedule?

    /// Folder of the cell within the sweep's: `n3-r1-w2-strict-lww-workloada-none-memory-1`.
    public var name: String {
        let c = configuration
        let network = c.network.map { "\($0)-" } ?? ""
        return "n\(c.n)-r\(c.r)-w\(c.w)-\(c.quorum)-\(c.mode)-\(c.workload)-\(c.fault)-\(c.fsync)-"
            + "\(network)\(c.repetition + 1)"
    }
}

extension SweepPlan {
    /// All cells in the order in which they run: every cell once, then every cell again, so that
    /// drift of the machine does not favour one.
    ///
    /// - Throws: `PropertyError` when a workload cannot be read.
    public func trials() throws(PropertyError) -> [Trial] {
        var loaded: [(name: String, workload: Workload)] = []
        for path in workloads {
            var properties: Properties
            do {
                properties = try Properties(parsing: ResultStore.text(path), file: path)
            } catch let error as ResultError {
                throw PropertyError(origin: path, problem: error.description)
            } catch let error as PropertyError {
                throw error
            } catch {
                throw PropertyError(origin: path, problem: "\(error)")
            }
            if let records {
                properties.set("recordcount", to: "\(records)", origin: file)
            }
            let workload = try Workload(properties)
            loaded.append((SweepPlan.lastComponent(path), workload))
        }
        var trials: [Trial] = []
        for repetition in 0..<repetitions {
            for n in replicas {
                for (name, workload) in loaded {
                    for fault in faults {
                        for quorum in quorums {
                            for mode in modes {
                                for fsync in fsync {
                                    let setting = Setting(
                                        n: n, quorum: quorum, mode: mode, fault: fault,
                                        fsync: fsync, repetition: repetition, name: name)
                                    let networks: [NetworkModel?] =
                                        networks.isEmpty ? [nil] : networks
                                    trials += networks.flatMap {
                                        self.trials(setting, workload, $0)
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
        return trials
    }

    /// What the cells of one W×R matrix share.
    private struct Setting {
        let n: Int
        let quorum: String
        let mode: String
        let fault: String
        let fsync: String
        let repetition: Int
        let name: String
    }

    private func trials(
        _ setting: Setting, _ workload: Workload, _ network: NetworkModel?
    ) -> [Trial] {
        let n = setting.n
        let reads = (readQuorums ?? Array(1...n)).filter { $0 <= n }
        let writes = (writeQuorums ?? Array(1...n)).filter { $0 <= n }
        return reads.flatMap { r in
            writes.map { w in
                var configuration = CellConfiguration(
                    n: n, r: r, w: w, quorum: setting.quorum, mode: setting.mode, nodes: nodes,
                    workload: setting.name, fault: setting.fault, fsync: setting.fsync,
                    where: `where`, arrivals: arrivals.rawValue,
                    targetPerSecond: target, clients: clients,
                    records: Int(clamping: workload.recordCount), warmupNs: warmup.nanoseconds,
                    durationNs: duration.nanoseconds, seed: 0, repetition: setting.repetition)
                configuration.network = network?.name
                if network != nil {
                    configuration.arrivals = Workload.Arrivals.closed.rawValue
                    configuration.warmupNs = 0
                    configuration.durationNs = 0
                }
                configuration.seed = SweepPlan.seed(of: configuration, sweep: seed)
                return Trial(
                    configuration: configuration, workload: workload, network: network,
                    operations: operations, schedule: schedules[setting.fault])
            }
        }
    }

    /// The seed of a trial follows from the sweep's seed and the trial's content, not from its
    /// place, so that a column that is added leaves the other trials as they were. R and W stay
    /// out of it: all of a matrix see the same sequence of operations.
    static func seed(of c: CellConfiguration, sweep: UInt64) -> UInt64 {
        let content =
            "\(c.workload)|\(c.records)|\(c.clients)|\(c.targetPerSecond)|\(c.arrivals)"
            + "|\(c.fault)|\(c.repetition)"
        var state = sweep
        _ = RandomSource.splitMix(&state)
        for byte in content.utf8 { state = (state ^ UInt64(byte)) &* 0x100_0000_01b3 }
        // 53 bits, so that every reader of JSON gets the same number.
        return RandomSource.splitMix(&state) >> 11
    }

    private static func lastComponent(_ path: String) -> String {
        path.split(separator: "/").last.map(String.init) ?? path
    }
}
