import Basics

/// A consistent-hashing ring (Karger et al. 1997) with virtual nodes: every member owns many
/// tokens, so that members differ little in load and a leaving one is replaced by many.
///
/// A token is XXH3-64 of the member's name and the virtual node's number, seeded per cluster: it
/// depends on nothing but these, so that every node computes the same ring.
public struct Ring: Sendable {
    /// Token order; equal tokens stand in order of their members.
    private let tokens: [(token: UInt64, node: NodeID)]
    /// One more than the largest index of a member that was ever here.
    public let nodeCount: Int
    /// Members that have a place.
    let activeCount: Int
    let clusterSeed: UInt64
    private let virtualNodes: Int

    /// `members` are distinct names, in the order that gives them their `NodeID`. O(v log v) for
    /// v virtual nodes in all.
    public init(members: [String], clusterSeed: UInt64, virtualNodes: Int) {
        precondition(!members.isEmpty, "a ring needs a member")
        precondition(members.count <= Limits.nodes, "more members than Limits.nodes")
        precondition(virtualNodes > 0, "a member needs a virtual node")
        var tokens: [(token: UInt64, node: NodeID)] = []
        tokens.reserveCapacity(members.count * virtualNodes)
        for (index, name) in members.enumerated() {
            Ring.append(name, NodeID(index), clusterSeed, virtualNodes, to: &tokens)
        }
        self.init(tokens, nodeCount: members.count, clusterSeed, virtualNodes)
    }

    private init(
        _ tokens: [(token: UInt64, node: NodeID)], nodeCount: Int, _ clusterSeed: UInt64,
        _ virtualNodes: Int
    ) {
        self.tokens = tokens.sorted {
            $0.token != $1.token ? $0.token < $1.token : $0.node < $1.node
        }
        self.nodeCount = nodeCount
        activeCount = tokens.count / virtualNodes
        self.clusterSeed = clusterSeed
        self.virtualNodes = virtualNodes
    }

    /// The ring of these members, of whom the first were the members of this one; those that
    /// have left have no place on it.
    func with(_ members: [RingMember]) -> Ring {
        var tokens = tokens.filter { members[Int($0.node.index)].role != .removed }
        for index in nodeCount..<max(nodeCount, members.count)
        where members[index].role != .removed {
            Ring.append(members[index].name, NodeID(index), clusterSeed, virtualNodes, to: &tokens)
        }
        return Ring(tokens, nodeCount: members.count, clusterSeed, virtualNodes)
    }

    private static func append(
        _ name: String, _ node: NodeID, _ clusterSeed: UInt64, _ virtualNodes: Int,
        to tokens: inout [(token: UInt64, node: NodeID)]
    ) {
        var text = ByteBuffer()
        for number in 0..<virtualNodes {
            text.removeAll()
            text.append(name)
            text.appendInteger(UInt32(number))
            tokens.append((XXH3.hash64(text.bytes, seed: clusterSeed), node))
        }
    }

    /// Every member once, in the order in which a clockwise walk from `token` meets them, until
    /// `visit` returns false. O(v) for v virtual nodes in all, usually far less.
    func walk(from token: UInt64, visit: (NodeID) -> Bool) {
        var low = 0
        var high = tokens.count
        while low < high {
            let middle = (low + high) / 2
            if tokens[middle].token < token { low = middle + 1 } else { high = middle }
        }
        var seen = [Bool](repeating: false, count: nodeCount)
        var left = activeCount
        for step in 0..<tokens.count {
            let index = low + step
            let node = tokens[index < tokens.count ? index : index - tokens.count].node
            if seen[Int(node.index)] { continue }
            seen[Int(node.index)] = true
            left -= 1
            if !visit(node) || left == 0 { return }
        }
    }
}
