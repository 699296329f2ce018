import Basics

/// Whom a fault strikes, as a schedule says it.
public enum FaultSelection: Sendable, Equatable {
    /// These, by their places.
    case named([Int])
    /// One, drawn anew each time.
    case one
    /// Fewer than half of them, as many as can be; more than half, as few as can be.
    case minority
    case majority
    case all
    /// One to all, drawn.
    case some
    /// The first, then the second, and so on, one each time.
    case inTurn

    static let words: [(word: String, value: FaultSelection)] = [
        ("one", .one), ("minority", .minority), ("majority", .majority), ("all", .all),
        ("some", .some), ("in-turn", .inTurn),
    ]

    /// The members that are meant the `time`-th time, in order of their places.
    func members(of count: Int, time: Int, _ random: inout RandomSource) -> [Int] {
        switch self {
        case .named(let places): return places.sorted()
        case .all: return Array(0..<count)
        case .inTurn: return [time % count]
        case .one: return FaultSelection.drawn(1, of: count, &random)
        case .minority: return FaultSelection.drawn(max(1, (count - 1) / 2), of: count, &random)
        case .majority: return FaultSelection.drawn(count / 2 + 1, of: count, &random)
        case .some: return FaultSelection.drawn(1 + random.below(count), of: count, &random)
        }
    }

    private static func drawn(
        _ number: Int, of count: Int, _ random: inout RandomSource
    ) -> [Int] {
        var order = Array(0..<count)
        random.shuffle(&order)
        return order.prefix(number).sorted()
    }
}

/// How a partition divides the members, as a schedule says it.
public enum FaultGroups: Sendable, Equatable {
    /// Two sides of equal size, or nearly.
    case halves
    /// One against all others.
    case isolateOne
    /// Two sides of random sizes.
    case random
    /// Every member reaches a majority, and no two the same one: a ring in which each reaches its
    /// neighbours only.
    case majoritiesRing
    /// These; a member that is named in none is cut off from no one.
    case named([[Int]])

    static let words: [(word: String, value: FaultGroups)] = [
        ("halves", .halves), ("isolate-one", .isolateOne), ("random", .random),
        ("majorities-ring", .majoritiesRing),
    ]

    /// The links that are cut, sorted. `isOneWay`: only those from an earlier side to a later one.
    func cuts(of count: Int, isOneWay: Bool, _ random: inout RandomSource) -> [FaultLink] {
        guard count > 1 else { return [] }
        var order = Array(0..<count)
        random.shuffle(&order)
        switch self {
        case .halves:
            let sides = [Array(order[..<(count / 2)]), Array(order[(count / 2)...])]
            return FaultGroups.between(sides, isOneWay)
        case .isolateOne:
            return FaultGroups.between([[order[0]], Array(order[1...])], isOneWay)
        case .random:
            let size = 1 + random.below(count - 1)
            return FaultGroups.between([Array(order[..<size]), Array(order[size...])], isOneWay)
        case .majoritiesRing: return FaultGroups.ring(order)
        case .named(let groups): return FaultGroups.between(groups, isOneWay)
        }
    }

    private static func between(_ groups: [[Int]], _ isOneWay: Bool) -> [FaultLink] {
        var links: [FaultLink] = []
        for (i, group) in groups.enumerated() {
            for (j, other) in groups.enumerated() where i != j && (i < j || !isOneWay) {
                for from in group {
                    links += other.map { FaultLink(from: from, to: $0) }
                }
            }
        }
        return links.sorted()
    }

    private static func ring(_ order: [Int]) -> [FaultLink] {
        let count = order.count
        if count == 3 {
            // A ring of three is whole: one of them becomes the bridge between the others.
            return FaultGroups.between([[order[0]], [order[2]]], false)
        }
        let reach = (count / 2 + 1) / 2
        var links: [FaultLink] = []
        for i in 0..<count {
            for j in 0..<count where i != j {
                let distance = min((i - j + count) % count, (j - i + count) % count)
                if distance > reach { links.append(FaultLink(from: order[i], to: order[j])) }
            }
        }
        return links.sorted()
    }
}

/// Which links a fault is about, as a schedule says it.
public enum FaultLinks: Sendable, Equatable {
    case all
    case named([FaultLink])
    /// Those of the chosen members: what they send, what they receive, or both.
    case of(FaultSelection, sends: Bool, receives: Bool)

    func links(of count: Int, time: Int, _ random: inout RandomSource) -> [FaultLink] {
        var links: [FaultLink] = []
        switch self {
        case .named(let named): return named.sorted()
        case .all: return FaultLinks.every(count)
        case .of(let selection, let sends, let receives):
            let members = selection.members(of: count, time: time, &random)
            for link in FaultLinks.every(count)
            where sends && members.contains(link.from) || receives && members.contains(link.to) {
                links.append(link)
            }
            return links
        }
    }

    private static func every(_ count: Int) -> [FaultLink] {
        (0..<count).flatMap { from in
            (0..<count).filter { $0 != from }.map { FaultLink(from: from, to: $0) }
        }
    }
}
