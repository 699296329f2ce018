import Basics
import Glibc
import Partitioning
import Platform
import Replication
import Storage

/// The loop of a node and what it always watches.
struct Ports {
    let loop: EventLoop
    let syncProgress: WakeUp
    let clients: Socket
    let clientsWatch: Watch
    let peers: Socket
    let peersWatch: Watch
    let stopRequest: WakeUp
    let metrics: Socket?

    /// Binds the ports. Nothing is accepted before the loop runs.
    init(_ configuration: ServerConfiguration) throws(ServeError) {
        do throws(SystemError) {
            loop = try EventLoop()
            syncProgress = try WakeUp()
            clients = try Socket.listen(on: configuration.listen)
            if let network = configuration.peerNetwork {
                if let users = network.users { try Namespace.enterUsers(users) }
                try NetworkNamespace.enter(network.path)
            }
            peers = try Socket.listen(on: configuration.peerListen)
            _ = try loop.watch(
                syncProgress.descriptor, for: .readable, token: Token(.wakeUp).raw)
            clientsWatch = try loop.watch(
                clients.descriptor, for: .readable, token: Token(.clientListener).raw)
            peersWatch = try loop.watch(
                peers.descriptor, for: .readable, token: Token(.peerListener).raw)
            stopRequest = try WakeUp()
            _ = try loop.watch(
                stopRequest.descriptor, for: .readable, token: Token(.signal).raw)
            metrics = try configuration.metrics.map { address throws(SystemError) in
                try Socket.listen(on: address)
            }
            if let metrics {
                _ = try loop.watch(
                    metrics.descriptor, for: .readable, token: Token(.metricsListener).raw)
            }
            if configuration.routes != nil {
                try loop.watch(signal: SIGHUP, token: Token(.reload).raw)
            }
            for number in [SIGINT, SIGTERM] {
                try loop.watch(signal: number, token: Token(.signal, index: UInt32(number)).raw)
            }
        } catch {
            throw .environment("the node cannot start: \(error)")
        }
    }
}

/// The store of a node as it was recovered, and this life's incarnation.
struct OpenedStore: ~Copyable {
    var store: LogStore
    var register = DefinitionRegister()
    var incarnation: UInt64
    var disk: FileDisk?
    var directory: DataDirectory?
    var scrubber: Scrubber?
    /// Set when the node starts empty in place of what was damaged.
    var rebuilt: Rebuilt?

    /// Memory only. What it forgets at its end must not be mistaken for this life: incarnations
    /// are milliseconds since 1970, which fit the 48 bits of an actor until the year 10889.
    init(inMemoryAt now: WallTime, of configuration: ServerConfiguration, shardBits: Int) {
        store = LogStore(hashSeed: configuration.clusterID, shardBits: shardBits)
        if let bootstrap = configuration.bootstrap {
            register = DefinitionRegister(joining: bootstrap.definition)
        }
        incarnation = now.microseconds / 1_000
    }

    /// Locks the data directory, checks that it is this node's, and recovers the log.
    init(
        _ path: String, of configuration: ServerConfiguration, shardBits: Int, newStore: UInt64,
        wakeUp: WakeUp
    ) throws(ServeError) {
        let directory = try DataDirectory(path)
        let disk = try FileDisk(directory, mode: configuration.fsync, wakeUp: wakeUp)
        let recovered: RecoveredStore
        do throws(StorageError) {
            recovered = try RecoveredStore(
                disk, configuration, shardBits: shardBits, newStore, first: 1)
        } catch {
            guard configuration.rebuild, error.isLoss else {
                throw OpenedStore.refusal(path, error)
            }
            rebuilt = Rebuilt(folder: "\(path)/quarantine-\(newStore)", reason: "\(error)")
            do throws(StorageError) {
                // Above all that this node may have been before.
                let last = try OpenedStore.quarantine(disk, "quarantine-\(newStore)")
                let first = max(last + 1, Clocks.wall().microseconds / 1_000)
                recovered = try RecoveredStore(
                    disk, configuration, shardBits: shardBits, newStore, first: first)
            } catch {
                throw OpenedStore.refusal(path, error)
            }
        }
        register = try OpenedStore.usable(path) { () throws(StorageError) in
            try DefinitionRegister(recovering: disk)
        }
        if let bootstrap = configuration.bootstrap, register.installed.ring.members.isEmpty {
            register = DefinitionRegister(joining: bootstrap.definition)
        }
        do throws(SystemError) {
            scrubber = try Scrubber(
                folder: path, store: recovered.id, interval: configuration.scrubInterval,
                wakeUp: wakeUp)
        } catch {
            throw .environment("the scrubber's thread cannot start: \(error)")
        }
        incarnation = recovered.incarnation
        store = recovered.store
        disk.begin(at: store.appended)
        self.disk = disk
        self.directory = consume directory
    }

    private static func usable<Result>(
        _ path: String, _ body: () throws(StorageError) -> Result
    ) throws(ServeError) -> Result {
        do { return try body() } catch { throw refusal(path, error) }
    }
}

extension OpenedStore {
    /// Puts the files of the store aside; returns the last incarnation that they name. What the
    /// node has promised about the cluster's definition stays.
    private static func quarantine(
        _ disk: FileDisk, _ name: String
    ) throws(StorageError) -> UInt64 {
        do throws(DiskError) {
            let last = try StoreIdentity.lastIncarnation(on: disk)
            try disk.putAside(in: name)
            return last
        } catch { throw .disk(error.description) }
    }

    private static func refusal(_ path: String, _ error: StorageError) -> ServeError {
        if case .disk(let why) = error {
            return .inputOutput("the data directory cannot be read: \(why)")
        }
        return .unusableData("the data directory \(path) cannot be used: \(error)")
    }
}

/// A store that was recovered, in a new life.
private struct RecoveredStore: ~Copyable {
    let store: LogStore
    let incarnation: UInt64
    /// The number that names it.
    let id: UInt64

    /// `first`: the incarnation of a store that is made now.
    init(
        _ disk: FileDisk, _ configuration: ServerConfiguration, shardBits: Int,
        _ newStore: UInt64, first: UInt64
    ) throws(StorageError) {
        let cluster = configuration.clusterID
        let identity = try StoreIdentity.open(
            on: disk, node: configuration.name, cluster: cluster, newStore: newStore, first: first,
            mode: configuration.replication.mode.rawValue,
            at: configuration.controls?.moment().wall ?? Clocks.wall())
        store = try LogStore(
            recovering: disk, identity: identity, hashSeed: cluster, shardBits: shardBits,
            checkpointBytes: configuration.logBytes)
        incarnation = identity.incarnation
        id = identity.store
    }
}

/// A data directory was damaged, and its files were put aside.
struct Rebuilt {
    var folder: String
    var reason: String
}
