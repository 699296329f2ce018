import Basics
import Replication

extension Session {
    /// Runs the command whose arguments the parser has found in `input`.
    mutating func run(
        _ input: Bytes, _ hashSeed: UInt64, facts: any ServerFacts, into batch: inout RequestBatch
    ) {
        let name = argument(0, input)
        let count = parser.arguments.count
        // The two commands that a load consists of come first.
        if count == 2, name.matches("GET") {
            guard let key = key(1, input, hashSeed) else { return }
            return ask(.get(key, defaults), .get, into: &batch)
        }
        if count >= 3, name.matches("SET") {
            guard count == 3 else {
                return fail(
                    "ERR syntax error: SET takes a key and a value; "
                        + "options such as EX, NX or GET are not supported"
                )
            }
            guard let key = key(1, input, hashSeed) else { return }
            return ask(.put(key, argument(2, input), defaults), .set, into: &batch)
        }
        guard let command = Command.named(name) else {
            if name.matches("POST") || name.matches("HOST:") {
                isClosing = true
                return fail("ERR this port speaks the Redis protocol, not HTTP")
            }
            return fail("ERR unknown command '\(name.slice(0, min(name.count, 64)).oneLine)'")
        }
        guard command.arity.contains(count) else {
            return fail("ERR wrong number of arguments for '\(command.name)' command")
        }
        switch command.kind {
        case .several(let several): runSeveral(several, input, hashSeed, into: &batch)
        case .quorum: runQuorum(input, facts)
        case .query(let form): runQuery(form, input, hashSeed, into: &batch)
        case .connection(let run): run(&self, input, facts)
        }
    }

    func argument(_ i: Int, _ input: Bytes) -> Bytes {
        let range = parser.arguments[i]
        return input.slice(range.start, range.start + range.count)
    }

    mutating func fail(_ text: String) { reply { $0.appendError(text) } }

    /// Argument `i` as a key; nil after refusing one that is too long.
    private mutating func key(_ i: Int, _ input: Bytes, _ hashSeed: UInt64) -> HashedKey? {
        let bytes = argument(i, input)
        guard bytes.count <= Limits.keyBytes else {
            fail("ERR key is too large (\(bytes.count) bytes, limit 64 KiB)")
            return nil
        }
        return HashedKey(bytes, hash: XXH3.hash64(bytes, seed: hashSeed))
    }

    @inline(__always)
    private mutating func ask(
        _ request: Request, _ form: ReplyRing.Form, parent: UInt32 = 0,
        into batch: inout RequestBatch
    ) {
        batch.requests.append((request, ring.begin(form, parent: parent)))
    }

    // MARK: Commands of several requests

    private mutating func runSeveral(
        _ several: Command.Several, _ input: Bytes, _ hashSeed: UInt64,
        into batch: inout RequestBatch
    ) {
        let arguments = parser.arguments.count - 1
        let isPairs = several == .mset
        guard !isPairs || arguments % 2 == 0 else {
            return fail("ERR wrong number of arguments for 'mset' command")
        }
        let parts = isPairs ? arguments / 2 : arguments
        guard parts <= ReplyRing.limit / 2 else {
            return fail("ERR too many keys in one command (\(parts), limit \(ReplyRing.limit / 2))")
        }
        for i in 0..<parts {
            let bytes = argument(isPairs ? 1 + 2 * i : 1 + i, input)
            guard bytes.count <= Limits.keyBytes else {
                return fail("ERR key is too large (\(bytes.count) bytes, limit 64 KiB)")
            }
        }
        if parts == 1, several == .del, let key = key(1, input, hashSeed) {
            return ask(.delete(key, defaults), .delete, into: &batch)
        }
        if several == .mget { reply { $0.append("*\(parts)\r\n") } }
        let parent = ring.tail &+ UInt32(parts)
        for i in 0..<parts {
            let place = isPairs ? 1 + 2 * i : 1 + i
            guard let key = key(place, input, hashSeed) else { return }
            switch several {
            case .mget: ask(.get(key, defaults), .get, into: &batch)
            case .exists: ask(.get(key, defaults), .part, parent: parent, into: &batch)
            case .del: ask(.delete(key, defaults), .part, parent: parent, into: &batch)
            case .mset:
                ask(
                    .put(key, argument(place + 1, input), defaults), .part, parent: parent,
                    into: &batch)
                ring.park(ring.tail &- 1) { $0.append(key.bytes) }
            }
        }
        if several != .mget { _ = ring.begin(isPairs ? .okOfParts : .countOfParts) }
    }

    // MARK: Commands of our own

    private mutating func runQuery(
        _ form: ReplyRing.Form, _ input: Bytes, _ hashSeed: UInt64, into batch: inout RequestBatch
    ) {
        guard let key = key(1, input, hashSeed) else { return }
        let first = form == .querySet ? 3 : 2
        guard let options = options(input, from: first) else { return }
        switch form {
        case .queryGet: ask(.get(key, options), form, into: &batch)
        case .querySet: ask(.put(key, argument(2, input), options), form, into: &batch)
        default: ask(.delete(key, options), form, into: &batch)
        }
    }

    /// `R r`, `W w` and `TIMEOUT ms` from argument `first` on, over the connection's defaults; nil
    /// after refusing.
    private mutating func options(_ input: Bytes, from first: Int) -> RequestOptions? {
        var options = defaults
        var i = first
        while i < parser.arguments.count {
            let name = argument(i, input)
            let most: Int
            if name.matches("R") || name.matches("W") {
                most = Limits.replicas
            } else if name.matches("TIMEOUT") {
                most = 3_600_000
            } else {
                fail(
                    "ERR unknown option '\(name.slice(0, min(32, name.count)).oneLine)'; "
                        + "expected R, W or TIMEOUT"
                )
                return nil
            }
            guard i + 1 < parser.arguments.count, let value = argument(i + 1, input).decimal,
                value >= 1, value <= most
            else {
                fail("ERR option \(name.oneLine) needs a whole number from 1 to \(most)")
                return nil
            }
            if name.matches("R") {
                options.r = UInt8(value)
            } else if name.matches("W") {
                options.w = UInt8(value)
            } else {
                options.timeoutMilliseconds = UInt32(value)
            }
            i += 2
        }
        return options
    }

    private mutating func runQuorum(_ input: Bytes, _ facts: any ServerFacts) {
        guard let options = options(input, from: 1) else { return }
        let usual = facts.quorumDefaults()
        guard Int(options.r) <= usual.n, Int(options.w) <= usual.n else {
            return fail(
                "ERR a quorum of \(max(options.r, options.w)) is larger than N = \(usual.n)")
        }
        defaults = options
        let r = options.r == 0 ? usual.r : Int(options.r)
        let w = options.w == 0 ? usual.w : Int(options.w)
        let timeout =
            options.timeoutMilliseconds == 0
            ? usual.timeoutMilliseconds : Int(options.timeoutMilliseconds)
        reply { out in
            out.append("*8\r\n")
            for (name, value) in [("n", usual.n), ("r", r), ("w", w), ("timeout", timeout)] {
                out.appendBulk(name)
                out.append(":\(value)\r\n")
            }
        }
    }
}
