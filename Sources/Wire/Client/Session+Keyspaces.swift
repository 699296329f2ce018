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
        var i = 3
        while i < parser.arguments.count {
            let name = argument(i, input)
            let value = i + 1 < parser.arguments.count ? argument(i + 1, input) : .empty
            if let wrong = Session.set(name, value, in: &settings) {
                fail("ERR " + wrong)
                return nil
            }
            i += 2
        }
        return settings
    }

    /// Takes one setting; returns what is wrong with it, if anything is.
    private static func set(
        _ name: Bytes, _ value: Bytes, in settings: inout KeyspaceSettings
    ) -> String? {
        if let wrong = setQuorum(name, value, in: &settings) { return wrong.isEmpty ? nil : wrong }
        if name.matches("MODE") {
            guard let mode = ConflictMode(rawValue: value.lowercased) else {
                return "MODE needs lww, siblings, abd or cp"
            }
            settings.mode = mode
        } else if name.matches("KIND") {
            guard let kind = QuorumKind(rawValue: value.lowercased) else {
                return "KIND needs strict or sloppy"
            }
            settings.kind = kind
        } else if name.matches("REPAIR") {
            guard let repair = ReadRepair(rawValue: value.lowercased) else {
                return "REPAIR needs none, async or blocking"
            }
            settings.readRepair = repair
        } else if name.matches("BLIND") {
            guard let blind = BlindWrite(rawValue: value.lowercased) else {
                return "BLIND needs sibling or replace"
            }
            settings.blind = blind
        } else if name.matches("TTL") {
            guard let milliseconds = timeToLive(value) else {
                return "TTL needs a duration of at least 1ms, such as 500ms, 90s or 24h, or none"
            }
            settings.timeToLive = milliseconds
        } else if name.matches("VALUE") {
            guard let bytes = value.decimal, bytes >= 1, bytes <= Limits.valueBytes else {
                return "VALUE needs a number of bytes from 1 to \(Limits.valueBytes)"
            }
            settings.valueBytes = UInt32(bytes)
        } else {
            let name = name.slice(0, min(32, name.count)).oneLine
            return "unknown setting '\(name)'; expected N, R, W, MODE, KIND, REPAIR, TTL, BLIND or "
                + "VALUE"
        }
        return nil
    }

    /// Takes N, R or W: empty when it was one, a complaint when it was a wrong one, nil when it
    /// was none of them.
    private static func setQuorum(
        _ name: Bytes, _ value: Bytes, in settings: inout KeyspaceSettings
    ) -> String? {
        guard name.matches("N") || name.matches("R") || name.matches("W") else { return nil }
        guard let number = value.decimal, number >= 1, number <= Limits.replicas else {
            return "\(name.text) needs a whole number from 1 to \(Limits.replicas)"
        }
        if name.matches("N") {
            settings.n = UInt8(number)
        } else if name.matches("R") {
            settings.r = UInt8(number)
        } else {
            settings.w = UInt8(number)
        }
        return ""
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
                out.append("*\(fields.count * 2)\r\n")
                for (name, value) in fields {
                    out.appendBulk(name)
                    out.appendBulk(value)
                }
            }
        }
    }
}
