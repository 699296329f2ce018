import Basics
import Causality
import Partitioning

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
        if !laidOut.isFounding, hasLeft { return refuse(.hasLeft, client, into: &effects) }
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
            let content = Content(value, expiry: expiry(options.expiry, rules, at: now))
            if rules.mode == .abd {
                guard options.expiry == .usual else {
                    return refuse(.expiryOfRegister, client, into: &effects)
                }
                return read(
                    key, options, rules, for: client, purpose: .write(w: options.w),
                    pending: content, at: now, into: &effects)
            }
            write(
                key, content, options, rules, for: client, purpose: .put, at: now, into: &effects)
        case .delete(let key, let options):
            counters.deletes &+= 1
            guard let rules = serve(request, key, client, at: now, into: &effects) else { return }
            read(
                key, options, rules, for: client, purpose: .delete(w: options.w), at: now,
                into: &effects)
        case .change(let key, _, _):
            counters.puts &+= 1
            if serve(request, key, client, at: now, into: &effects) != nil {
                refuse(.changeElsewhere, client, into: &effects)
            }
        case .life(let key, let options):
            counters.gets &+= 1
            guard let rules = serve(request, key, client, at: now, into: &effects) else { return }
            read(key, options, rules, for: client, purpose: .life, at: now, into: &effects)
        case .sibling(let write):
            counters.puts &+= 1
            if serve(request, write.key, client, at: now, into: &effects) != nil {
                refuse(.badContext, client, into: &effects)
            }
        case .scan(let scan): self.scan(scan, for: client, at: now, into: &effects)
        case .define(let bytes):
            define(bytes, for: client, at: now, into: &effects)
        }
    }

    /// The rules of a key's keyspace if its records are versions, of which the newest counts; nil
    /// when another mode has taken the request, or there is no such keyspace.
    @inline(__always)
    private mutating func serve(
        _ request: Request, _ key: HashedKey, _ client: ClientID, at now: Moment,
        into effects: inout Effects
    ) -> KeyspaceRules? {
        let rules = rules(of: key.keyspace)
        if rules.exists, rules.mode == .lww || rules.mode == .abd { return rules }
        takeOther(request, rules, client, at: now, into: &effects)
        return nil
    }

    private mutating func takeOther(
        _ request: Request, _ rules: KeyspaceRules, _ client: ClientID, at now: Moment,
        into effects: inout Effects
    ) {
        guard rules.exists else { return refuse(.unknownKeyspace, client, into: &effects) }
        switch rules.mode {
        case .lww, .abd: preconditionFailure("served where they come in")
        case .siblings: takeForSiblings(request, rules, for: client, at: now, into: &effects)
        case .cp: takeForRegister(request, rules, for: client, at: now, into: &effects)
        }
    }
}
