import Basics
import Membership
import Platform
import Replication
import Wire

/// Who lives, for routing: a member is asked when the link to it is up, it has not been silent for
/// too long, and the members together do not think that it is dead.
extension NodeProcess {
    /// Says something on a link, and judges the other side's silence.
    mutating func beat(_ link: PeerLink, at now: Moment) {
        link.nextHeartbeat = now.monotonic + PeerLink.heartbeat
        link.writer.open()
        PeerCodec.encodeMembership(.empty, into: &link.writer.buffer)
        if link.blockedSince == nil { flush(link, at: now) }
        guard link.isUp, link.silence?.judge(at: now.monotonic) == true else { return }
        let isSilent = link.silence?.isConvicted == true
        log.warning(isSilent ? "peer-silent" : "peer-heard", ["peer": link.member.name])
        reconsider(link, at: now)
    }

    /// Tells the node if what is known of a member has changed.
    mutating func reconsider(_ link: PeerLink, at now: Moment) {
        let can =
            link.isUp && link.silence?.isConvicted != true
            && membership.status(of: link.node) != .dead
        guard can != facts.isReachable[Int(link.node.index)] else { return }
        announce(link.node, isReachable: can, at: now)
    }

    /// A link has come up. The node learns of it even if it was up before: the other side may have
    /// begun a new life.
    mutating func introduce(_ link: PeerLink, at now: Moment) {
        membership.greet(link.node, into: &membershipEffects)
        carryOutMembership(at: now)
        if membership.status(of: link.node) != .dead {
            announce(link.node, isReachable: true, at: now)
        }
    }

    /// Begins to watch the configured members.
    mutating func startMembership(at now: Moment) {
        membership.start(
            with: links.indices.map { NodeID($0) }, at: now.monotonic, into: &membershipEffects)
        carryOutMembership(at: now)
    }

    mutating func tendMembership(at now: Moment) {
        membership.tick(at: now.monotonic, into: &membershipEffects)
        carryOutMembership(at: now)
    }

    /// Something about members has come from a peer.
    mutating func hearOfMembers(
        _ bytes: Bytes, from sender: NodeID, at now: Moment
    ) throws(DecodeError) {
        if bytes.isEmpty { return }
        try membership.receive(bytes, from: sender, at: now.monotonic, into: &membershipEffects)
        carryOutMembership(at: now)
    }

    private mutating func carryOutMembership(at now: Moment) {
        for (to, start, end) in membershipEffects.messages {
            guard Int(to.index) < links.count, let link = links[Int(to.index)], link.isUp else {
                continue
            }
            link.writer.open()
            PeerCodec.encodeMembership(
                membershipEffects.bytes.bytes.slice(start, end), into: &link.writer.buffer)
            if !link.isDirty {
                link.isDirty = true
                dirtyLinks.append(to.index)
            }
        }
        let changes = membershipEffects.changes
        membershipEffects.removeAll()
        for (node, status) in changes {
            guard Int(node.index) < links.count, let link = links[Int(node.index)] else { continue }
            log.info("member-\(status)", ["peer": link.member.name])
            facts.memberStatus[Int(node.index)] = status
            reconsider(link, at: now)
        }
    }
}
