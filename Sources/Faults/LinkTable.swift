import Basics
import Platform
import Workloads

// The file that a relay and those who steer it share, in words of 64 bits:
//
//   magic  members  generation  applied  seed  (11 reserved)
//   then for each ordered pair, at 16 + (from * members + to) * 32:
//     cut (0 none, 1 drop, 2 stall, 3 reset)  latency  jitter  tailPerMillion  tail  bandwidth
//     dropPerMillion  corruptPerMillion  duplicatePerMillion  replayPerMillion  sliceBytes
//     blackHole  halfOpen  resets  (2 reserved)
//     and the relay's counters: see LinkCounter
//
// Durations are nanoseconds. Who changes settings raises the generation afterwards; the relay
// copies it to `applied` when it acts on them.

/// How one ordered link is to behave.
public struct LinkSetting: Sendable, Equatable {
    public var cut: LinkCut?
    public var impairment = LinkImpairment()
    /// While true, connections that were there when it became so are dead at the sender's end and
    /// silent at the receiver's.
    public var isHalfOpen = false
    /// Connections are reset whenever this has changed.
    public var resets: UInt64 = 0

    public init() {}

    /// Whether bytes may pass as they come.
    public var isClean: Bool { cut == nil && impairment == LinkImpairment() }
}

/// What a relay counts for each ordered link.
public enum LinkCounter: Int, CaseIterable, Sendable {
    /// Messages are the frames of the peer protocol, handshakes included.
    case messages, bytes
    case dropped, delayed, corrupted, duplicated, replayed, sliced
    /// Connections that were reset, and that were refused or swallowed.
    case resets, refused
    /// Connections made, and those that stand now.
    case connections, open
}

/// The settings and counters of all links of a cluster, in a file that outlives its users.
public final class LinkTable: Sendable {
    private static let magic: UInt64 = 0x31_6b6e_696c_4d51  // "QMlink1"
    private static let headerWords = 16
    private static let recordWords = 32
    private static let firstCounter = 16
    /// Most members: each has a byte of the links' addresses.
    public static let memberLimit = 64

    private let words: SharedWords
    public let members: Int

    /// Opens or creates it. Settings that are there stay.
    public init(_ path: String, members: Int) throws(SystemError) {
        precondition((1...LinkTable.memberLimit).contains(members), "a cluster has 1 to 64 members")
        self.members = members
        words = try SharedWords(
            path, count: LinkTable.headerWords + members * members * LinkTable.recordWords)
        if words[0] != LinkTable.magic {
            words[1] = UInt64(members)
            words[0] = LinkTable.magic
        }
    }

    /// Raised after every change.
    public var generation: UInt64 { words[2] }
    /// The generation that the relay acts on.
    public internal(set) var applied: UInt64 {
        get { words[3] }
        set { words[3] = newValue }
    }
    /// Decides which messages are struck.
    public var seed: UInt64 {
        get { words[4] }
        set { words[4] = newValue }
    }

    /// Says that the settings are complete; the relay must be poked.
    public func commit() { words.add(1, at: 2) }

    private func record(_ link: FaultLink) -> Int {
        precondition(
            (0..<members).contains(link.from) && (0..<members).contains(link.to),
            "there is no such link")
        return LinkTable.headerWords + (link.from * members + link.to) * LinkTable.recordWords
    }

    public subscript(link: FaultLink) -> LinkSetting {
        get {
            let at = record(link)
            var setting = LinkSetting()
            setting.cut = LinkTable.cuts.first { $0.number == words[at] }?.cut
            setting.impairment.latency = .nanoseconds(words[at + 1])
            setting.impairment.jitter = .nanoseconds(words[at + 2])
            setting.impairment.tailPerMillion = Int(clamping: words[at + 3])
            setting.impairment.tail = .nanoseconds(words[at + 4])
            setting.impairment.bandwidth = Int(clamping: words[at + 5])
            setting.impairment.dropPerMillion = Int(clamping: words[at + 6])
            setting.impairment.corruptPerMillion = Int(clamping: words[at + 7])
            setting.impairment.duplicatePerMillion = Int(clamping: words[at + 8])
            setting.impairment.replayPerMillion = Int(clamping: words[at + 9])
            setting.impairment.sliceBytes = Int(clamping: words[at + 10])
            setting.impairment.isBlackHole = words[at + 11] != 0
            setting.isHalfOpen = words[at + 12] != 0
            setting.resets = words[at + 13]
            return setting
        }
        set {
            let at = record(link)
            let i = newValue.impairment
            words[at] = LinkTable.cuts.first { $0.cut == newValue.cut }?.number ?? 0
            let numbers = [
                Int(i.latency.nanoseconds), Int(i.jitter.nanoseconds), i.tailPerMillion,
                Int(i.tail.nanoseconds), i.bandwidth, i.dropPerMillion, i.corruptPerMillion,
                i.duplicatePerMillion, i.replayPerMillion, i.sliceBytes, i.isBlackHole ? 1 : 0,
                newValue.isHalfOpen ? 1 : 0,
            ]
            for (offset, number) in numbers.enumerated() {
                words[at + 1 + offset] = UInt64(max(0, number))
            }
            words[at + 13] = newValue.resets
        }
    }

    private static let cuts: [(number: UInt64, cut: LinkCut?)] = [
        (0, nil), (1, .drop), (2, .stall), (3, .reset),
    ]

    /// What the relay has counted on a link since the file was made.
    public func count(_ counter: LinkCounter, of link: FaultLink) -> UInt64 {
        words[record(link) + LinkTable.firstCounter + counter.rawValue]
    }

    /// The same over all links.
    public func count(_ counter: LinkCounter) -> UInt64 {
        links.reduce(0) { $0 &+ count(counter, of: $1) }
    }

    func add(_ amount: UInt64, _ counter: LinkCounter, of link: FaultLink) {
        words.add(amount, at: record(link) + LinkTable.firstCounter + counter.rawValue)
    }

    func clearOpen() {
        for link in links {
            words[record(link) + LinkTable.firstCounter + LinkCounter.open.rawValue] = 0
        }
    }

    /// All ordered pairs of different members.
    public var links: [FaultLink] {
        (0..<members).flatMap { from in
            (0..<members).filter { $0 != from }.map { FaultLink(from: from, to: $0) }
        }
    }

    /// Where the dialling member finds the relay's end of a link. Every link has an address of its
    /// own within 127.0.0.0/8 at the port of the member that is dialled, so that nothing needs to
    /// be chosen or remembered.
    public static func address(of link: FaultLink, port: UInt16) -> SocketAddress {
        SocketAddress(host: "127.77.\(link.from + 1).\(link.to + 1)", port: port)
    }
}
