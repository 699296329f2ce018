import Basics
import Causality
import Partitioning
import Replication

/// Turns responses into the replies that their commands promised.
enum ReplyWriter {
    static func append(
        _ response: Response, _ form: ReplyRing.Form, _ dialect: Dialect,
        _ facts: any ServerFacts, to out: inout ByteBuffer
    ) {
        switch response {
        case .value(let value, let version, let answered):
            if append(value, form, dialect, to: &out) { return }
            renderQueried(value.map { [$0] } ?? [], dialect, into: &out)
            // The newest write wins: there is no causal context.
            out.append("$7\r\ncontext\r\n")
            out.appendNull(dialect)
            renderWritten(version, answered, dialect, facts, into: &out)
        case .siblings(let bytes, let context, let now, let answered):
            let values = visible(bytes, at: now)
            if append(values.first, form, dialect, to: &out) { return }
            renderQueried(values, dialect, into: &out)
            out.append("$7\r\ncontext\r\n")
            out.appendBulk(context)
            // Siblings have a context in place of a version.
            renderWritten(.none, answered, dialect, facts, into: &out)
        case .stored(let version, let answered):
            if form == .set { return out.append("+OK\r\n") }
            out.appendMap(3, dialect)
            renderWritten(version, answered, dialect, facts, into: &out)
        case .deleted(let existed, let version, let answered):
            if form == .delete { return out.append(existed ? ":1\r\n" : ":0\r\n") }
            out.appendMap(4, dialect)
            out.append("$7\r\nexisted\r\n")
            out.append(existed ? ":1\r\n" : ":0\r\n")
            renderWritten(version, answered, dialect, facts, into: &out)
        case .changed(let result, let version, let answered):
            append(result, version, answered, form, dialect, facts, to: &out)
        case .scanned: preconditionFailure("a scan's reply needs the command's arguments")
        case .life(let life):
            out.append(":\(life.number(form))\r\n")
        case .defined: out.append("+OK\r\n")
        case .failed(let refusal):
            out.appendError(refusal.text)
        case .unknown(let have, let need):
            out.appendError("TIMEOUT outcome unknown: \(have) of \(need) replicas answered in time")
        }
    }

    private static func append(
        _ result: ChangeResult, _ version: Version, _ answered: Answered, _ form: ReplyRing.Form,
        _ dialect: Dialect, _ facts: any ServerFacts, to out: inout ByteBuffer
    ) {
        switch (result, form) {
        case (.failed(let failure), _): out.appendError(failure.text)
        case (.value(let value), _): out.appendBulk(value, dialect)
        case (.integer(let integer), _):
            out.append(58 as UInt8)
            out.appendDecimal(integer)
            out.append("\r\n")
        case (.done, .flag): out.append(":1\r\n")
        case (.refuted, .flag): out.append(":0\r\n")
        case (.done, .swap), (.refuted, .swap):
            out.appendMap(4, dialect)
            out.append("$7\r\nswapped\r\n")
            if case .done = result { out.append(":1\r\n") } else { out.append(":0\r\n") }
            renderWritten(version, answered, dialect, facts, into: &out)
        case (.done, _): out.append("+OK\r\n")
        case (.refuted, _): out.appendNull(dialect)
        }
    }

    /// One value in a plain form; false for a form that says more.
    private static func append(
        _ value: Bytes?, _ form: ReplyRing.Form, _ dialect: Dialect, to out: inout ByteBuffer
    ) -> Bool {
        switch form {
        case .get: out.appendBulk(value, dialect)
        case .length: out.append(":\(value?.count ?? 0)\r\n")
        case .type: out.append(value == nil ? "+none\r\n" : "+string\r\n" as StaticString)
        default: return false
        }
        return true
    }

    /// The siblings that can be read at a time, newest first; among writes of one stamp, that of
    /// the larger actor.
    static func visible(_ siblings: Bytes, at milliseconds: UInt64) -> [Bytes] {
        var found: [(stamp: UInt64, actor: UInt64, number: UInt64, value: Bytes)] = []
        do {
            try SiblingSet(siblings).forEach { actor, number, dot in
                guard dot.isVisible(at: milliseconds) else { return }
                found.append((dot.stamp, actor.raw, number, dot.value))
            }
        } catch {
            preconditionFailure("the node answers with a sibling set: \(error)")
        }
        found.sort { ($0.stamp, $0.actor, $0.number) > ($1.stamp, $1.actor, $1.number) }
        return found.map(\.value)
    }

    private static func renderQueried(
        _ values: [Bytes], _ dialect: Dialect, into out: inout ByteBuffer
    ) {
        out.appendMap(5, dialect)
        out.append("$6\r\nvalues\r\n*")
        out.appendDecimal(UInt64(values.count))
        out.append("\r\n")
        for value in values { out.appendBulk(value) }
    }

    private static func renderWritten(
        _ version: Version, _ answered: Answered, _ dialect: Dialect, _ facts: any ServerFacts,
        into out: inout ByteBuffer
    ) {
        out.append("$7\r\nversion\r\n")
        if version.isNone {
            out.appendNull(dialect)
        } else {
            out.appendBulk(version.text)
        }
        out.append("$8\r\nreplicas\r\n*")
        out.appendDecimal(UInt64(answered.mask.nonzeroBitCount))
        out.append("\r\n")
        for position in 0..<32 where answered.mask & (1 << UInt32(position)) != 0 {
            out.appendBulk(facts.replicaName(position, of: answered))
        }
        let standIns = answered.mask >> UInt32(answered.n)
        out.append("$9\r\nfallbacks\r\n*")
        out.appendDecimal(UInt64(standIns.nonzeroBitCount))
        out.append("\r\n")
        for position in Int(answered.n)..<32
        where answered.mask & (1 << UInt32(position)) != 0 {
            out.appendBulk(facts.replicaName(position, of: answered))
        }
    }
}

extension Refusal {
    /// The error reply, without its dash; the first word classifies it for clients.
    var text: String {
        switch self {
        case .unavailable(let reachable, let needed):
            "UNAVAILABLE \(reachable) replicas are reachable, the quorum needs \(needed)"
        case .quorumTooSmall(let asked, let least):
            "ERR a quorum of \(asked) is smaller than \(least), which an atomic register needs"
        case .busy:
            "UNAVAILABLE too many requests in flight on this node"
        case .quorumTooLarge(let asked, let n):
            "ERR a quorum of \(asked) is larger than N = \(n)"
        case .clockSkew:
            "CLOCKSKEW the token is further ahead of this node's clock than clocks may differ"
        case .readOnly:
            "READONLY disk full: this node takes no writes until there is room"
        case .stale:
            "STALE no replica that answered in time has the version of the token"
        case .unknownKeyspace:
            "NOKEYSPACE the keyspace does not exist: KEYSPACE LIST names those that do"
        case .unservedMode:
            "NOTSUPPORTED the keyspace's mode does not allow this command"
        case .valueTooLarge(let limit):
            "ERR value is too large (the keyspace's limit is \(limit) bytes)"
        case .notReady:
            "TRYAGAIN the cluster's secret is being decided, which needs a majority of the members"
        case .badContext:
            "BADCONTEXT the context was not given for this key, or the keyspace has no contexts"
        case .siblingLimit:
            "SIBLINGLIMIT the key has \(Limits.siblings) siblings, or \(Limits.siblingBytes) bytes "
                + "of them: read them with QGET and write with their CONTEXT"
        case .tokenOfSiblings:
            "NOTSUPPORTED TOKEN is for keyspaces of mode lww; in mode siblings QSET takes a CONTEXT"
        case .changeElsewhere:
            "NOTSUPPORTED this command reads before it writes, and needs a keyspace with MODE cp: "
                + "in other modes a write at the same time could be lost"
        case .expiryOfRegister:
            "NOTSUPPORTED values do not end in modes abd and cp, which promise linearizability"
        case .valuesOfRegisters:
            "NOTSUPPORTED values of modes abd and cp need a read of each key: take the names only "
                + "(QSCAN with KEYS) and read those"
        case .ordering:
            "TRYAGAIN a replica is putting its keys in order, which the first scan by key begins"
        case .tooManyKeys:
            "ERR more than \(Limits.keysAtOnce) keys, or 16 MiB of them, do not fit one reply: use "
                + "SCAN"
        case .hasLeft: "GONE this node has left the cluster for good"
        case .definition(let refusal): refusal.text
        }
    }
}

extension DefinitionRefusal {
    var text: String {
        switch self {
        case .exists: "ERR a keyspace of this name exists"
        case .unknown: "NOKEYSPACE there is no keyspace of this name: KEYSPACE LIST names all"
        case .defaultKeyspace: "ERR the default keyspace cannot be dropped"
        case .fixed: "ERR N and MODE are fixed for the life of a keyspace, and R and W in mode abd"
        case .tooMany: "ERR there are \(Limits.keyspaces) keyspaces already, which is the limit"
        case .tooFewMembers(let n, let members):
            "ERR N is \(n), but the cluster has \(members) members"
        case .quorumTooLarge(let asked, let n): Refusal.quorumTooLarge(asked: asked, n: n).text
        case .unsafeForMode:
            "ERR modes abd and cp need R + W > N and KIND strict, and allow no TTL"
        case .unservedMode:
            "NOTSUPPORTED modes abd and cp need nodes that sync before they acknowledge"
        case .conflict: "TRYAGAIN another change of the definition is being decided"
        case .noMajority(let reachable, let members):
            "UNAVAILABLE \(reachable) of \(members) members answer, a change needs a majority"
        case .ring(let refusal): refusal.text
        case .unnamedMembers: "NOTSUPPORTED this node does not know its members' names"
        }
    }
}

extension RingRefusal {
    var text: String {
        switch self {
        case .changing:
            "TRYAGAIN the members are being changed: RING tells how far that is, RING CANCEL gives "
                + "it up"
        case .unknown: "ERR there is no member of this name: RING names all"
        case .exists: "ERR a member of this name exists"
        case .addressTaken: "ERR another member has this address"
        case .hasLeft:
            "ERR a member of this name has left for good: start it with an empty data directory "
                + "under another name"
        case .tooFew(let needed):
            "ERR \(needed) members must stay, as many as a keyspace has replicas"
        case .tooMany: "ERR a cluster has at most \(Limits.nodes) members"
        case .over: "ERR no change of the members is going on, or another one"
        }
    }
}

extension ChangeFailure {
    /// The error reply, without its dash: as Redis words it where Redis has it.
    var text: String {
        switch self {
        case .notAnInteger: "ERR value is not an integer or out of range"
        case .tooLarge: "ERR value would be too large (limit 16 MiB - 4 KiB in cp mode)"
        case .sessionExpired:
            "SESSIONEXPIRED the key no longer remembers what came of this session's operations"
        }
    }
}

extension Bytes {
    /// The bytes as text without line ends, which would break an error reply.
    var oneLine: String {
        String(text.map { $0.isNewline ? " " : $0 })
    }
}

extension ByteBuffer {
    @inline(__always)
    mutating func appendBulk(_ bytes: Bytes) {
        append(36 as UInt8)
        appendDecimal(UInt64(bytes.count))
        append("\r\n")
        append(bytes)
        append("\r\n")
    }

    /// A bulk string, or null.
    @inline(__always)
    mutating func appendBulk(_ bytes: Bytes?, _ dialect: Dialect) {
        guard let bytes else { return appendNull(dialect) }
        appendBulk(bytes)
    }

    mutating func appendNull(_ dialect: Dialect) {
        append(dialect == .two ? "$-1\r\n" : "_\r\n" as StaticString)
    }

    /// The head of a map of so many entries, which RESP2 has as an array of names and values.
    mutating func appendMap(_ count: Int, _ dialect: Dialect) {
        append(dialect == .two ? 42 : 37 as UInt8)
        appendDecimal(UInt64(dialect == .two ? 2 * count : count))
        append("\r\n")
    }

    /// The head of a set of so many elements, which RESP2 has as an array.
    mutating func appendSet(_ count: Int, _ dialect: Dialect) {
        append(dialect == .two ? 42 : 126 as UInt8)
        appendDecimal(UInt64(count))
        append("\r\n")
    }

    mutating func appendArray(_ count: Int) {
        append(42 as UInt8)
        appendDecimal(UInt64(count))
        append("\r\n")
    }

    mutating func appendBulk(_ text: String) {
        append("$\(text.utf8.count)\r\n")
        append(text)
        append("\r\n")
    }

    mutating func appendError(_ text: String) {
        append(45 as UInt8)
        append(text)
        append("\r\n")
    }
}
