import Basics
import Causality
import Simulation
import Storage
import TestSupport
import Testing

/// A store on a disk that crashes again and again, with checkpoints on the way.
struct CheckpointTests {
    private typealias State = [[UInt8]: UInt64]

    private static let outcomes: [SimulatedDisk.CrashOutcome] = [
        .keepAll, .loseAll, .losesSuffix, .anySubset,
    ]

    private func open(_ disk: SimulatedDisk, after crash: Int) throws -> LogStore {
        let identity = try StoreIdentity.open(on: disk, node: "n1", cluster: 1, newStore: 5)
        return try LogStore(
            recovering: disk, identity: identity, hashSeed: 3, segmentBytes: 2_000,
            checkpointBytes: 4_000)
    }

    private func state(_ store: borrowing LogStore) -> State {
        var state: State = [:]
        _ = store.visit(hashes: 0...UInt64.max, limit: .max) { _, visited in
            state[visited.key.copied()] = visited.found.version.stamp
            return true
        }
        return state
    }

    /// One life: turns until the crash. Returns the states from the last sync on.
    private func live(
        _ disk: SimulatedDisk, _ store: inout LogStore, _ stamp: inout UInt64, turns: Int,
        _ random: inout RandomSource
    ) throws -> [State] {
        var state = state(store)
        var states = [state]
        var syncing: (mark: UInt64, position: LogPosition, turn: Int)?
        var syncedTurn = 0
        for turn in 1...turns {
            for _ in 0..<1 + random.below(4) {
                stamp += 1
                let key = Array("key\(random.below(40))".utf8)
                try Bytes.lending(key) { bytes in
                    let hashed = HashedKey(bytes, seed: 3)
                    let version = Version(stamp: stamp, actor: Actor(raw: 1))
                    if random.chance(1, in: 6) {
                        if try store.purge(hashed, upTo: version) { state[key] = nil }
                    } else {
                        let value = [UInt8](repeating: 1, count: random.below(600))
                        try Bytes.lending(value) {
                            _ = try store.put(hashed, Content($0), version)
                        }
                        state[key] = stamp
                    }
                }
            }
            if random.chance(1, in: 2) { store.tend() }
            let position = try store.seal()
            states.append(state)
            if let current = syncing, random.chance(1, in: 2) {
                disk.finishSync(upTo: current.mark)
                store.synced(current.position)
                syncedTurn = current.turn
                syncing = nil
            }
            if syncing == nil, let position {
                syncing = (disk.beginSync(), position, turn)
            }
        }
        return Array(states[syncedTurn...])
    }

    @Test func everyLifeBeginsWithAStateThatTheLastOneCouldHaveLeft() throws {
        var checkpoints = 0
        try Seeds.forAll(150, "a crash leaves a state at or after the last sync") { random in
            let disk = SimulatedDisk()
            var stamp: UInt64 = 0
            var possible: [State] = [[:]]
            for crash in 0..<6 {
                var store = try open(disk, after: crash)
                let now = state(store)
                guard possible.contains(now) else { return false }
                possible = try live(
                    disk, &store, &stamp, turns: 1 + random.below(90), &random)
                checkpoints += store.housekeeping.checkpoints
                disk.crash(
                    CheckpointTests.outcomes[random.below(CheckpointTests.outcomes.count)],
                    drawing: &random)
            }
            return true
        }
        #expect(checkpoints > 500, "only \(checkpoints) checkpoints were seen")
    }

    @Test func aDiskThatIsFullForAWhileLosesNothing() throws {
        var refused = 0
        try Seeds.forAll(60, "a full disk loses nothing") { random in
            let disk = SimulatedDisk()
            var stamp: UInt64 = 0
            var possible: [State] = [[:]]
            for crash in 0..<6 {
                var store = try open(disk, after: crash)
                guard possible.contains(state(store)) else { return false }
                possible = try live(disk, &store, &stamp, turns: 40, &random)
                disk.isFull.toggle()
                let before = store.housekeeping.checkpointsRefused
                let later = try live(disk, &store, &stamp, turns: 1 + random.below(60), &random)
                possible += later
                refused += store.housekeeping.checkpointsRefused - before
                disk.crash(.losesSuffix, drawing: &random)
            }
            return true
        }
        #expect(refused > 20, "only \(refused) checkpoints found no room")
    }
}
