import Basics
import Storage
import TestSupport
import Testing

private func identity(
    _ disk: MemoryDisk, node: String = "n1", cluster: UInt64 = 9
) throws(StorageError) -> StoreIdentity {
    try StoreIdentity.open(on: disk, node: node, cluster: cluster, newStore: 77)
}

private func refusal(_ disk: MemoryDisk, node: String = "n1", cluster: UInt64 = 9) -> String {
    do throws(StorageError) {
        _ = try identity(disk, node: node, cluster: cluster)
        return "opened"
    } catch { return error.description }
}

private let names = StoreIdentity.fileNames

@Test func everyStartRaisesTheIncarnationAndKeepsTheRest() throws {
    let disk = MemoryDisk()
    for start in 1...5 as ClosedRange<UInt64> {
        let identity = try identity(disk)
        #expect(identity.incarnation == start)
        #expect(identity.store == 77)
        #expect(identity.cluster == 9)
        #expect(identity.node == "n1")
    }
}

@Test func oneDamagedCopyDoesNoHarmAndTwoAreRefused() throws {
    for name in names {
        for damage in 0..<4 {
            let disk = MemoryDisk()
            _ = try identity(disk)
            switch damage {
            case 0: disk.contents[name] = nil
            case 1: disk.contents[name] = MemoryDisk.File()
            case 2: disk.contents[name]?.bytes[30] ^= 1
            default: disk.contents[name]?.bytes = Array(repeating: 65, count: 60)
            }
            #expect(try identity(disk).incarnation == 2)
            #expect(disk.contents[names[0]] == disk.contents[names[1]])
        }
    }
    let disk = MemoryDisk()
    _ = try identity(disk)
    for name in names { disk.contents[name] = MemoryDisk.File() }
    #expect(refusal(disk).contains("node.meta is damaged at byte 0: 0 bytes long"))
}

@Test func everyFlippedByteOfBothCopiesIsNoticed() throws {
    let good = MemoryDisk()
    _ = try identity(good)
    for offset in 0..<(good.contents[names[0]]?.bytes.count ?? 0) {
        let disk = MemoryDisk(copying: good)
        for name in names { disk.contents[name]?.bytes[offset] ^= 0x10 }
        #expect(refusal(disk).contains("node.meta"), "byte \(offset)")
    }
}

@Test func theIncarnationSurvivesACrashBetweenTheCopies() throws {
    let disk = MemoryDisk()
    _ = try identity(disk)
    let old = disk.contents[names[1]]
    #expect(try identity(disk).incarnation == 2)
    disk.contents[names[1]] = old
    #expect(try identity(disk).incarnation == 3)
}

@Test func anotherNodesDirectoryIsRefusedByName() throws {
    let disk = MemoryDisk()
    _ = try identity(disk)
    #expect(refusal(disk, node: "n2").contains("belongs to node n1, expected node n2"))
    #expect(refusal(disk, cluster: 10).contains("cluster 000000000000000a"))
    #expect(try identity(disk).incarnation == 2)
    disk.contents[names[0]]?.bytes[8] = 9
    #expect(refusal(disk).contains("has format 9, but this release reads formats up to 2"))
}

@Test func aLogWithoutAnIdentityIsRefused() throws {
    let disk = MemoryDisk()
    var store = try open(disk)
    try store.put(key(1), [1], version(1))
    _ = try store.seal()
    for name in names { disk.contents[name] = nil }
    #expect(refusal(disk).contains("node.meta is missing"))
    // A start that was cut short before the identity was written is no loss.
    let cut = MemoryDisk()
    cut.contents["segment-0000000001.log"] = MemoryDisk.File()
    #expect(try identity(cut).incarnation == 1)
}

@Test func aStoreOfAnotherModeIsRefused() throws {
    let disk = MemoryDisk()
    func open(_ mode: String) throws(StorageError) -> StoreIdentity {
        try StoreIdentity.open(on: disk, node: "n1", cluster: 9, newStore: 77, mode: mode)
    }
    _ = try open("lww")
    #expect(try open("lww").incarnation == 2)
    #expect(try open("").mode == "lww")
    do throws(StorageError) {
        _ = try open("cp")
        Issue.record("it was opened")
    } catch {
        #expect(error.description.contains("a store of mode lww, expected mode cp"))
        #expect(!error.isLoss)
    }
}

@Test func stampsOfALifeThatEndedAreNotGivenAgainWhenTheClockIsSetBack() throws {
    let disk = MemoryDisk()
    func clockFloor(at seconds: UInt64) throws -> UInt64 {
        let identity = try StoreIdentity.open(
            on: disk, node: "n1", cluster: 9, newStore: 77,
            at: WallTime(microseconds: seconds * 1_000_000))
        var store = try LogStore(recovering: disk, identity: identity, hashSeed: 1)
        let floor = store.clockFloor
        _ = try store.reserve(
            StampReserve(from: 0, at: WallTime(microseconds: (seconds + 60) * 1_000_000)))
        _ = try store.seal()
        return floor
    }
    #expect(try clockFloor(at: 1_000) == 0)
    // Later: nothing is to be feared. Earlier: above all that was reserved, 5 s ahead of 1,160 s.
    #expect(try clockFloor(at: 1_100) == 0)
    #expect(try clockFloor(at: 1_000) >> 12 == 1_165_000_000)
    #expect(try clockFloor(at: 1_200) == 0)
}
