import Basics
import Replication

// KEYSPACE CREATE name [N n] [MODE m] settings | ALTER name settings | DROP name | LIST | USE name
//
// settings, in any order:
//
//   R r   W w   KIND strict|sloppy   REPAIR none|async|blocking   TTL duration|none
//   BLIND sibling|replace   VALUE bytes

/// Keyspaces: which one a connection uses, and how the cluster's are changed.
extension Session {
    mutating func runKeyspace(
        _ input: Bytes, _ facts: any ServerFacts, into batch: inout RequestBatch
    ) {
        let word = argument(1, input)
        let count = parser.arguments.count
        if word.matches("LIST"), count == 2 { return list(facts.keyspaces()) }
        let isChange = word.matches("CREATE") || word.matches("ALTER")
        guard isChange && count >= 3 || (word.matches("DROP") || word.matches("USE")) && count == 3
        else {
            return fail(
                "ERR expected KEYSPACE CREATE name settings, ALTER name settings, DROP name, LIST "
                    + "or USE name")
        }
        let name = argument(2, input).slice(0, min(argument(2, input).count, 128)).text
        guard Keyspace.isName(name) else {
            return fail(
                "ERR a keyspace's name is 1 to \(Keyspace.nameBytes) letters, digits, '_', '-' "
                    + "or '.'")
        }
        if word.matches("USE") {
            guard let found = facts.keyspaces().first(where: { $0.name == name }) else {
                return fail(DefinitionRefusal.unknown.text)
            }
            keyspace = found.id
            return reply { $0.append("+OK\r\n") }
        }
        let change: DefinitionChange
        if isChange {
            guard let settings = settings(input) else { return }
            change = word.matches("CREATE") ? .create(name, settings) : .alter(name, settings)
        } else {
            change = .drop(name)
        }
        change.encode(into: &batch.scratch)
        ask(.define(batch.scratch.bytes), .define, into: &batch)
    }

    /// The settings from argument 3 on; nil after refusing.
    private mutating func settings(_ input: Bytes) -> KeyspaceSettings? {
        var settings = KeyspaceSettings()
        let isTaken = takeSettings(
            input, from: 3, "setting", "N, R, W, MODE, KIND, REPAIR, TTL, BLIND or VALUE"
        ) { name, value in
            Session.take(name, value, into: &settings)
        }
        return isTaken ? settings : nil
    }

    private static func take(
        _ name: Bytes, _ value: Bytes, into settings: inout KeyspaceSettings
    ) -> Setting {
        if name.matches("N") {
            return .number(value, to: Limits.replicas) { settings.n = UInt8($0) }
        }
        if name.matches("R") {
            return .number(value, to: Limits.replicas) { settings.r = UInt8($0) }
        }
        if name.matches("W") {
            return .number(value, to: Limits.replicas) { settings.w = UInt8($0) }
        }
        if name.matches("MODE") { return .choice(value) { settings.mode = $0 } }
        if name.matches("KIND") { return .choice(value) { settings.kind = $0 } }
        if name.matches("REPAIR") { return .choice(value) { settings.readRepair = $0 } }
        if name.matches("BLIND") { return .choice(value) { settings.blind = $0 } }
        if name.matches("TTL") {
            let expected = "a duration of at least 1ms, such as 500ms, 90s or 24h, or none"
            return .value(timeToLive(value), or: expected) { settings.timeToLive = $0 }
        }
        if name.matches("VALUE") {
            return .number(value, to: Limits.valueBytes) { settings.valueBytes = UInt32($0) }
        }
        return .unknown
    }

    private static func timeToLive(_ value: Bytes) -> UInt64? {
        if value.matches("NONE") { return 0 }
        guard let duration = Instant.Duration(value.lowercased), duration >= .milliseconds(1)
        else { return nil }
        return UInt64(duration.nanoseconds / 1_000_000)
    }

    /// An array of keyspaces, each an array of names and values.
    private mutating func list(_ keyspaces: [Keyspace]) {
        let used = keyspace
        let dialect = dialect
        reply { out in
            out.append("*\(keyspaces.count)\r\n")
            for keyspace in keyspaces {
                let life = Instant.Duration.milliseconds(keyspace.timeToLive)
                let fields = [
                    ("name", keyspace.name), ("mode", keyspace.mode.rawValue),
                    ("n", "\(keyspace.n)"), ("r", "\(keyspace.r)"), ("w", "\(keyspace.w)"),
                    ("kind", keyspace.kind.rawValue), ("repair", keyspace.readRepair.rawValue),
                    ("ttl", keyspace.timeToLive == 0 ? "none" : "\(life)"),
                    ("blind", keyspace.blind.rawValue), ("value", "\(keyspace.valueBytes)"),
                    ("used", keyspace.id == used ? "yes" : "no"),
                ]
                out.appendMap(fields.count, dialect)
                for (name, value) in fields {
                    out.appendBulk(name)
                    out.appendBulk(value)
                }
            }
        }
    }
}
