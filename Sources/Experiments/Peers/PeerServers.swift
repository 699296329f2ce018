import Basics
import Foundation
import Load
import Platform

/// The servers of another store, started on free ports of this machine in a folder of their own,
/// and ended by their process numbers.
final class PeerServers {
    let setting: PeerSetting
    /// Where clients connect, the primary first.
    let addresses: [SocketAddress]
    /// The folder for temporary files, where every user may go; PostgreSQL runs as its own.
    private let folder: String
    private var children: [(name: String, process: ChildProcess)] = []

    /// Why the servers of another store cannot be used.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    init(_ setting: PeerSetting) throws {
        self.setting = setting
        addresses = try PeerServers.freePorts(PeerSetting.servers).map { .loopback($0) }
        folder = try ScratchFolder.make("quorumeter-peer")
        chmod(folder, 0o755)
    }

    deinit { stop() }

    /// What the load generator connects to.
    var target: Target {
        switch setting.store {
        case .redis: return Target(scheme: .redis, addresses: [addresses[0]])
        case .etcd: return Target(scheme: .etcd, addresses: addresses)
        case .postgres:
            var target = Target(scheme: .postgres, addresses: [addresses[0]])
            target.user = Postgres.user
            target.databaseName = "postgres"
            return target
        }
    }

    private static func freePorts(_ count: Int) throws -> [UInt16] {
        let probes = try (0..<count).map { _ in try Socket.listen(on: .loopback(0)) }
        defer { for probe in probes { probe.close() } }
        return probes.map { $0.localAddress?.port ?? 0 }
    }

    /// Starts all servers and waits until they follow each other.
    func start(isStopping: () -> Bool) throws {
        switch setting.store {
        case .redis: try startRedis(isStopping)
        case .etcd: try startEtcd(isStopping)
        case .postgres: try startPostgres(isStopping)
        }
    }

    /// Ends every server and removes their folder.
    func stop() {
        // Whoever has ended already is what is wanted.
        for (_, process) in children { _ = try? process.send(signal: SIGINT) }
        let deadline = Clocks.monotonic() + .seconds(5)
        for (_, process) in children {
            while (try? process.poll()) == nil, Clocks.monotonic() < deadline {
                Clocks.sleep(until: Clocks.monotonic() + .milliseconds(5))
            }
            _ = try? process.send(signal: SIGKILL)
            _ = try? process.wait()
            StartedProcesses.remove(process.identity)
        }
        children.removeAll()
        // What cannot be removed from the folder for temporary files stays there.
        try? FileSystem.removeTree(folder)
    }

    // MARK: Costs

    /// Processor time of all servers and of what they started.
    func processorTime() -> Instant.Duration {
        children.map { ProcessTree.processorTime(of: $0.process.pid) }.reduce(.zero, +)
    }

    func memory() -> [NodeMemory] {
        children.map {
            NodeMemory(
                node: $0.name, residentBytes: ProcessTree.residentBytes(of: $0.process.pid),
                allocatedBytes: nil)
        }
    }

    // MARK: Processes

    private func program(_ name: String, in folders: [String]) throws -> String {
        for folder in folders where access("\(folder)/\(name)", X_OK) == 0 {
            return "\(folder)/\(name)"
        }
        throw Failure(
            description: "\(setting.name): there is no \(name) in "
                + "\(folders.joined(separator: ", ")); 'make deps' installs it")
    }

    private func launch(_ name: String, _ path: String, _ arguments: [String]) throws {
        let process = try ChildProcess(
            path, arguments, output: .discard, errors: .file("\(folder)/\(name).log"),
            ownGroup: true)
        StartedProcesses.add(process.identity)
        children.append((name, process))
    }

    /// Waits for `condition`; fails when a server ends, a stop is asked for, or after 30 s.
    private func wait(
        for what: String, _ isStopping: () -> Bool, _ condition: () -> Bool
    ) throws {
        let deadline = Clocks.monotonic() + .seconds(30)
        while !condition() {
            if isStopping() { throw Failure(description: "interrupted") }
            for (name, process) in children {
                guard let exit = try process.poll() else { continue }
                throw Failure(
                    description: "\(setting.name): \(name) ended with \(exit): \(lastLines(name))")
            }
            guard Clocks.monotonic() < deadline else {
                throw Failure(description: "\(setting.name): waited 30 s for \(what)")
            }
            Clocks.sleep(until: Clocks.monotonic() + .milliseconds(20))
        }
    }

    private func lastLines(_ name: String) -> String {
        let text = (try? FileSystem.text("\(folder)/\(name).log")) ?? ""
        let lines = text.split(separator: "\n").suffix(3)
        return lines.isEmpty ? "it said nothing" : lines.joined(separator: " | ")
    }

    private func accepts(_ address: SocketAddress) -> Bool {
        guard let socket = try? Socket.connect(to: address) else { return false }
        defer { socket.close() }
        return NodeProbe.wait(
            socket, for: Int16(POLLOUT), deadline: Clocks.monotonic() + .milliseconds(500))
            && socket.connectionError(to: address) == nil
    }

    // MARK: Redis

    private func startRedis(_ isStopping: () -> Bool) throws {
        let path = try program("redis-server", in: ["/usr/bin", "/usr/local/bin"])
        for (index, address) in addresses.enumerated() {
            var arguments = [
                "--port", "\(address.port)", "--bind", "127.0.0.1", "--save", "", "--appendonly",
                "no", "--dir", folder, "--repl-diskless-sync-delay", "0",
            ]
            if index > 0 { arguments += ["--replicaof", "127.0.0.1", "\(addresses[0].port)"] }
            try launch("redis-\(index + 1)", path, arguments)
        }
        let primary = addresses[0]
        try wait(for: "two replicas in step with the primary", isStopping) {
            let fields = NodeProbe.information(
                primary, deadline: Clocks.monotonic() + .milliseconds(500))
            return (0..<PeerSetting.servers - 1).allSatisfy {
                fields?["slave\($0)"]?.contains("state=online") == true
            }
        }
    }

    // MARK: etcd

    private func startEtcd(_ isStopping: () -> Bool) throws {
        let path = try program("etcd", in: ["/usr/bin", "/usr/local/bin"])
        let peers = try PeerServers.freePorts(PeerSetting.servers).map { "http://127.0.0.1:\($0)" }
        let cluster = peers.enumerated().map { "e\($0.offset + 1)=\($0.element)" }
            .joined(separator: ",")
        for (index, address) in addresses.enumerated() {
            let client = "http://\(address)"
            try launch(
                "etcd-\(index + 1)", path,
                [
                    "--name", "e\(index + 1)", "--data-dir", "\(folder)/e\(index + 1)",
                    "--listen-client-urls", client, "--advertise-client-urls", client,
                    "--listen-peer-urls", peers[index], "--initial-advertise-peer-urls",
                    peers[index], "--initial-cluster", cluster, "--log-level", "error",
                ])
        }
        // A member answers its clients once there is a leader.
        try wait(for: "three members with a leader", isStopping) { addresses.allSatisfy(accepts) }
    }

    // MARK: PostgreSQL

    private enum Postgres {
        static let user = "tester"
        static let standbys = ["two", "three"]

        /// Folders of programs, the newest version first.
        static var folders: [String] {
            let base = "/usr/lib/postgresql"
            let versions = ((try? FileSystem.list(base)) ?? []).compactMap { Int($0) }
            return versions.sorted(by: >).map { "\(base)/\($0)/bin" } + ["/usr/local/bin"]
        }
    }

    /// It refuses to run as root: then it runs as the user that its package made.
    private func asItsUser(_ path: String, _ arguments: [String]) -> (String, [String]) {
        guard getuid() == 0 else { return (path, arguments) }
        return (
            "/usr/bin/setpriv",
            ["--reuid=postgres", "--regid=postgres", "--clear-groups", path] + arguments
        )
    }

    private func ownFolder(_ name: String) throws -> String {
        let path = "\(folder)/\(name)"
        try FileSystem.makeFolder(path)
        chmod(path, 0o700)
        guard getuid() == 0 else { return path }
        guard let user = getpwnam("postgres"),
            chown(path, user.pointee.pw_uid, user.pointee.pw_gid) == 0
        else {
            throw Failure(
                description: "\(setting.name): PostgreSQL does not run as root, and there is no "
                    + "user 'postgres' to run it as")
        }
        return path
    }

    private func runPostgres(_ name: String, _ arguments: [String]) throws {
        let (path, arguments) = asItsUser(
            try program(name, in: Postgres.folders), arguments)
        let process = try ChildProcess(
            path, arguments, output: .discard, errors: .file("\(folder)/\(name).log"),
            ownGroup: true)
        StartedProcesses.add(process.identity)
        defer { StartedProcesses.remove(process.identity) }
        let exit = try process.wait()
        guard exit == .code(0) else {
            throw Failure(
                description: "\(setting.name): \(name) ended with \(exit): \(lastLines(name))")
        }
    }

    private func launchPostgres(_ index: Int, _ data: String, _ settings: [String]) throws {
        let all =
            ["listen_addresses=127.0.0.1", "unix_socket_directories=", "hot_standby=on"] + settings
        let (path, arguments) = asItsUser(
            try program("postgres", in: Postgres.folders),
            ["-D", data, "-p", "\(addresses[index].port)"] + all.flatMap { ["-c", $0] })
        try launch("postgres-\(index + 1)", path, arguments)
    }

    private func startPostgres(_ isStopping: () -> Bool) throws {
        let first = try ownFolder("one")
        try runPostgres("initdb", ["-A", "trust", "-U", Postgres.user, "-D", first])
        let names = Postgres.standbys.joined(separator: ", ")
        try launchPostgres(0, first, ["synchronous_standby_names=ANY 1 (\(names))"])
        try wait(for: "the primary", isStopping) { isReady(addresses[0]) }
        for (index, name) in Postgres.standbys.enumerated() {
            let data = try ownFolder(name)
            try runPostgres(
                "pg_basebackup",
                [
                    "-R", "-c", "fast", "-D", data, "-d",
                    "host=127.0.0.1 port=\(addresses[0].port) user=\(Postgres.user) "
                        + "application_name=\(name)",
                ])
            try launchPostgres(index + 1, data, [])
        }
        try wait(for: "two standbys", isStopping) { addresses.allSatisfy(isReady) }
    }

    /// It takes connections before it lets anybody in.
    private func isReady(_ address: SocketAddress) -> Bool {
        let arguments = ["-q", "-h", address.host, "-p", "\(address.port)"]
        return (try? runPostgres("pg_isready", arguments)) != nil
    }
}
