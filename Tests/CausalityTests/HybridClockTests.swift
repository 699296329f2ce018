import Basics
import Causality
import TestSupport
import Testing

@Test func stampsStrictlyIncreaseWhateverTheWallClockDoes() {
    Seeds.forAll(200, "stamps increase") { random in
        var clock = HybridClock(floor: random.below(1 << 40))
        var wall: UInt64 = 1 << 30
        var last = clock.latest
        for _ in 0..<200 {
            wall = random.chance(1, in: 5) ? wall - random.below(1_000) : wall + random.below(50)
            if random.chance(1, in: 4) {
                _ = clock.merge(
                    (wall + random.below(400_000)) << 12, at: WallTime(microseconds: wall))
                last = max(last, clock.latest)
            }
            let stamp = clock.next(at: WallTime(microseconds: wall))
            if stamp <= last { return false }
            last = stamp
        }
        return true
    }
}

@Test func aStampFromTheFarFutureIsNotMerged() {
    var clock = HybridClock()
    let wall = WallTime(microseconds: 1_000_000)
    let near = clock.merge(HybridClock.stamp(WallTime(microseconds: 1_400_000)), at: wall)
    #expect(near)
    let before = clock.latest
    let far = clock.merge(HybridClock.stamp(WallTime(microseconds: 1_600_000)), at: wall)
    #expect(!far)
    #expect(clock.latest == before)
}
