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
            guard let rules = serve(key, client, into: &effects) else { return }
            if rules.mode == .cp {
                return peek(key, options, rules, for: client, at: now, into: &effects)
            }
            read(key, options, rules, for: client, purpose: .get, at: now, into: &effects)
        case .put(let key, let value, let options):
            counters.puts &+= 1
            guard let rules = serve(key, client, into: &effects) else { return }
            guard value.count <= rules.valueBytes else {
                return refuse(.valueTooLarge(limit: rules.valueBytes), client, into: &effects)
            }
            switch rules.mode {
            case .lww, .siblings:
                write(
                    key, Content(value), options, rules, for: client, purpose: .put, at: now,
                    into: &effects)
            case .abd:
                read(
                    key, options, rules, for: client, purpose: .write(w: options.w),
                    pending: Content(value), at: now, into: &effects)
            case .cp:
                change(
                    key, Change(.set, value: value, operation: options.operation), .put, options,
                    rules, for: client, at: now, into: &effects)
            }
        case .delete(let key, let options):
            counters.deletes &+= 1
            guard let rules = serve(key, client, into: &effects) else { return }
            if rules.mode == .cp {
                return change(
                    key, Change(.delete, operation: options.operation), .delete, options, rules,
                    for: client, at: now, into: &effects)
            }
            read(
                key, options, rules, for: client, purpose: .delete(w: options.w), at: now,
                into: &effects)
        case .change(let key, let change, let options):
            counters.puts &+= 1
            guard let rules = serve(key, client, into: &effects) else { return }
            guard rules.mode == .cp else { return refuse(.unservedMode, client, into: &effects) }
            self.change(
                key, change, .change, options, rules, for: client, at: now, into: &effects)
        case .define(let bytes):
            define(bytes, for: client, at: now, into: &effects)
        }
    }

    /// The rules of a key's keyspace; nil after refusing, when there is none or its mode is not
    /// served.
    @inline(__always)
    private mutating func serve(
        _ key: HashedKey, _ client: ClientID, into effects: inout Effects
    ) -> KeyspaceRules? {
        let rules = rules(of: key.keyspace)
        if rules.exists, rules.mode.isServed { return rules }
        refuse(rules.exists ? .unservedMode : .unknownKeyspace, client, into: &effects)
        return nil
    }
}
