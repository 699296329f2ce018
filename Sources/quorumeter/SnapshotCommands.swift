import Basics
import Causality
import Glibc
import Platform
import Storage

/// What `admin --help` says about snapshots.
let adminSnapshotText = """
    snapshot keeps all that the node holds now, every write that was acknowledged before \
    included, in snapshots/NAME of its data directory; the files are shared with its checkpoint, \
    so that it costs room only when that is replaced. Delete the folder to give it up. restore \
    reads snapshots of one or several nodes, takes the newest version of every key, and writes \
    it through the node at HOST:PORT as a new write, with its end if it has one. Keys that exist \
    are left alone unless --overwrite is given. A snapshot is never put back into a data \
    directory: what the other nodes have deleted since would come back.
    """

/// `admin snapshot HOST:PORT NAME`.
func adminSnapshot(_ address: SocketAddress, _ arguments: Arguments) throws -> ExitCode {
    guard arguments.positionals.count == 3 else {
        throw CommandFailure(.misuse, "admin snapshot takes HOST:PORT and a name")
    }
    let name = arguments.positionals[2]
    let timeout =
        try arguments.value("--timeout", expected: "a duration such as 10m") {
            Instant.Duration($0)
        } ?? .seconds(600)
    let deadline = Clocks.monotonic() + timeout
    let node = try PlainClient(address)
    let reply = try node.ask(["SNAPSHOT", name])
    guard reply.hasPrefix("+") else {
        throw CommandFailure(.environment, "\(address) makes no snapshot: \(reply.dropFirst())")
    }
    while Clocks.monotonic() < deadline {
        let state = try node.ask(["SNAPSHOT", name])
        if state.hasPrefix("+DONE ") {
            print(state.dropFirst("+DONE ".count))
            return .held
        }
        if state.hasPrefix("-") {
            throw CommandFailure(.environment, "\(address) made no snapshot: \(state.dropFirst())")
        }
        Clocks.sleep(until: Clocks.monotonic() + .milliseconds(20))
    }
    throw CommandFailure(.environment, "no snapshot within \(timeout)")
}

/// `admin restore HOST:PORT DIR...`.
func adminRestore(_ address: SocketAddress, _ arguments: Arguments) throws -> ExitCode {
    var restore = try Restore(arguments)
    for folder in arguments.positionals.dropFirst(2) { try restore.read(folder) }
    let node = try PlainClient(address)
    try restore.write(to: node, overwrites: arguments.has("--overwrite"))
    print(restore.summary)
    return restore.isWhole ? .held : .violated
}

/// The newest version of every key of some snapshots, on its way into a cluster.
private struct Restore: ~Copyable {
    private var store = LogStore()
    private var names: [KeyspaceID: String] = [.default: "default"]
    private var restored = 0
    private var existing = 0
    private var ended = 0
    private var other = 0
    private var homeless = 0
    private var refused: [String] = []

    init(_ arguments: Arguments) throws {
        for pair in arguments.values("--keyspace") {
            let parts = pair.split(separator: "=", maxSplits: 1)
            guard parts.count == 2, let id = UInt16(parts[0]), id > 0 else {
                throw CommandFailure(
                    .misuse, "--keyspace \(pair): expected a number from 1 and a name, as 3=orders")
            }
            names[KeyspaceID(id)] = String(parts[1])
        }
    }

    /// All that could be restored was, or was there.
    var isWhole: Bool { other == 0 && homeless == 0 && refused.isEmpty }

    var summary: String {
        var text = "restored \(restored) keys"
        if existing > 0 { text += "; left \(existing) that exist" }
        if ended > 0 { text += "; left out \(ended) whose time was over" }
        if homeless > 0 {
            text += "; left out \(homeless) of keyspaces that no --keyspace names"
        }
        if other > 0 {
            text +=
                "; left out \(other) with siblings or consensus state, which cannot be"
                + " written as plain values"
        }
        if let first = refused.first { text += "; \(refused.count) were refused: \(first)" }
        return text
    }

    mutating func read(_ folder: String) throws {
        let read: SnapshotReader.Read = { name, offset, count throws(DiskError) in
            do throws(SystemError) {
                return try File("\(folder)/\(name)", .read).read(at: offset, count: count)
            } catch { throw DiskError("\(error)") }
        }
        do {
            let files = try FileSystem.list(folder).map {
                DiskFile(name: $0, size: try File("\(folder)/\($0)", .read).size())
            }
            let snapshot = try SnapshotReader(files, read: read)
            try snapshot.visit(read: read) { item throws(StorageError) in
                let key = HashedKey(item.key, seed: 0, in: item.keyspace)
                if let known = store.find(key), known.version >= item.version { return }
                do throws(DiskError) {
                    _ = try store.put(key, item.content, item.version)
                    _ = try store.seal()
                } catch { throw .disk(error.description) }
            }
        } catch let error as StorageError {
            throw CommandFailure(.misuse, "the snapshot \(folder) cannot be used: \(error)")
        } catch let error as SystemError {
            throw CommandFailure(.misuse, "the snapshot \(folder) cannot be read: \(error)")
        }
    }

    /// Writes in the order of keyspaces, a batch at a time.
    mutating func write(to node: PlainClient, overwrites: Bool) throws {
        for (id, name) in names.sorted(by: { $0.key < $1.key }) {
            if id != .default {
                let reply = try node.ask(["KEYSPACE", "USE", name])
                guard reply.hasPrefix("+") else {
                    throw CommandFailure(.misuse, "keyspace \(name): \(reply.dropFirst())")
                }
            }
            var next: UInt64? = 0
            while let from = next {
                var batch: [Pair] = []
                next = collect(id, from: from, into: &batch)
                try write(batch, to: node, overwrites: overwrites)
            }
        }
        let known = names
        _ = store.visit(hashes: 0...UInt64.max, limit: .max) { _, visited in
            if known[visited.keyspace] == nil, !visited.found.content.isTombstone { homeless += 1 }
            return true
        }
    }

    private struct Pair {
        var key: [UInt8]
        var value: [UInt8]
        var expiry: UInt64
    }

    private mutating func collect(
        _ id: KeyspaceID, from: UInt64, into batch: inout [Pair]
    ) -> UInt64? {
        let now = Clocks.wall().microseconds / 1_000
        var bytes = 0
        return store.visit(hashes: from...UInt64.max, limit: 256) { _, visited in
            let content = visited.found.content
            guard visited.keyspace == id, !content.isTombstone else { return true }
            if content.form != .value {
                other += 1
            } else if content.expiry != 0, content.expiry <= now {
                ended += 1
            } else {
                bytes += content.bytes.count
                batch.append(
                    Pair(
                        key: visited.key.copied(), value: content.bytes.copied(),
                        expiry: content.expiry))
            }
            return bytes < 4 << 20
        }
    }

    private mutating func write(
        _ batch: [Pair], to node: PlainClient, overwrites: Bool
    ) throws {
        var batch = batch
        if !overwrites {
            let there = try node.ask(batch.map { [Array("EXISTS".utf8), $0.key] })
            existing += there.count { $0 == ":1" }
            batch = zip(batch, there).filter { $0.1 != ":1" }.map(\.0)
        }
        var attempt = 0
        while !batch.isEmpty {
            let replies = try node.ask(
                batch.map { pair in
                    let words = [Array("SET".utf8), pair.key, pair.value]
                    if pair.expiry == 0 { return words }
                    return words + [Array("PXAT".utf8), Array("\(pair.expiry)".utf8)]
                })
            attempt += 1
            var again: [Pair] = []
            for (pair, reply) in zip(batch, replies) {
                if reply == "+OK" {
                    restored += 1
                } else if attempt < 20,
                    ["-UNAVAILABLE", "-TIMEOUT", "-READONLY"].contains(where: reply.hasPrefix)
                {
                    again.append(pair)
                } else {
                    refused.append(String(reply.dropFirst()))
                }
            }
            batch = again
            if !batch.isEmpty { Clocks.sleep(until: Clocks.monotonic() + .milliseconds(200)) }
        }
    }
}
