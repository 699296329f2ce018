import Basics
import Membership
import Partitioning
import Platform
import Replication
import Wire

/// Members that come and go: whom this node has links to.
extension NodeProcess {
    /// Takes note of what has been decided about the members.
    mutating func followRing(at now: Moment) {
        guard followedVersion != node.definition.version else { return }
        followedVersion = node.definition.version
        guard node.definition.ring != facts.ring else { return }
        facts.follow(node.definition.ring, node.placement)
        log.info("ring", ["epoch": "\(facts.ring.epoch)", "members": "\(facts.ring.presentCount)"])
        for (index, member) in facts.members.enumerated() {
            let other = NodeID(index)
            if index == links.count { links.append(nil) }
            guard other != handshake.node else { continue }
            if member.role == .removed {
                drop(other, at: now)
            } else if links[index] == nil {
                admit(member, other, at: now)
            }
        }
        if node.hasLeft, leavingSince == nil {
            leavingSince = now.monotonic
            log.warning("left", ["reason": "the cluster goes on without this node"])
        }
    }

    private mutating func admit(_ member: RingMember, _ other: NodeID, at now: Moment) {
        let address: SocketAddress
        do { address = try SocketAddress(member.address) } catch {
            return log.error("member-refused", ["peer": member.name, "reason": "\(error)"])
        }
        links[Int(other.index)] = PeerLink(
            other, Member(name: member.name, address: address, rack: member.rack),
            dials: handshake.node < other)
        membership.admit(other)
        nextLinkCheck = .origin
        reroute(at: now)
    }

    private mutating func drop(_ other: NodeID, at now: Moment) {
        guard let link = links[Int(other.index)] else { return }
        // It may be about to hear that it has left, and says when it has.
        if link.isUp { flush(link, at: now) }
        if link.socket != nil { lose(link, "it has left the cluster", at: now) }
        links[Int(other.index)] = nil
        membership.dismiss(other)
        deliver(.reachable(other, false), at: now)
    }

    /// Ends a node that has left, once the others know.
    mutating func endIfLeft(at now: Moment) {
        guard let since = leavingSince else { return }
        if node.hasLeftAndToldSo || since + .seconds(5) <= now.monotonic { isStopping = true }
    }
}
