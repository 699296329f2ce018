import Basics
import Workloads

extension LoadPlan {
    /// What the target cannot do is refused now, not at the millionth operation.
    func refuseWhatTheTargetLacks() throws(LoadError) {
        guard target.scheme != .sim else {
            throw .plan("sim: runs in virtual time, which a load generator's threads do not have")
        }
        if target.scheme != .quorum, readQuorum ?? writeQuorum ?? quorumTimeout != nil {
            throw .plan("R, W and their timeout can be set on quorum:// targets only")
        }
        try refuseForeignProperties()
        guard pipeline == 1 || target.scheme.abilities.pipelines else {
            throw .plan(
                "\(target.scheme.rawValue):// has one request under way on a connection; "
                    + "a pipeline of \(pipeline) needs another target, or more threads")
        }
        guard target.scheme != .etcd || connectionCount == sessionCount else {
            throw .plan("etcd:// has a connection for each session; leave --connections out")
        }
        try refuseScans()
        guard !(recordsHistory || checksOnline) || isRegister else {
            throw .plan(
                "with redis.datatype=hash an update writes one field of a record, which is then no "
                    + "register whose history could be checked; write all fields "
                    + "(writeallfields=true), use one (fieldcount=1), or record no history")
        }
        guard workers == 1 || !checksOnline else {
            throw .plan(
                "one of \(workers) workers sees a part of the history only; check online without "
                    + "--worker")
        }
        let longestKey = max(24, workload.zeroPadding + 4)
        guard target.scheme != .memcached || longestKey <= 250 else {
            throw .plan("memcached keys have 250 bytes; zeropadding=\(workload.zeroPadding)")
        }
    }

    private func refuseForeignProperties() throws(LoadError) {
        for (prefix, scheme, isUntouched) in [
            ("redis", Target.Scheme.redis, redis == RedisOptions()),
            ("postgres", .postgres, postgres == PostgresOptions()),
            ("etcd", .etcd, etcd == EtcdOptions()),
            ("quorum", .quorum, quorum == QuorumOptions()),
            ("sim", .sim, simulation == SimulationOptions()),
        ] where target.scheme != scheme && !isUntouched {
            throw .plan("properties \(prefix).* are for \(scheme.rawValue): targets, not \(target)")
        }
        guard target.isSecure || tls == TLSOptions() else {
            throw .plan(
                "properties tls.* are for rediss:// and etcds:// targets, not \(target)")
        }
    }

    private func refuseScans() throws(LoadError) {
        guard phase == .transactions, workload.scanProportion > 0 else { return }
        let instead: String
        switch target.scheme.abilities.scans {
        case true where target.scheme == .quorum && workload.maxScanLength > 10_000:
            instead = "quorum:// scans up to 10000 records at once; set maxscanlength"
        case true: return
        case nil where target.scheme != .redis || redis.dataType == .hash: return
        case nil: instead = "redis:// scans records kept as hashes (-p redis.datatype=hash)"
        case false:
            instead =
                "\(target.scheme.rawValue):// targets hold single values without an order; use a "
                + "workload without scans"
        }
        throw .plan("the workload scans (scanproportion=\(workload.scanProportion)): \(instead)")
    }
}
