import Basics

/// How members watch each other. Defaults are for a local network.
public struct MembershipConfiguration: Sendable, Hashable {
    /// One member is probed in each; longer when this node itself seems slow. Shorter finds the
    /// dead sooner and costs two messages each.
    public var probeInterval: Instant.Duration
    /// How long a probe may take before others are asked to try.
    public var probeTimeout: Instant.Duration
    /// How many others are asked to try.
    public var indirectProbes: Int
    /// A suspect has at least this many probe intervals, times the digits of the number of
    /// members, to say that it lives.
    public var suspicionFactor: Int64
    /// And at most so many times that, until others suspect it too.
    public var suspicionSpread: Int64
    /// Independent suspicions that bring the time down to the least.
    public var confirmations: Int
    /// An update is sent so many times the binary digits of the number of members.
    public var transmissionFactor: Int
    /// News are sent to a few members so often, beside what probes carry.
    public var gossipInterval: Instant.Duration
    public var gossipFanOut: Int
    /// Everything is exchanged with one member so often; longer in clusters of more than 32.
    public var syncInterval: Instant.Duration
    /// One of the dead is tried so often, so that the halves of a partition find each other.
    public var reconnectInterval: Instant.Duration

    /// Longest message, in bytes: one datagram.
    public static let messageBytes = 1_200

    public init(
        probeInterval: Instant.Duration = .seconds(1),
        probeTimeout: Instant.Duration = .milliseconds(500), indirectProbes: Int = 3,
        suspicionFactor: Int64 = 4, suspicionSpread: Int64 = 6, confirmations: Int = 3,
        transmissionFactor: Int = 4, gossipInterval: Instant.Duration = .milliseconds(200),
        gossipFanOut: Int = 3, syncInterval: Instant.Duration = .seconds(30),
        reconnectInterval: Instant.Duration = .seconds(10)
    ) {
        self.probeInterval = probeInterval
        self.probeTimeout = probeTimeout
        self.indirectProbes = indirectProbes
        self.suspicionFactor = suspicionFactor
        self.suspicionSpread = suspicionSpread
        self.confirmations = confirmations
        self.transmissionFactor = transmissionFactor
        self.gossipInterval = gossipInterval
        self.gossipFanOut = gossipFanOut
        self.syncInterval = syncInterval
        self.reconnectInterval = reconnectInterval
    }

    /// How long a suspect of a cluster of `members` has at least.
    func shortestSuspicion(members: Int) -> Instant.Duration {
        var digits: Int64 = 1
        var bound = 10
        while bound < members {
            bound *= 10
            digits += 1
        }
        return probeInterval * (suspicionFactor * digits)
    }

    /// How long it has when `count` others suspect it too: from the longest, logarithmically, to
    /// the shortest (Dadgar, Phillips and Currey 2018).
    func suspicion(members: Int, confirmedBy count: Int) -> Instant.Duration {
        let shortest = shortestSuspicion(members: members)
        let wanted = min(confirmations, max(0, members - 2))
        if wanted == 0 { return shortest }
        let longest = shortest * suspicionSpread
        let share = MembershipConfiguration.logarithmicShare(min(count, wanted), of: wanted)
        return longest + (longest + shortest * -1) / 1_000 * -share
    }

    /// 1,000 · ln(count + 1) / ln(most + 1), by the table: no floating point in decisions.
    private static func logarithmicShare(_ count: Int, of most: Int) -> Int64 {
        // 1,000 · ln(1…9).
        let logarithms: [Int64] = [0, 693, 1_099, 1_386, 1_609, 1_792, 1_946, 2_079, 2_197]
        let last = logarithms.count - 1
        return logarithms[min(count, last)] * 1_000 / logarithms[min(most, last)]
    }

    /// How often an update is sent before it is old.
    func transmissions(members: Int) -> Int {
        transmissionFactor * (Int.bitWidth - members.leadingZeroBitCount)
    }

    /// How often everything is exchanged.
    func sync(members: Int) -> Instant.Duration {
        var factor: Int64 = 1
        var bound = 32
        while bound < members {
            bound *= 2
            factor += 1
        }
        return syncInterval * factor
    }
}
