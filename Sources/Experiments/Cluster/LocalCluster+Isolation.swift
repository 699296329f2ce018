import Basics
import Faults
import Foundation
import Platform
import Workloads

/// Networks and disks that each node of a cluster has to itself.
extension LocalCluster {
    /// Each node has a network namespace, and links are cables between them.
    var hasNetworks: Bool { state.options?.network == ClusterOptions.namespaces }
    /// Each node keeps its data on a file system in an image, whose power can be cut.
    var hasImages: Bool {
        state.options?.disks == ClusterOptions.images && state.fsync != "memory"
    }
    var networksPath: String { "\(folder)/networks" }
    func imagePath(_ name: String) -> String { "\(folder)/\(name).ext4" }

    /// Where the peers of a member find it.
    func peerAddress(of index: Int) -> SocketAddress {
        let port = state.nodes[index].peerPort
        return hasNetworks
            ? VirtualNetwork.address(of: index, port: port) : .loopback(port)
    }

    /// What a node must be told of the network and the disk that it has to itself.
    func isolation(of index: Int) throws(ClusterError) -> [String] {
        let node = state.nodes[index]
        var arguments: [String] = []
        if hasNetworks {
            do {
                let paths = try NetworkPaths(networksPath)
                guard index < paths.members.count else {
                    throw ClusterError("\(networksPath) does not say where \(node.name) is")
                }
                arguments += ["--peer-network", paths.members[index]]
                if let users = paths.users { arguments += ["--user-namespace", users] }
            } catch let error as ClusterError { throw error } catch {
                throw ClusterError("the networks cannot be found: \(error)")
            }
        }
        if hasImages {
            let image = imagePath(node.name)
            do throws(SystemError) {
                if try FileSystem.kind(of: image) == nil { try DiskImage.make(image) }
                try awaitUnmount(image)
            } catch { throw ClusterError("\(node.name) cannot have a disk: \(error)") }
            arguments += ["--disk-image", image]
        }
        return arguments
    }

    /// A file system that was mounted by a process that has ended is unmounted soon after it.
    private func awaitUnmount(_ image: String) throws(SystemError) {
        let deadline = Clocks.monotonic() + .seconds(20)
        while try DiskImage.isInUse(image) {
            guard Clocks.monotonic() < deadline else {
                throw SystemError("umount", image, code: EBUSY)
            }
            Clocks.sleep(until: Clocks.monotonic() + .milliseconds(2))
        }
    }

    /// Starts the process that holds the networks. Nodes that live on in earlier networks are
    /// ended: nobody could reach them.
    func spawnNetwork() throws(ClusterError) {
        for node in state.nodes where identity(node)?.isAlive == true { try kill(node.name) }
        try carryLinks(
            by: [
                "network", "--links", linksPath, "--members", "\(state.nodes.count)", "--paths",
                networksPath,
            ])
    }

    /// Cuts the power of a node's disk and ends the node. What it had not synced is gone.
    public func cutPower(of name: String) throws(ClusterError) {
        guard hasImages else { throw ClusterError(LocalCluster.noImages) }
        let process = try running(name)
        let path = URL(fileURLWithPath: "\(folder)/\(name)").standardizedFileURL.path
        do throws(SystemError) {
            try DiskImage.cutPower(path, of: process.pid)
            // It may have noticed, and ended by itself.
            _ = try process.send(signal: SIGKILL)
            awaitEnd(of: name, process)
        } catch { throw ClusterError("the power of \(name) cannot be cut: \(error)") }
    }

    private static let noImages =
        "power-cut needs disks that the nodes have to themselves: --disks images of cluster up, "
        + "--storage images of soak (root)"

    /// Refuses what this cluster's links and disks cannot do.
    func check(_ effect: FaultEffect) throws(ClusterError) {
        if case .powerCut = effect, !hasImages { throw ClusterError(LocalCluster.noImages) }
        guard hasNetworks, !effect.links.isEmpty else { return }
        if case .cut(_, .drop) = effect { return }
        throw ClusterError(
            "links between network namespaces can lose everything (partition or cut, how: drop), "
                + "and not “\(effect.word)”: leave out --network namespaces for the relay, which "
                + "can do that")
    }

    /// The same for all of a plan.
    public func check(_ plan: FaultPlan) throws(ClusterError) {
        for fault in plan.faults { try check(fault.effect) }
    }
}
