import Basics
import Causality
import Replication

// Options of QUORUM, QGET, QSET and QDEL, in any order:
//
//   R r   W w   TIMEOUT ms   REPAIR none|async|blocking   KIND strict|sloppy
//   TOKEN version   OPID session.sequence   VERSION version|none (QSET)
//   CONTEXT token (one QSET or QDEL)

/// Commands of our own, which say how a request is coordinated.
extension Session {
    mutating func runQuery(
        _ form: ReplyRing.Form, _ input: Bytes, _ hashSeed: UInt64, into batch: inout RequestBatch
    ) {
        guard let key = key(1, input, hashSeed) else { return }
        let isSet = form == .querySet
        var only = OwnOptions(takesVersion: isSet)
        guard let options = options(input, from: isSet ? 3 : 2, &only) else { return }
        if only.context != nil, form == .queryGet {
            return fail("ERR option CONTEXT belongs to QSET and QDEL: QGET answers one")
        }
        if only.context != nil, only.version != nil || !options.operation.isNone {
            return fail(
                "ERR option CONTEXT is for mode siblings, VERSION and OPID are for mode cp")
        }
        if let context = only.context {
            let write = SiblingWrite(
                key: key, value: isSet ? argument(2, input) : nil, context: context,
                options: options)
            return ask(.sibling(write), form, into: &batch)
        }
        switch form {
        case .queryGet: ask(.get(key, options), form, into: &batch)
        case .querySet where only.version != nil:
            let change = Change(
                .swapVersion, value: argument(2, input), version: only.version ?? .none,
                operation: options.operation)
            self.change(key, change, .swap, options, into: &batch)
        case .querySet: ask(.put(key, argument(2, input), options), form, into: &batch)
        default: ask(.delete(key, options), form, into: &batch)
        }
    }

    /// Options of one command, which no connection has a default for.
    struct OwnOptions {
        var takesVersion = false
        /// The version that the key is expected to have.
        var version: Version?
        var context: Bytes?
    }

    /// The options from argument `first` on, over the connection's defaults; nil after refusing.
    mutating func options(
        _ input: Bytes, from first: Int, _ only: inout OwnOptions
    ) -> RequestOptions? {
        var options = defaults
        var own = only
        let isTaken = takeSettings(
            input, from: first, "option", "R, W, TIMEOUT, REPAIR, KIND, TOKEN, OPID or CONTEXT"
        ) { name, value in
            if own.takesVersion, name.matches("VERSION") {
                let version = value.matches("NONE") ? Version.none : Version(text: value)
                return .value(version, or: "a version as QGET answers it, or none") {
                    own.version = $0
                }
            }
            if name.matches("CONTEXT") {
                own.context = value
                return .taken
            }
            return Session.take(name, value, into: &options)
        }
        only = own
        return isTaken ? options : nil
    }

    /// Takes an option that a connection may have a default for.
    static func take(
        _ name: Bytes, _ value: Bytes, into options: inout RequestOptions
    ) -> Setting {
        if name.matches("R") {
            return .number(value, to: Limits.replicas) { options.r = UInt8($0) }
        }
        if name.matches("W") {
            return .number(value, to: Limits.replicas) { options.w = UInt8($0) }
        }
        if name.matches("TIMEOUT") {
            return .number(value, to: 3_600_000) { options.timeoutMilliseconds = UInt32($0) }
        }
        if name.matches("REPAIR") { return .choice(value) { options.repair = $0 } }
        if name.matches("KIND") { return .choice(value) { options.kind = $0 } }
        if name.matches("TOKEN") {
            let token = value.matches("NONE") ? Version.none : Version(text: value)
            return .value(token, or: "a version as QGET and QSET answer it, or none") {
                options.token = $0
            }
        }
        if name.matches("OPID") {
            let expected = "session.sequence, two whole numbers from 1, or none"
            return .value(OperationID(text: value), or: expected) { options.operation = $0 }
        }
        return .unknown
    }

    mutating func runQuorum(_ input: Bytes, _ facts: any ServerFacts) {
        var only = OwnOptions()
        guard let options = options(input, from: 1, &only) else { return }
        guard only.context == nil else {
            return fail("ERR option CONTEXT belongs to one QSET or QDEL")
        }
        guard options.operation.isNone else {
            return fail("ERR an operation id is for one command: give it to QSET, QDEL or QCAS")
        }
        guard let usual = facts.keyspace(keyspace) else {
            return fail(Refusal.unknownKeyspace.text)
        }
        guard options.r <= usual.n, options.w <= usual.n else {
            return fail(
                "ERR a quorum of \(max(options.r, options.w)) is larger than N = \(usual.n)")
        }
        defaults = options
        let r = options.r == 0 ? usual.r : options.r
        let w = options.w == 0 ? usual.w : options.w
        let timeout =
            options.timeoutMilliseconds == 0
            ? Int(facts.requestTimeout().nanoseconds / 1_000_000) : Int(options.timeoutMilliseconds)
        replyMap(7) { out, dialect in
            let numbers = [("n", Int(usual.n)), ("r", Int(r)), ("w", Int(w)), ("timeout", timeout)]
            for (name, value) in numbers {
                out.appendBulk(name)
                out.append(":\(value)\r\n")
            }
            out.appendBulk("repair")
            out.appendBulk((options.repair ?? usual.readRepair).rawValue)
            out.appendBulk("kind")
            out.appendBulk((options.kind ?? usual.kind).rawValue)
            out.appendBulk("token")
            if options.token.isNone {
                out.appendNull(dialect)
            } else {
                out.appendBulk(options.token.text)
            }
        }
    }
}

extension OperationID {
    /// Reads `session.sequence`, or `none`; nil for anything else.
    init?(text: Bytes) {
        if text.matches("NONE") {
            self = .none
            return
        }
        guard let dot = text.firstIndex(of: UInt8(ascii: ".")),
            let session = text.slice(0, dot).decimal, session > 0,
            let sequence = text.slice(dot + 1, text.count).decimal, sequence > 0
        else { return nil }
        self.init(session: UInt64(session), sequence: UInt64(sequence))
    }
}

extension Bytes {
    /// The bytes as text, ASCII letters in lower case.
    var lowercased: String { slice(0, Swift.min(count, 64)).text.lowercased() }
}
