import Basics
import Platform
import Workloads

// The file that tells nodes where their networks are:
//
//   user PATH          only where the networks belong to a user namespace, to be entered first
//   network PATH       one line a member, in order

/// A network of its own for each member of a local cluster, with a cable from each to one bridge:
/// what goes wrong with links goes wrong with packets, not with bytes of a connection.
///
/// Everything is in namespaces that this process holds and the nodes are in. When they have ended,
/// however that happens, nothing is left. A cut link is an address of the neighbour that nobody
/// has: packets of that direction are lost, and nobody is told.
public final class VirtualNetwork {
    private let table: LinkTable
    private let bridge: NetworkNamespace
    private var members: [NetworkNamespace] = []
    /// Of the user namespace that they belong to, if this process had to make one.
    private let users: String?
    private var cut: Set<FaultLink> = []
    private let loop: EventLoop

    /// Why there can be no such network.
    public struct Refusal: Error, CustomStringConvertible { public let description: String }

    private enum Wake: UInt64 { case stop = 1, poke }

    /// Makes the networks. Possible only before this process has a second thread.
    public init(_ table: LinkTable) throws(Refusal) {
        self.table = table
        do throws(SystemError) {
            users = try VirtualNetwork.isPrivileged() ? nil : Namespace.becomeRootOfItsOwn()
            bridge = try NetworkNamespace()
            loop = try EventLoop()
            for _ in 0..<table.members { members.append(try NetworkNamespace()) }
        } catch {
            throw Refusal(description: "this machine allows no network namespaces: \(error)")
        }
        try connect()
    }

    /// Whether network namespaces can be made without becoming somebody else first.
    private static func isPrivileged() -> Bool {
        // The namespace ends with this scope; the thread enters another at once.
        (try? NetworkNamespace()) != nil
    }

    /// Where a member's peers find it.
    public static func address(of member: Int, port: UInt16) -> SocketAddress {
        SocketAddress(host: host(member), port: port)
    }

    private static func host(_ member: Int) -> String { "10.77.0.\(member + 1)" }
    private static func hardware(_ member: Int) -> String {
        "02:51:4d:00:00:\(member + 1 < 16 ? "0" : "")\(String(member + 1, radix: 16))"
    }
    /// Nobody has it.
    private static let nowhere = "02:51:4d:ff:ff:ff"

    private func connect() throws(Refusal) {
        var words = ["link add bridge type bridge", "link set bridge up"]
        for (index, member) in members.enumerated() {
            words += [
                "link add cable\(index) type veth peer name node address "
                    + "\(VirtualNetwork.hardware(index)) netns \(member.path)",
                "link set cable\(index) master bridge", "link set cable\(index) up",
            ]
        }
        try configure(bridge, words)
        for (index, member) in members.enumerated() {
            let neighbours = members.indices.filter { $0 != index }.map {
                VirtualNetwork.neighbour($0, VirtualNetwork.hardware($0))
            }
            try configure(
                member,
                [
                    "link set lo up", "link set node up",
                    "address add \(VirtualNetwork.host(index))/24 dev node",
                ] + neighbours)
        }
    }

    /// Where this process stays when it has nothing to do: not in a node's network.
    private func enterBridge() throws(Refusal) {
        do { try bridge.enter() } catch {
            throw Refusal(description: "the bridge of the nodes is gone: \(error)")
        }
    }

    private static func neighbour(_ member: Int, _ address: String) -> String {
        "neighbour replace \(host(member)) lladdr \(address) dev node nud permanent"
    }

    /// Has the program `ip` carry out lines in a namespace.
    private func configure(_ namespace: NetworkNamespace, _ lines: [String]) throws(Refusal) {
        do throws(SystemError) {
            try namespace.enter()
            let (ours, theirs) = try Socket.pair()
            defer { ours.close() }
            let text = Array((lines.joined(separator: "\n") + "\n").utf8)
            guard case .wrote(text.count) = Bytes.lending(text, to: { ours.write($0) }) else {
                theirs.close()
                throw SystemError("send", "\(text.count) bytes to ip")
            }
            ours.shutdownWrites()
            let child = Result { () throws(SystemError) in
                try ChildProcess(
                    ChildProcess.findTool("ip", of: "iproute2"), ["-batch", "-"], channel: theirs)
            }
            theirs.close()
            let exit = try child.get().wait()
            guard exit == .code(0) else { throw SystemError("ip", "\(exit)", code: 1) }
        } catch {
            throw Refusal(description: "the network of the nodes cannot be set up: \(error)")
        }
    }

    /// Writes down where the networks are.
    public func announce(in path: String) throws(SystemError) {
        var text = users.map { "user \($0)\n" } ?? ""
        for member in members { text += "network \(member.path)\n" }
        try FileSystem.replace(path, with: Array(text.utf8), durably: false)
    }

    /// Holds the networks, and cuts and mends links as the table says, until one of `stop` comes;
    /// looks at the table now and on `poke`.
    public func run(stop: [Int32], poke: Int32) throws {
        for number in stop { try loop.watch(signal: number, token: Wake.stop.rawValue) }
        try loop.watch(signal: poke, token: Wake.poke.rawValue)
        while true {
            try apply()
            for ready in loop.wait(until: nil) where ready.token == Wake.stop.rawValue { return }
        }
    }

    private func apply() throws(Refusal) {
        let generation = table.generation
        guard generation != table.applied else { return }
        let wanted = Set(table.links.filter { table[$0].cut != nil })
        for (index, member) in members.enumerated() {
            let changed = wanted.symmetricDifference(cut).filter { $0.from == index }
            guard !changed.isEmpty else { continue }
            try configure(
                member,
                changed.sorted().map { link in
                    VirtualNetwork.neighbour(
                        link.to,
                        wanted.contains(link)
                            ? VirtualNetwork.nowhere : VirtualNetwork.hardware(link.to))
                })
        }
        try enterBridge()
        cut = wanted
        table.applied = generation
    }
}

/// Where the networks of a cluster's nodes are, as `VirtualNetwork.announce` has written it down.
public struct NetworkPaths: Sendable, Equatable {
    /// Of the user namespace to be entered first.
    public var users: String?
    /// By member.
    public var members: [String] = []

    public init(_ path: String) throws(SystemError) {
        for line in try FileSystem.text(path).split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 1)
            guard words.count == 2 else { continue }
            if words[0] == "user" { users = String(words[1]) }
            if words[0] == "network" { members.append(String(words[1])) }
        }
    }
}
