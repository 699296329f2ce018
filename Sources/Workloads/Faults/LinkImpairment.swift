import Basics

/// How a link mistreats what it carries. All zeros: not at all.
public struct LinkImpairment: Sendable, Equatable {
    /// Every message takes this much longer.
    public var latency = Instant.Duration.zero
    /// Mean of an exponential part that is added.
    public var jitter = Instant.Duration.zero
    /// Messages per million that take `tail` longer besides.
    public var tailPerMillion = 0
    public var tail = Instant.Duration.zero
    /// Bytes a second; 0: as many as come.
    public var bandwidth = 0
    /// Messages per million that are lost, damaged by a bit, sent twice at once, and followed by
    /// an old one.
    public var dropPerMillion = 0
    public var corruptPerMillion = 0
    public var duplicatePerMillion = 0
    public var replayPerMillion = 0
    /// Bytes leave in pieces of one to this many; 0: as they come.
    public var sliceBytes = 0
    /// New connections are accepted and never heard of again.
    public var isBlackHole = false

    public init() {}

    /// Of two faults on one link at once: delays and rates add up, the narrower of two limits
    /// counts.
    public mutating func add(_ other: LinkImpairment) {
        latency = latency + other.latency
        jitter = jitter + other.jitter
        tailPerMillion = min(1_000_000, tailPerMillion + other.tailPerMillion)
        tail = max(tail, other.tail)
        bandwidth = LinkImpairment.narrower(bandwidth, other.bandwidth)
        sliceBytes = LinkImpairment.narrower(sliceBytes, other.sliceBytes)
        dropPerMillion = min(1_000_000, dropPerMillion + other.dropPerMillion)
        corruptPerMillion = min(1_000_000, corruptPerMillion + other.corruptPerMillion)
        duplicatePerMillion = min(1_000_000, duplicatePerMillion + other.duplicatePerMillion)
        replayPerMillion = min(1_000_000, replayPerMillion + other.replayPerMillion)
        isBlackHole = isBlackHole || other.isBlackHole
    }

    private static func narrower(_ a: Int, _ b: Int) -> Int {
        a == 0 ? b : b == 0 ? a : min(a, b)
    }

    /// The word for the worst of it.
    public var word: String {
        if isBlackHole { return "black-hole" }
        if corruptPerMillion > 0 { return "corrupt" }
        if replayPerMillion > 0 { return "replay" }
        if duplicatePerMillion > 0 { return "duplicate" }
        if dropPerMillion > 0 { return "lossy" }
        return sliceBytes > 0 && latency == .zero && bandwidth == 0 ? "slice" : "slow"
    }

    /// What it does, by the keys of a schedule, those that are not zero.
    public var settings: [(key: String, value: String)] {
        var settings: [(String, String)] = []
        if latency > .zero { settings.append(("latency", "\(latency)")) }
        if jitter > .zero { settings.append(("jitter", "\(jitter)")) }
        if tailPerMillion > 0 {
            settings.append(("tail", "\(tail)"))
            settings.append(("tail_share", FaultShare.text(tailPerMillion)))
        }
        if bandwidth > 0 { settings.append(("bandwidth", "\(bandwidth)B")) }
        let rates = [
            ("drop", dropPerMillion), ("corrupt", corruptPerMillion),
            ("duplicate", duplicatePerMillion), ("replay", replayPerMillion),
        ]
        for (key, rate) in rates where rate > 0 { settings.append((key, FaultShare.text(rate))) }
        if sliceBytes > 0 { settings.append(("slice", "\(sliceBytes)B")) }
        return settings
    }
}

/// Shares as schedules write them, `2.5%`, in parts per million.
public enum FaultShare {
    /// Nil when it is not a percentage from 0 to 100 with at most four decimals.
    public static func parse(_ text: String) -> Int? {
        guard text.hasSuffix("%") else { return nil }
        let parts = text.dropLast().split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count <= 2, let first = parts.first, let whole = Int(first),
            (0...100).contains(whole)
        else { return nil }
        var share = whole * 10_000
        if parts.count == 2 {
            guard (1...4).contains(parts[1].utf8.count), let decimals = UInt(parts[1]) else {
                return nil
            }
            share += Int(decimals) * [1_000, 100, 10, 1][parts[1].utf8.count - 1]
        }
        return share <= 1_000_000 ? share : nil
    }

    /// The shortest text that parses to it.
    public static func text(_ partsPerMillion: Int) -> String {
        let (whole, rest) = partsPerMillion.quotientAndRemainder(dividingBy: 10_000)
        guard rest > 0 else { return "\(whole)%" }
        var decimals = String(repeating: "0", count: 4 - "\(rest)".utf8.count) + "\(rest)"
        while decimals.hasSuffix("0") { decimals.removeLast() }
        return "\(whole).\(decimals)%"
    }
}
