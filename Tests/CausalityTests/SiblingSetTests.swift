import Basics
import Causality
import TestSupport
import Testing

/// What a replica knows, told by its dots one by one: the definition that the encoding must obey.
private struct Explicit: Equatable {
    struct Dot: Hashable {
        var actor: UInt64
        var number: UInt64
    }

    var known: Set<Dot> = []
    var live: [Dot: UInt8] = [:]

    func joined(_ other: Explicit) -> Explicit {
        var result = Explicit(known: known.union(other.known), live: [:])
        for (dot, value) in live where other.live[dot] != nil || !other.known.contains(dot) {
            result.live[dot] = value
        }
        for (dot, value) in other.live where !known.contains(dot) { result.live[dot] = value }
        return result
    }

    func written(_ value: UInt8, by actor: UInt64, having context: Set<Dot>) -> Explicit {
        var result = self
        for dot in context { result.live[dot] = nil }
        result.known.formUnion(context)
        let number = UInt64(result.known.count { $0.actor == actor }) + 1
        result.known.insert(Dot(actor: actor, number: number))
        result.live[Dot(actor: actor, number: number)] = value
        return result
    }
}

private func set(
    _ make: (inout ByteBuffer) throws -> Void
) rethrows -> [UInt8] {
    var out = ByteBuffer()
    try make(&out)
    return out.bytes.copied()
}

private func join(_ a: [UInt8], _ b: [UInt8]) throws -> [UInt8] {
    try Bytes.lending(a) { a in
        try Bytes.lending(b) { b in
            try set { try SiblingSet.join(SiblingSet(a), SiblingSet(b), into: &$0) }
        }
    }
}

private func write(
    _ value: UInt8, to state: [UInt8], by actor: UInt64, at stamp: UInt64, having context: [UInt8]
) throws -> [UInt8] {
    try Bytes.lending(state) { state in
        try Bytes.lending(context) { context in
            try Bytes.lending([value]) { value in
                try set {
                    try SiblingSet(state).written(
                        SiblingSet.Dot(stamp: stamp, value: value), by: Actor(raw: actor),
                        having: SiblingSet(context), into: &$0)
                }
            }
        }
    }
}

private func context(_ state: [UInt8]) throws -> [UInt8] {
    try Bytes.lending(state) { state in
        try set { try SiblingSet(state).appendContext(to: &$0) }
    }
}

private func live(_ state: [UInt8]) throws -> [Explicit.Dot: UInt8] {
    var live: [Explicit.Dot: UInt8] = [:]
    try Bytes.lending(state) { state in
        try SiblingSet.check(state)
        try SiblingSet(state).forEach { actor, number, dot in
            live[Explicit.Dot(actor: actor.raw, number: number)] = dot.value[0]
        }
    }
    return live
}

private func version(_ state: [UInt8]) throws -> Version {
    try Bytes.lending(state) { try SiblingSet($0).version() }
}

/// Three replicas that write and exchange states in any order, with contexts of any age.
private struct World {
    var states = [[UInt8]](repeating: [], count: 3)
    var models = [Explicit](repeating: Explicit(), count: 3)
    var contexts: [(bytes: [UInt8], dots: Set<Explicit.Dot>)] = [([], [])]
    var stamp: UInt64 = 0

    mutating func step(_ random: inout RandomSource) throws {
        let here = random.below(3)
        switch random.below(4) {
        case 0, 1:
            let seen = contexts[random.below(contexts.count)]
            stamp += 1
            let value = UInt8(truncatingIfNeeded: stamp)
            states[here] = try write(
                value, to: states[here], by: UInt64(here), at: stamp, having: seen.bytes)
            models[here] = models[here].written(value, by: UInt64(here), having: seen.dots)
        case 2:
            contexts.append((try context(states[here]), models[here].known))
        default:
            let there = random.below(3)
            states[here] = try join(states[here], states[there])
            models[here] = models[here].joined(models[there])
        }
    }
}

@Test func siblingSetsAreExplicitCausalSets() throws {
    try Seeds.forAll(50_000, "the encoding is the causal set") { random in
        var world = World()
        for _ in 0..<(4 + random.below(8)) { try world.step(&random) }
        for replica in 0..<3 {
            guard try live(world.states[replica]) == world.models[replica].live else {
                return false
            }
        }
        return true
    }
}

@Test func joiningIsCommutativeAssociativeAndIdempotent() throws {
    try Seeds.forAll(5_000, "sync is a join") { random in
        var world = World()
        for _ in 0..<(4 + random.below(12)) { try world.step(&random) }
        let (a, b, c) = (world.states[0], world.states[1], world.states[2])
        let ab = try join(a, b)
        let all = try join(ab, c)
        let (va, vb, vab) = (try version(a), try version(b), try version(ab))
        guard !ab.isEmpty, !a.isEmpty else { return try ab == join(b, a) }
        return try ab == join(b, a) && all == join(a, join(b, c)) && join(a, a) == a
            && !(vab < va) && !(vab < vb) && (vab == va) == (ab == a)
            && (version(all) == vab) == (all == ab)
    }
}

@Test func interleavedWritersDoNotExplode() throws {
    // Two clients that read, then write, through one replica: never more than two siblings.
    var state: [UInt8] = []
    var seen: [[UInt8]] = [[], []]
    for turn in 0..<200 {
        let client = turn % 2
        state = try write(
            UInt8(turn), to: state, by: 7, at: UInt64(turn + 1), having: seen[client])
        seen[client] = try context(state)
        #expect(try live(state).count <= 2)
    }
}

@Test func aReusedDotLosesAnAcknowledgedWriteAndANewIncarnationDoesNot() throws {
    // H18: replica 1 writes three times, loses the record, and writes again.
    var peer: [UInt8] = []
    for stamp in 1...3 as ClosedRange<UInt64> {
        peer = try write(UInt8(stamp), to: peer, by: 1, at: stamp, having: context(peer))
    }
    let reused = try write(9, to: [], by: 1, at: 4, having: [])
    #expect(try !live(join(peer, reused)).values.contains(9))
    let renewed = try write(9, to: [], by: 2, at: 4, having: [])
    #expect(try Set(live(join(peer, renewed)).values) == [3, 9])
}

@Test func damagedSetsAreRefusedAndNeverCrash() throws {
    try Seeds.forAll(3_000, "any bytes are read or refused") { random in
        var world = World()
        for _ in 0..<6 { try world.step(&random) }
        var bytes = world.states[random.below(3)]
        if random.chance(1, in: 2), !bytes.isEmpty {
            bytes[random.below(bytes.count)] ^= UInt8(1 + random.below(255))
        } else {
            bytes = Array(bytes.prefix(random.below(bytes.count + 1)))
        }
        return Bytes.lending(bytes) { bytes in
            do { try SiblingSet.check(bytes) } catch { return true }
            do {
                _ = try SiblingSet(bytes).version()
                return try SiblingSet(bytes).count() < 1 << 16
            } catch { return false }
        }
    }
}
