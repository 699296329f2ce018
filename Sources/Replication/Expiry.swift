import Basics

/// When what a write stores ends, as a request says.
public enum Expiry: Sendable, Hashable {
    /// As the keyspace says.
    case usual
    /// At a time, in milliseconds since 1970.
    case at(UInt64)
    /// So many milliseconds after it is coordinated.
    case after(UInt64)
}

/// What a read of a key's end finds.
public enum Life: Sendable, Hashable {
    case absent
    case endless
    /// It ends then, and it is now; milliseconds since 1970.
    case until(UInt64, now: UInt64)
}

extension Node {
    /// The end of what is written now, in milliseconds since 1970; 0: none. A time that has passed
    /// stays one that has passed.
    func expiry(_ expiry: Expiry, _ rules: KeyspaceRules, at now: Moment) -> UInt64 {
        switch expiry {
        case .usual: rules.timeToLive == 0 ? 0 : sum(now.wall.milliseconds, rules.timeToLive)
        case .at(let end): max(1, end)
        case .after(let milliseconds): sum(now.wall.milliseconds, milliseconds)
        }
    }

    private func sum(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let (sum, overflow) = a.addingReportingOverflow(b)
        return overflow ? .max : sum
    }
}

extension Content {
    /// The value at a time; nil when it is deleted or has ended.
    func value(at milliseconds: UInt64) -> Bytes? {
        expiry != 0 && expiry <= milliseconds ? nil : value
    }

    func life(at milliseconds: UInt64) -> Life {
        if value(at: milliseconds) == nil { return .absent }
        return expiry == 0 ? .endless : .until(expiry, now: milliseconds)
    }
}
