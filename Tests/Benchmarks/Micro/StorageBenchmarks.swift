import Basics
import Causality
import Platform
import Storage

/// What a record costs in memory and time, and how long recovery takes: `make bench-storage`.
enum StorageBenchmarks {
    private static let records = 1_000_000
    private static let seed: UInt64 = 7

    static func run() throws {
        for (keyBytes, valueBytes) in [(16, 100), (23, 100), (16, 8), (40, 1_000)] {
            for isOrdered in [false, true] {
                try memory(keyBytes, valueBytes, isOrdered: isOrdered)
            }
        }
        try recovery()
    }

    /// Keys that look alike and sort otherwise than they come.
    private static func key(_ number: Int, _ bytes: Int, into buffer: inout ByteBuffer) {
        buffer.removeAll()
        buffer.append("user")
        var state = UInt64(number)
        let digits = String(RandomSource.splitMix(&state))
        buffer.append(String(repeating: "0", count: max(0, bytes - 4 - digits.utf8.count)))
        buffer.append(String(digits.suffix(bytes - 4)))
    }

    private static func fill(
        _ store: inout LogStore, _ keyBytes: Int, _ value: [UInt8]
    ) throws -> Double {
        var buffer = ByteBuffer()
        var seconds = 0.0
        for number in 0..<records {
            key(number, keyBytes, into: &buffer)
            let start = Clocks.monotonic()
            let hashed = HashedKey(buffer.bytes, seed: seed)
            try Bytes.lending(value) { value in
                _ = try store.put(
                    hashed, Content(value),
                    Version(stamp: UInt64(number + 1), actor: Actor(raw: 1)))
            }
            seconds += (Clocks.monotonic() - start).seconds
        }
        return seconds
    }

    private static func memory(_ keyBytes: Int, _ valueBytes: Int, isOrdered: Bool) throws {
        let value = [UInt8](repeating: 65, count: valueBytes)
        let before = JemallocStatistics()
        var store = LogStore()
        if isOrdered { store.order(.default) }
        let seconds = try fill(&store, keyBytes, value)
        _ = try store.seal()
        let after = JemallocStatistics()
        let used = (after?.allocated ?? 0) - (before?.allocated ?? 0)
        let payload = store.keyBytes + store.valueBytes
        let overhead = Double(used - payload) / Double(store.count)
        let puts = Int(seconds * 1e9 / Double(records))
        print(
            "\(store.count) keys of \(keyBytes), values of \(valueBytes)"
                + (isOrdered ? ", in order" : "") + ": \(rounded(overhead)) bytes a key beyond"
                + " both, goal 100; \(puts) ns a new key")
    }

    private static func rounded(_ value: Double) -> Double { (value * 10).rounded() / 10 }

    /// A log of 1 GiB with records of a hundred bytes; then the same as a checkpoint.
    private static func recovery() throws {
        let disk = HeldDisk()
        let identity = try StoreIdentity.open(on: disk, node: "n1", cluster: 1, newStore: 1)
        var store = try LogStore(
            recovering: disk, identity: identity, hashSeed: seed, checkpointBytes: 4 << 30)
        let value = [UInt8](repeating: 65, count: 100)
        var buffer = ByteBuffer()
        var number = 0
        while store.appended.offset < 1 << 30 {
            key(number % 4_000_000, 16, into: &buffer)
            number += 1
            let hashed = HashedKey(buffer.bytes, seed: seed)
            try Bytes.lending(value) { value in
                _ = try store.put(
                    hashed, Content(value),
                    Version(stamp: UInt64(number), actor: Actor(raw: 1)))
            }
            if number % 64 == 0, let end = try store.seal() { store.synced(end) }
        }
        if let end = try store.seal() { store.synced(end) }
        try time(disk, "log of 1 GiB, \(number) records")
        store.requestCheckpoint()
        _ = try store.seal()
        let start = Clocks.monotonic()
        var steps = 0
        while store.needsTending {
            store.tend()
            // The last step follows the turn that wrote the last part.
            _ = try store.seal()
            steps += 1
        }
        let seconds = (Clocks.monotonic() - start).seconds
        print(
            "checkpoint of \(store.count) records: \(rounded(seconds)) s of the loop in \(steps) "
                + "steps of \(Int(seconds * 1e6 / Double(steps))) us")
        if let end = try store.seal() { store.synced(end) }
        try time(disk, "checkpoint and what follows")
    }

    private static func time(_ disk: HeldDisk, _ what: String) throws {
        let start = Clocks.monotonic()
        let identity = try StoreIdentity.open(on: disk, node: "n1", cluster: 1, newStore: 1)
        let store = try LogStore(
            recovering: disk, identity: identity, hashSeed: seed, checkpointBytes: 4 << 30)
        let seconds = (Clocks.monotonic() - start).seconds
        print("recovery, \(what): \(rounded(seconds)) s, goal 5, \(store.count) keys")
    }
}

/// A disk in memory, so that the store alone is measured.
private final class HeldDisk: Disk {
    private var contents: [String: [UInt8]] = [:]
    private(set) var progress = DiskProgress()

    func files() throws(DiskError) -> [DiskFile] {
        contents.keys.sorted().map { DiskFile(name: $0, size: contents[$0]?.count ?? 0) }
    }

    func read(_ name: String, at offset: Int, count: Int) throws(DiskError) -> [UInt8] {
        Array((contents[name] ?? [])[offset..<offset + count])
    }

    func create(_ name: String) throws(DiskError) { contents[name] = [] }

    func append(_ bytes: Bytes, to name: String) throws(DiskError) {
        contents[name, default: []].append(
            contentsOf: UnsafeRawBufferPointer(start: bytes.base, count: bytes.count))
    }

    func truncate(_ name: String, to size: Int) throws(DiskError) {
        contents[name]?.removeSubrange(size...)
    }

    func overwrite(_ name: String, at offset: Int, with bytes: [UInt8]) throws(DiskError) {
        contents[name]?.replaceSubrange(offset..<offset + bytes.count, with: bytes)
    }

    func replace(_ name: String, with bytes: [UInt8]) throws(DiskError) { contents[name] = bytes }

    func remove(_ name: String) throws(DiskError) { contents[name] = nil }

    func schedule(_ job: DiskJob) {
        switch job {
        case .reserve(let name, _): contents[name] = contents[name] ?? []
        case .trim: break
        case .write(let name, let bytes): contents[name, default: []] += bytes
        case .install(let installation):
            for name in installation.heads { contents[name] = installation.bytes }
            for name in installation.obsolete { contents[name] = nil }
            progress.installed = installation.number
        case .remove(let names): for name in names { contents[name] = nil }
        case .snapshot: break
        }
    }
}
