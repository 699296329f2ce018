import Basics
import Partitioning
import Replication

/// Who comes and goes in a run.
struct Churn {
    /// Changes of members that are still to be begun.
    var stepsLeft: Int
    /// The next machine that may join.
    var nextSpare: Int
    var random: RandomSource
    /// A member that is dead and must be replaced.
    var victim: Int?
    /// The change that was begun last, as its number.
    var begun: UInt32 = 0
    var isOver = false
}

/// Members that join, leave and are replaced while clients run: somebody asks a member for one
/// change after the other, starts the machines that are to join, and stops those that have left.
extension SimulatedCluster {
    mutating func scheduleChurn() {
        var random = RandomSource(seed: scenario.seed).fork("churn")
        let length = Swarm.length(scenario, conditions)
        let steps = 1 + random.below(3)
        churn = Churn(stepsLeft: steps, nextSpare: scenario.nodes, random: random)
        future.push(.churn, at: 1 + random.below(max(2, length / 4)), target: 0)
    }

    mutating func tendChurn() {
        guard var state = churn, phase != .over else { return }
        retireThoseThatLeft()
        guard let wisest = wisest(), let ring = machines[wisest].node?.ring else {
            return lookAgain(&state)
        }
        if ring.begun > state.begun {
            state.begun = ring.begun
            state.stepsLeft -= 1
            state.victim = nil
        }
        if let change = ring.current {
            if let incoming = change.incoming { bring(incoming, wisest) }
        } else if state.stepsLeft > 0, phase == .faulty || state.victim != nil {
            begin(&state, ring, wisest)
        } else if isSettled(ring) {
            state.isOver = true
            churn = state
            return
        }
        lookAgain(&state)
    }

    private mutating func lookAgain(_ state: inout Churn) {
        let pause = 2_000_000 + state.random.below(20_000_000 as UInt64)
        churn = state
        future.push(.churn, at: now + pause, target: 0)
    }

    /// The node that is up and knows the newest definition.
    private func wisest() -> Int? {
        var chosen: Int?
        var version: UInt64 = 0
        for (index, machine) in machines.enumerated() {
            guard let known = machine.node?.definition.version else { continue }
            if chosen == nil || known > version { (chosen, version) = (index, known) }
        }
        return chosen
    }

    private func isSettled(_ ring: RingState) -> Bool {
        for machine in machines {
            guard let known = machine.node?.ring else { continue }
            if known != ring { return false }
        }
        return true
    }

    /// The machine that is to join starts, knowing what a member knows.
    private mutating func bring(_ node: NodeID, _ wisest: Int) {
        let index = Int(node.index)
        guard index < machines.count, machines[index].isSpare,
            let definition = machines[wisest].node?.definition
        else { return }
        machines[index].isSpare = false
        injected.joins += 1
        start(index, joining: definition)
        for peer in machines.indices where peer != index {
            scheduleEvaluation(index, peer, within: 20_000_000)
            scheduleEvaluation(peer, index, within: 20_000_000)
        }
    }

    /// Asks a member for the next change.
    private mutating func begin(_ state: inout Churn, _ ring: RingState, _ wisest: Int) {
        let members = ring.members.isEmpty ? founders : ring.members
        let present = members.indices.filter { members[$0].role == .member }
        let joiner = RingMember(
            name: NodeID(members.count).description, address: "\(members.count)")
        let any = present[state.random.below(present.count)]
        var steps: [RingStep] = []
        if let victim = state.victim {
            steps = [.replace(members[victim].name, joiner)]
        } else {
            if members.count < machines.count { steps.append(.join(joiner)) }
            if present.count > scenario.n {
                steps.append(.leave(members[any].name, isForced: false))
            }
            if members.count < machines.count, present.count >= 3 {
                steps.append(.replace(members[any].name, joiner))
            }
        }
        guard !steps.isEmpty else {
            state.stepsLeft = 0
            return
        }
        let step = steps[state.random.below(steps.count)]
        if case .replace = step, state.victim == nil {
            // It is down for good.
            state.victim = any
            machines[any].downs += 1
            crash(any)
        }
        let asked = present[state.random.below(present.count)]
        guard machines[asked].node != nil, machines[asked].pauses == 0 else { return }
        timeline?.add(now, "all", "asks \(NodeID(asked)) to change the members: \(step)")
        var bytes = ByteBuffer()
        DefinitionChange.ring(step).encode(into: &bytes)
        turn(asked, .request(.define(bytes.bytes), from: .nobody))
    }

    /// Those that have left, and have told the others, end.
    private mutating func retireThoseThatLeft() {
        for index in machines.indices {
            guard machines[index].node?.hasLeftAndToldSo == true else { continue }
            injected.leaves += 1
            machines[index].downs += 1
            crash(index)
        }
    }
}
