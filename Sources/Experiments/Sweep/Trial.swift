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
    /// How long to wait afterwards for the nodes to agree.
    public let settle: Instant.Duration
    /// Whether the history names the replicas that answered.
    let recordsReplicas: Bool
    /// What tells the cell from others of its sweep that the usual parts of its name do not.
    let variant: String
    /// What strikes while it is measured.
    let fault: SweepFault
    /// Another store that is measured in place of ours.
    let peer: PeerSetting?

    /// Folder of the cell within the sweep's: `n3-r1-w2-strict-lww-workloada-none-memory-1`.
    public var name: String {
        let c = configuration
        if let peer {
            return "\(peer.folderName)-\(c.workload)-\(variant)\(c.repetition + 1)"
        }
        let network = c.network.map { "\($0)-" } ?? ""
        return "n\(c.n)-r\(c.r)-w\(c.w)-\(c.quorum)-\(c.mode)-\(c.workload)-\(c.fault)-\(c.fsync)-"
            + "\(variant)\(network)\(c.repetition + 1)"
    }
}

extension SweepPlan {
    /// All cells in the order in which they run: every cell once, then every cell again, so that
    /// drift of the machine does not favour one.
    ///
    /// - Throws: `PropertyError` when a workload cannot be read.
    public func trials() throws(PropertyError) -> [Trial] {
        let loaded = try loadWorkloads()
        var settings = [Setting()]
        /// Every setting so far with each of the values.
        func vary<Value>(_ path: WritableKeyPath<Setting, Value>, _ values: [Value]) {
            settings = settings.flatMap { setting in
                values.map { value in
                    var setting = setting
                    setting[keyPath: path] = value
                    return setting
                }
            }
        }
        vary(\.repetition, Array(0..<repetitions))
        vary(\.nodes, nodes)
        vary(\.n, replicas)
        vary(\.workload, Array(loaded.indices))
        vary(\.fault, faults)
        vary(\.quorum, quorums)
        vary(\.mode, modes)
        vary(\.readRepair, readRepairs)
        vary(\.fsync, fsync)
        vary(\.arrivals, arrivals)
        vary(\.network, networks.isEmpty ? [nil] : networks)
        // Round by round: our own cells, then the other stores under the same load.
        return (0..<repetitions).flatMap { repetition in
            settings.filter { $0.repetition == repetition }
                .flatMap { trials($0, loaded[$0.workload]) }
                + peerTrials(repetition, loaded)
        }
    }

    private func loadWorkloads() throws(PropertyError) -> [(name: String, workload: Workload)] {
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
            loaded.append((SweepPlan.lastComponent(path), try Workload(properties)))
        }
        return loaded
    }

    /// What the cells of one W×R matrix share.
    private struct Setting {
        var repetition = 0
        var nodes = 0
        var n = 0
        /// Position among the workloads.
        var workload = 0
        var fault = SweepFault.none
        var quorum = ""
        var mode = ""
        var readRepair = ""
        var fsync = ""
        var arrivals = Workload.Arrivals.closed
        var network: NetworkModel?
    }

    private func trials(
        _ setting: Setting, _ loaded: (name: String, workload: Workload)
    ) -> [Trial] {
        let n = setting.n
        guard
            measures(
                setting.mode, quorum: setting.quorum, readRepair: setting.readRepair,
                fsync: setting.fsync)
        else { return [] }
        let isRegister = CellConfiguration.isRegister(setting.mode)
        var variant = ""
        if nodes.count > 1 { variant += "\(setting.nodes)nodes-" }
        if setting.readRepair != "async", !isRegister { variant += "repair-\(setting.readRepair)-" }
        if arrivals.count > 1 { variant += "\(setting.arrivals.rawValue)-" }
        return SweepPlan.quorums(n, readQuorums, writeQuorums, mode: setting.mode).map { r, w in
            var configuration = CellConfiguration(
                n: n, r: r, w: w, quorum: isRegister ? "strict" : setting.quorum,
                mode: setting.mode, nodes: setting.nodes, workload: loaded.name,
                fault: setting.fault.name, fsync: setting.fsync, where: `where`,
                arrivals: setting.arrivals.rawValue,
                targetPerSecond: setting.arrivals == .closed ? 0 : target, clients: clients,
                records: Int(clamping: loaded.workload.recordCount),
                warmupNs: warmup.nanoseconds, durationNs: duration.nanoseconds, seed: 0,
                repetition: setting.repetition)
            configuration.readRepair = isRegister ? nil : setting.readRepair
            if let network = setting.network {
                configuration.network = network.name
                configuration.arrivals = Workload.Arrivals.closed.rawValue
                configuration.targetPerSecond = target
                configuration.warmupNs = 0
                configuration.durationNs = 0
            }
            configuration.seed = SweepPlan.seed(of: configuration, sweep: seed)
            return Trial(
                configuration: configuration, workload: loaded.workload,
                network: setting.network, operations: operations, settle: settle,
                recordsReplicas: recordsReplicas, variant: variant, fault: setting.fault,
                peer: nil)
        }
    }

    private func peerTrials(
        _ repetition: Int, _ loaded: [(name: String, workload: Workload)]
    ) -> [Trial] {
        loaded.flatMap { loaded in
            arrivals.flatMap { arrivals in
                peers.map { peer in
                    var configuration = CellConfiguration(
                        n: PeerSetting.servers, r: peer.readQuorum, w: peer.writeQuorum,
                        quorum: "strict", mode: "", nodes: PeerSetting.servers,
                        workload: loaded.name, fault: "none", fsync: peer.fsync, where: `where`,
                        arrivals: arrivals.rawValue,
                        targetPerSecond: arrivals == .closed ? 0 : target, clients: clients,
                        records: Int(clamping: loaded.workload.recordCount),
                        warmupNs: warmup.nanoseconds, durationNs: duration.nanoseconds, seed: 0,
                        repetition: repetition)
                    configuration.store = peer.name
                    configuration.seed = SweepPlan.seed(of: configuration, sweep: seed)
                    let variant = self.arrivals.count > 1 ? "\(arrivals.rawValue)-" : ""
                    return Trial(
                        configuration: configuration, workload: loaded.workload, network: nil,
                        operations: operations, settle: settle, recordsReplicas: false,
                        variant: variant, fault: .none, peer: peer)
                }
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
