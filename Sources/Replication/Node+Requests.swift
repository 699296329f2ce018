import Basics
import Causality

/// The one place where a request meets the mode of its keyspace.
extension Node {
    /// What requests need to know of a keyspace.
    @inline(__always)
    func rules(of keyspace: KeyspaceID) -> KeyspaceRules {
        let number = Int(keyspace.raw)
        return number < rules.count ? rules[number] : KeyspaceRules()
    }

    mutating func take(
        _ request: Request, for client: ClientID, at now: Moment, into effects: inout Effects
    ) {
        switch request {
        case .get(let key, let options):
            counters.gets &+= 1
            guard let rules = serve(request, key, client, at: now, into: &effects) else { return }
            read(key, options, rules, for: client, purpose: .get, at: now, into: &effects)
        case .put(let key, let value, let options):
            counters.puts &+= 1
            guard let rules = serve(request, key, client, at: now, into: &effects) else { return }
            guard value.count <= rules.valueBytes else {
                return refuse(.valueTooLarge(limit: rules.valueBytes), client, into: &effects)
            }
            write(
                key, Content(value, expiry: expiry(options.expiry, rules, at: now)), options,
                rules, for: client, purpose: .put, at: now, into: &effects)
        case .delete(let key, let options):
            counters.deletes &+= 1
            guard let rules = serve(request, key, client, at: now, into: &effects) else { return }
            read(
                key, options, rules, for: client, purpose: .delete(w: options.w), at: now,
                into: &effects)
        case .life(let key, let options):
            counters.gets &+= 1
            guard let rules = serve(request, key, client, at: now, into: &effects) else { return }
            read(key, options, rules, for: client, purpose: .life, at: now, into: &effects)
        case .sibling(let write):
            counters.puts &+= 1
            if serve(request, write.key, client, at: now, into: &effects) != nil {
                refuse(.badContext, client, into: &effects)
            }
        case .define(let bytes):
            define(bytes, for: client, at: now, into: &effects)
        }
    }

    /// The rules of a key's keyspace if the newest write wins there; nil when another mode has
    /// taken the request, or nobody serves it.
    @inline(__always)
    private mutating func serve(
        _ request: Request, _ key: HashedKey, _ client: ClientID, at now: Moment,
        into effects: inout Effects
    ) -> KeyspaceRules? {
        let rules = rules(of: key.keyspace)
        if rules.exists, rules.mode == .lww { return rules }
        takeOther(request, rules, client, at: now, into: &effects)
        return nil
    }

    private mutating func takeOther(
        _ request: Request, _ rules: KeyspaceRules, _ client: ClientID, at now: Moment,
        into effects: inout Effects
    ) {
        guard rules.exists else { return refuse(.unknownKeyspace, client, into: &effects) }
        switch rules.mode {
        case .siblings: takeForSiblings(request, rules, for: client, at: now, into: &effects)
        case .lww, .abd, .cp: refuse(.unservedMode, client, into: &effects)
        }
    }
}
