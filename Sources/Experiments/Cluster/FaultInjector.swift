import Basics
import Faults
import Platform
import Workloads

/// Brings a plan about on a local cluster: what is due begins and ends, and at the end everything
/// is put right.
///
/// Faults may overlap: a node is started again when the last of those that keep it down ends, and
/// a link is as bad as all that strike it together.
public struct FaultInjector {
    /// What happened, with the times at which it did, from the beginning of the run.
    public private(set) var struck: [PlannedFault] = []
    /// How often each kind of fault struck, by its word.
    public private(set) var counts: [String: Int] = [:]
    /// Nodes that ended without a fault that explains it.
    public private(set) var unexplained: [String] = []

    private let plan: FaultPlan
    private let steps: [FaultPlan.Step]
    private let cluster: LocalCluster
    private var next = 0
    private var active: [Int] = []
    /// By fault of the plan: where it stands in `struck`.
    private var places: [Int: Int] = [:]
    /// Nodes that are started again when their disks have room.
    private var awaitingRoom: Set<Int> = []
    /// When nodes were started again last.
    private var startedAt: [Int: Instant] = [:]
    private var resets: [FaultLink: UInt64] = [:]
    private var nextLook = Instant.Duration.zero

    /// Throws when the cluster was not made for some of the plan.
    public init(_ plan: FaultPlan, on cluster: LocalCluster) throws(ClusterError) {
        try cluster.check(plan)
        self.plan = plan
        self.cluster = cluster
        steps = plan.steps
    }

    /// Whether any fault is about links, so that a relay must carry them.
    public static func needsRelay(_ plan: FaultPlan) -> Bool {
        plan.faults.contains { !$0.effect.links.isEmpty }
    }

    /// Everything has begun and ended.
    public var isDone: Bool { next == steps.count }

    /// Does what is due `elapsed` after the beginning of the run.
    public mutating func advance(to elapsed: Instant.Duration) throws(ClusterError) {
        while next < steps.count, steps[next].time <= elapsed {
            let step = steps[next]
            next += 1
            if step.begins {
                try begin(step.fault, at: elapsed)
            } else {
                try end(step.fault, at: elapsed)
            }
        }
        if elapsed >= nextLook {
            nextLook = elapsed + .milliseconds(200)
            try lookForTheDead()
        }
    }

    /// Ends what lasts, and starts whoever is down.
    public mutating func heal(at elapsed: Instant.Duration) throws(ClusterError) {
        for fault in active.reversed() { try end(fault, at: elapsed) }
        next = steps.count
        try lookForTheDead()
        for index in cluster.state.nodes.indices where !isAlive(index) {
            try cluster.restart(cluster.state.nodes[index].name)
        }
    }

    private mutating func begin(_ fault: Int, at elapsed: Instant.Duration) throws(ClusterError) {
        let effect = plan.faults[fault].effect
        places[fault] = struck.count
        struck.append(PlannedFault(effect, from: elapsed, until: elapsed))
        counts[effect.word, default: 0] += 1
        if !effect.isMomentary { active.append(fault) }
        if !effect.links.isEmpty {
            if case .reset(let links) = effect {
                for link in links { resets[link, default: 0] += 1 }
            }
            return try setLinks()
        }
        for index in effect.nodes { try begin(effect, index) }
    }

    private func begin(_ effect: FaultEffect, _ index: Int) throws(ClusterError) {
        let name = cluster.state.nodes[index].name
        switch effect {
        case .kill where isAlive(index): try cluster.kill(name)
        case .powerCut where isAlive(index): try cluster.cutPower(of: name)
        case .stop where isAlive(index): try cluster.shutDown(name)
        case .pause where isAlive(index): try cluster.pause(name)
        case .clockSkew(_, let by), .clockStep(_, let by):
            let controls = try cluster.controls(of: name)
            controls.clockOffset = controls.clockOffset + by
        case .syncError: try cluster.controls(of: name).syncFailures = 1
        default: try setControls(index)
        }
    }

    private mutating func end(_ fault: Int, at elapsed: Instant.Duration) throws(ClusterError) {
        let effect = plan.faults[fault].effect
        active.removeAll { $0 == fault }
        if let place = places[fault] { struck[place].end = elapsed }
        if !effect.links.isEmpty { return try setLinks() }
        for index in effect.nodes { try end(effect, index) }
    }

    private mutating func end(_ effect: FaultEffect, _ index: Int) throws(ClusterError) {
        let name = cluster.state.nodes[index].name
        switch effect {
        case .pause:
            if !isActive(index, { if case .pause = $0 { true } else { false } }), isAlive(index) {
                try cluster.resume(name)
            }
        case .clockSkew(_, let by):
            let controls = try cluster.controls(of: name)
            controls.clockOffset = controls.clockOffset + by * -1
        case .syncError: try cluster.controls(of: name).syncFailures = 0
        default: try setControls(index)
        }
        if !isAlive(index), !isActive(index, \.endsNodes) { try startAgain(index) }
    }

    /// Clock and disk as the faults that last now want them.
    private func setControls(_ index: Int) throws(ClusterError) {
        var drift = 0
        var delay = Instant.Duration.zero
        var isFull = false
        for fault in active where plan.faults[fault].effect.nodes.contains(index) {
            switch plan.faults[fault].effect {
            case .clockDrift(_, let ppm): drift += ppm
            case .slowDisk(_, let by): delay = delay + by
            case .diskFull: isFull = true
            default: break
            }
        }
        let controls = try cluster.controls(of: cluster.state.nodes[index].name)
        if controls.drift != drift { controls.drift = drift }
        controls.syncDelay = delay
        controls.isDiskFull = isFull
    }

    /// Links as the faults that last now want them.
    private func setLinks() throws(ClusterError) {
        var wanted: [FaultLink: LinkSetting] = [:]
        for fault in active {
            let effect = plan.faults[fault].effect
            for link in effect.links { wanted[link, default: LinkSetting()].add(effect) }
        }
        let resets = resets
        try cluster.setLinks { link, setting in
            let before = setting.resets
            setting = wanted[link] ?? LinkSetting()
            setting.resets = max(before, resets[link] ?? 0)
        }
    }

    private func isAlive(_ index: Int) -> Bool {
        guard let process = cluster.identity(cluster.state.nodes[index]) else { return false }
        return cluster.isAlive(process)
    }

    private func isActive(_ index: Int, _ matches: (FaultEffect) -> Bool) -> Bool {
        active.contains {
            let effect = plan.faults[$0].effect
            return effect.nodes.contains(index) && matches(effect)
        }
    }

    /// A node cannot begin a life on a disk that has no room to say so.
    private mutating func startAgain(_ index: Int) throws(ClusterError) {
        if hasNoRoom(index) {
            awaitingRoom.insert(index)
        } else {
            awaitingRoom.remove(index)
            startedAt[index] = Clocks.monotonic()
            try cluster.restart(cluster.state.nodes[index].name)
        }
    }

    private func hasNoRoom(_ index: Int) -> Bool {
        isActive(index) { if case .diskFull = $0 { true } else { false } }
    }

    /// Whether it met a full disk while it was starting.
    private func failedToStart(_ index: Int) -> Bool {
        guard let started = startedAt[index], hasNoRoom(index) else { return false }
        return Clocks.monotonic() - started < .seconds(5)
    }

    /// A node may be down because of a fault that lasts; another is a finding, and is started
    /// again.
    private mutating func lookForTheDead() throws(ClusterError) {
        for index in cluster.state.nodes.indices
        where !isAlive(index) && !isActive(index, \.endsNodes) && !awaitingRoom.contains(index) {
            let name = cluster.state.nodes[index].name
            if !failedToStart(index) {
                unexplained.append("\(name): \(cluster.lastLogLines(name))")
            }
            try startAgain(index)
        }
    }
}

extension FaultEffect {
    /// Whether nodes may end because of it.
    var endsNodes: Bool {
        switch self {
        case .kill, .powerCut, .stop, .syncError: true
        default: false
        }
    }
}

extension LinkSetting {
    /// Makes it worse by what the effect does to a link. Of two cuts the later counts.
    mutating func add(_ effect: FaultEffect) {
        switch effect {
        case .cut(_, let how): cut = how
        case .impair(_, let more): impairment.add(more)
        case .halfOpen: isHalfOpen = true
        case .reset: resets += 1
        default: break
        }
    }
}

extension LocalCluster {
    /// Begins by hand what lasts until `heal`: adds it to what the links suffer already, or sets
    /// the clocks.
    public func begin(_ effect: FaultEffect) throws(ClusterError) {
        try check(effect)
        if !effect.links.isEmpty {
            try steerLinks()
            return try setLinks { link, setting in
                if effect.links.contains(link) { setting.add(effect) }
            }
        }
        for index in effect.nodes {
            let controls = try controls(of: state.nodes[index].name)
            if case .clockSkew(_, let by) = effect { controls.clockOffset = by }
            if case .clockDrift(_, let ppm) = effect { controls.drift = ppm }
        }
    }

    /// Makes every link as it should be.
    public func heal() throws(ClusterError) {
        guard relayIdentity?.isAlive == true else { return }
        try setLinks { _, setting in
            let resets = setting.resets
            setting = LinkSetting()
            setting.resets = resets
        }
    }
}
