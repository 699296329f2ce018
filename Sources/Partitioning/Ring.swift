import Basics

/// A consistent-hashing ring (Karger et al. 1997) with virtual nodes: every member owns many
/// tokens, so that members differ little in load and a leaving one is replaced by many.
///
/// A token is XXH3-64 of the member's name and the virtual node's number, seeded per cluster: it
/// depends on nothing but these, so that every node computes the same ring.
public struct Ring: Sendable {
    /// Token order; equal tokens stand in order of their members.
    private let tokens: [(token: UInt64, node: NodeID)]
    public let nodeCount: Int

    /// `members` are distinct names, in the order that gives them their `NodeID`. O(v log v) for
    /// v virtual nodes in all.
    public init(members: [String], clusterSeed: UInt64, virtualNodes: Int) {
        precondition(!members.isEmpty, "a ring needs a member")
        precondition(members.count <= Limits.nodes, "more members than Limits.nodes")
        precondition(virtualNodes > 0, "a member needs a virtual node")
        var tokens: [(token: UInt64, node: NodeID)] = []
        tokens.reserveCapacity(members.count * virtualNodes)
        var text = ByteBuffer()
        for (index, name) in members.enumerated() {
            for number in 0..<virtualNodes {
                text.removeAll()
                text.append(name)
                text.appendInteger(UInt32(number))
                tokens.append((XXH3.hash64(text.bytes, seed: clusterSeed), NodeID(index)))
            }
        }
        tokens.sort { $0.token != $1.token ? $0.token < $1.token : $0.node < $1.node }
        self.tokens = tokens
        nodeCount = members.count
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
        var left = nodeCount
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
