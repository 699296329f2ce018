import Basics
import Workloads

/// From a schedule that real processes understand too to what happens in a virtual world.
extension Scenario {
    /// What `faultSchedule` says, drawn by the seed and fitted to the length of the run.
    func planned(under conditions: Conditions) -> [ScheduledFault]? {
        guard let faultSchedule else { return nil }
        let length = Instant.Duration.nanoseconds(Swarm.length(self, conditions))
        guard let plan = try? faultSchedule.plan(nodes: nodes, length: length, seed: seed) else {
            preconditionFailure("a scenario is valid before it runs")
        }
        return plan.faults.flatMap { ScheduledFault.from($0, length: length) }
    }
}

extension ScheduledFault {
    /// What a planned fault becomes. Links carry whole messages here, so that pieces, bandwidth
    /// and connections that are swallowed mean nothing; a damaged message is a lost one. A node
    /// whose disk is full or fails to sync ends, as a real one does, and so it crashes.
    static func from(_ fault: PlannedFault, length: Instant.Duration) -> [ScheduledFault] {
        let start = Instant.origin + fault.start
        let end = Instant.origin + fault.end
        func lasting(_ faults: [Fault]) -> [ScheduledFault] {
            faults.map { ScheduledFault($0, from: start, until: end) }
        }
        func each(_ nodes: [Int], _ fault: (NodeID) -> Fault) -> [ScheduledFault] {
            lasting(nodes.map { fault(NodeID($0)) })
        }
        switch fault.effect {
        case .cut(let links, .drop): return lasting([.cut(links, isNoticed: false)])
        case .cut(let links, .reset): return lasting([.cut(links, isNoticed: true)])
        case .cut(let links, .stall):
            // What is sent while it lasts arrives after it, in its order.
            let late = Instant.Duration.nanoseconds(fault.end.nanoseconds - fault.start.nanoseconds)
            return lasting(
                links.map { .slowLink(from: NodeID($0.from), to: NodeID($0.to), by: late) })
        case .halfOpen(let links): return lasting([.cut(links, isNoticed: false)])
        case .reset(let links):
            // Long enough for what is under way to be lost.
            return [
                ScheduledFault(
                    .cut(links, isNoticed: true), from: start, until: start + length / 100)
            ]
        case .impair(let links, let impairment):
            return lasting(links.flatMap { faults(of: impairment, on: $0) })
        case .diskFull(let nodes): return each(nodes) { .fullDisk($0) }
        case .kill(let nodes), .powerCut(let nodes), .stop(let nodes), .syncError(let nodes):
            return each(nodes) { .crash($0) }
        case .pause(let nodes): return each(nodes) { .pause($0) }
        case .slowDisk(let nodes, let by): return each(nodes) { .slowDisk($0, by: by) }
        case .clockDrift(let nodes, let ppm):
            return each(nodes) { .clockDrift($0, partsPerMillion: Int64(ppm)) }
        case .clockStep(let nodes, let by):
            return each(nodes) { .clockStep($0, microseconds: by.nanoseconds / 1_000) }
        case .clockSkew(let nodes, let by):
            let step = by.nanoseconds / 1_000
            return each(nodes) { .clockStep($0, microseconds: step) }
                + nodes.map {
                    ScheduledFault(
                        .clockStep(NodeID($0), microseconds: -step), from: end, until: end)
                }
        }
    }

    private static func faults(
        of impairment: LinkImpairment, on link: FaultLink
    ) -> [Fault] {
        let from = NodeID(link.from)
        let to = NodeID(link.to)
        var faults: [Fault] = []
        let tail = impairment.tail.nanoseconds.multipliedFullWidth(
            by: Int64(impairment.tailPerMillion))
        let meanTail = Int64(1_000_000).dividingFullWidth(tail).quotient
        let delay = impairment.latency + impairment.jitter + .nanoseconds(meanTail)
        if delay > .zero { faults.append(.slowLink(from: from, to: to, by: delay)) }
        let lost = impairment.dropPerMillion + impairment.corruptPerMillion
        if lost > 0 {
            let rate = UInt64(min(1_000_000, lost))
            faults.append(.lossyLink(from: from, to: to, perMillion: rate))
        }
        let again = impairment.duplicatePerMillion + impairment.replayPerMillion
        if again > 0 {
            let rate = UInt64(min(1_000_000, again))
            faults.append(.duplicatingLink(from: from, to: to, perMillion: rate))
        }
        return faults
    }
}
