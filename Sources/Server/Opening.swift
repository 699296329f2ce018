import Basics
import Glibc
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

    /// Binds the ports. Nothing is accepted before the loop runs.
    init(_ configuration: ServerConfiguration) throws(ServeError) {
        do throws(SystemError) {
            loop = try EventLoop()
            syncProgress = try WakeUp()
            clients = try Socket.listen(on: configuration.listen)
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

    /// Memory only. What it forgets at its end must not be mistaken for this life: incarnations
    /// are milliseconds since 1970, which fit the 48 bits of an actor until the year 10889.
    init(inMemoryAt now: WallTime) {
        store = LogStore()
        incarnation = now.microseconds / 1_000
    }

    /// Locks the data directory, checks that it is this node's, and recovers the log.
    init(
        _ path: String, of configuration: ServerConfiguration, newStore: UInt64, wakeUp: WakeUp
    ) throws(ServeError) {
        let directory = try DataDirectory(path)
        let disk = try FileDisk(directory, mode: configuration.fsync, wakeUp: wakeUp)
        let cluster = configuration.clusterID
        let identity = try OpenedStore.usable(path) { () throws(StorageError) in
            try StoreIdentity.open(
                on: disk, node: configuration.name, cluster: cluster, newStore: newStore)
        }
        let store = try OpenedStore.usable(path) { () throws(StorageError) in
            try LogStore(recovering: disk, identity: identity, hashSeed: cluster)
        }
        register = try OpenedStore.usable(path) { () throws(StorageError) in
            try DefinitionRegister(recovering: disk)
        }
        self.store = store
        incarnation = identity.incarnation
        self.disk = disk
        self.directory = consume directory
    }

    private static func usable<Result: ~Copyable>(
        _ path: String, _ body: () throws(StorageError) -> Result
    ) throws(ServeError) -> Result {
        do { return try body() } catch {
            if case .disk(let why) = error {
                throw .inputOutput("the data directory cannot be read: \(why)")
            }
            throw .unusableData("the data directory \(path) cannot be used: \(error)")
        }
    }
}
