import Basics
import Replication

extension Session {
    /// Runs the command whose arguments the parser has found in `input`.
    mutating func run(
        _ input: Bytes, _ hashSeed: UInt64, facts: any ServerFacts, into batch: inout RequestBatch
    ) {
        let name = argument(0, input)
        let count = parser.arguments.count
        if isDraining, isRequest(name) { return fail(Session.shutdownText) }
        // The two commands that a load consists of come first.
        if count == 2, name.matches("GET") {
            running = Command.get
            guard let key = key(1, input, hashSeed) else { return }
            return ask(.get(key, defaults), .get, into: &batch)
        }
        if count >= 3, name.matches("SET") {
            running = Command.set
            guard count == 3 else { return runSet(input, hashSeed, facts, into: &batch) }
            guard let key = key(1, input, hashSeed) else { return }
            return ask(.put(key, argument(2, input), defaults), .set, into: &batch)
        }
        guard let index = Command.index(of: name) else {
            if name.matches("POST") || name.matches("HOST:") {
                isClosing = true
                return fail("ERR this port speaks the Redis protocol, not HTTP")
            }
            return fail("ERR unknown command '\(name.slice(0, min(name.count, 64)).oneLine)'")
        }
        let command = Command.all[index]
        running = UInt8(truncatingIfNeeded: index)
        guard command.arity.contains(count) else {
            return fail("ERR wrong number of arguments for '\(command.name)' command")
        }
        switch command.kind {
        case .several(let several): runSeveral(several, input, hashSeed, into: &batch)
        case .quorum: runQuorum(input, facts)
        case .change(let kind): runChange(kind, input, hashSeed, into: &batch)
        case .first: fail("ERR syntax error")
        case .scan(let form): runScan(form, input, into: &batch)
        case .value(.range): runRange(input, hashSeed, into: &batch)
        case .value(let form):
            guard let key = key(1, input, hashSeed) else { return }
            let isLife = form != .length && form != .type
            ask(isLife ? .life(key, defaults) : .get(key, defaults), form, into: &batch)
        case .setExpiring(let unit): runSetExpiring(unit, input, hashSeed, into: &batch)
        case .refused(let why): fail("NOTSUPPORTED \(why)")
        case .keyspace: runKeyspace(input, facts, into: &batch)
        case .ring: runRing(input, facts, into: &batch)
        case .query(let form): runQuery(form, input, hashSeed, into: &batch)
        case .connection(let run): run(&self, input, facts)
        }
    }

    private static let shutdownText =
        "UNAVAILABLE this node is shutting down and begins nothing any more: ask another"

    /// Whether a command asks the node for something.
    private func isRequest(_ name: Bytes) -> Bool {
        guard let command = Command.named(name) else { return false }
        if case .connection = command.kind { return false }
        return true
    }

    func argument(_ i: Int, _ input: Bytes) -> Bytes {
        let range = parser.arguments[i]
        return input.slice(range.start, range.start + range.count)
    }

    mutating func fail(_ text: String) { reply { $0.appendError(text) } }

    /// Argument `i` as a key; nil after refusing one that is too long.
    mutating func key(_ i: Int, _ input: Bytes, _ hashSeed: UInt64) -> HashedKey? {
        let bytes = argument(i, input)
        guard bytes.count <= Limits.keyBytes else {
            fail("ERR key is too large (\(bytes.count) bytes, limit 64 KiB)")
            return nil
        }
        return HashedKey(bytes, seed: hashSeed, in: keyspace)
    }

    @inline(__always)
    mutating func ask(
        _ request: Request, _ form: ReplyRing.Form, parent: UInt32 = 0,
        into batch: inout RequestBatch
    ) {
        let sequence = ring.begin(form, parent: parent)
        if isMetered { note(request, sequence) }
        batch.requests.append((request, sequence))
    }

    @inline(__always)
    private mutating func note(_ request: Request, _ sequence: UInt32) {
        let (kind, key) = request.metered
        ring.note(sequence, kind, command: running, key: key, at: now)
    }

    // MARK: Commands of several requests

    private mutating func runSeveral(
        _ several: Command.Several, _ input: Bytes, _ hashSeed: UInt64,
        into batch: inout RequestBatch
    ) {
        let arguments = parser.arguments.count - 1
        let isPairs = several == .mset || several == .querySet
        guard !isPairs || arguments % 2 == 0 else {
            let name = argument(0, input).lowercased
            return fail("ERR wrong number of arguments for '\(name)' command")
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
        let isGathered = several == .mset || several == .del || several == .exists
        if !isGathered { reply { $0.appendArray(parts) } }
        let parent = ring.tail &+ UInt32(parts)
        for i in 0..<parts {
            let place = isPairs ? 1 + 2 * i : 1 + i
            guard let key = key(place, input, hashSeed) else { return }
            switch several {
            case .mget: ask(.get(key, defaults), .get, into: &batch)
            case .queryGet: ask(.get(key, defaults), .queryGet, into: &batch)
            case .querySet:
                ask(.put(key, argument(place + 1, input), defaults), .querySet, into: &batch)
            case .exists: ask(.get(key, defaults), .part, parent: parent, into: &batch)
            case .del: ask(.delete(key, defaults), .part, parent: parent, into: &batch)
            case .mset:
                ask(
                    .put(key, argument(place + 1, input), defaults), .part, parent: parent,
                    into: &batch)
                ring.park(ring.tail &- 1) { $0.append(key.bytes) }
            }
        }
        if isGathered { _ = ring.begin(isPairs ? .okOfParts : .countOfParts) }
    }
}
