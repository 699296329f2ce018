import Basics
import Causality
import Replication

/// What a session may ask about the server it belongs to. Slow commands only.
public protocol ServerFacts: AnyObject {
    /// The text of `INFO`, one section or all (empty name).
    func information(section: String) -> String
    /// Parameters whose name matches a `CONFIG GET` pattern (`*` and `?`), with their values.
    func parameters() -> [(name: String, value: String)]
    /// What this node holds for others: one entry a member that is owed anything.
    func hintsOwed() -> [(owner: String, count: Int, bytes: Int)]
    /// The name of a replica or stand-in: position `position` of the preference list that
    /// `answered` speaks of.
    func replicaName(_ position: Int, of answered: Answered) -> String
    /// Asks for a snapshot of that name, or how it goes.
    func snapshot(_ name: String) -> SnapshotAnswer
    /// Records on this node.
    func recordCount() -> Int
    /// Every keyspace with its rules, the default one first.
    func keyspaces() -> [Keyspace]
    /// What a node of that name must know to join, in one line; nil if there is no such member.
    func bootstrap(_ name: String) -> String?
    /// How long coordinators try when a request does not say.
    func requestTimeout() -> Instant.Duration
    /// This node's clock.
    func wallTime() -> WallTime
    /// What CLIENT LIST says of the connections of these numbers, or of all.
    func clients(_ numbers: [UInt64]?) -> String
    /// What a connection has said of itself.
    func noteClient(_ number: UInt64, _ note: ClientNote)
    /// Closes connections; returns how many.
    func killClients(_ choice: ClientChoice) -> Int
    /// Changes a parameter of `CONFIG SET`; what is wrong with that, if anything is.
    func setParameter(_ name: String, _ value: String) -> String?
    /// Begins to count anew.
    func resetStatistics()
    /// The last requests that took long, newest first.
    func slowEntries(limit: Int) -> [SlowEntry]
    func forgetSlowEntries()
    /// Makes this node compare what it holds with the other replicas, and mend what differs unless
    /// it is a preview; what is wrong with that, if anything is.
    func compareReplicas(preview: Bool) -> String?
    /// Makes all nodes that this one reaches forget what deletions they may; what is wrong with
    /// that, if anything is.
    func collectDeletions() -> String?
}

/// How a snapshot goes.
public enum SnapshotAnswer: Sendable {
    case started
    case inProgress
    /// Where it is.
    case done(String)
    /// Why there is none.
    case failed(String)
}

extension ServerFacts {
    /// For servers without files.
    public func snapshot(_ name: String) -> SnapshotAnswer {
        .failed("this node keeps everything in memory only: it was started without --data")
    }

    /// For servers whose members do not change.
    public func bootstrap(_ name: String) -> String? { nil }

    func keyspace(_ id: KeyspaceID) -> Keyspace? { keyspaces().first { $0.id == id } }

    public func compareReplicas(preview: Bool) -> String? { "ERR nobody compares here" }

    // What has no meaning without sockets and a clock of its own.
    public func wallTime() -> WallTime { WallTime(microseconds: 0) }
    public func clients(_ numbers: [UInt64]?) -> String { "" }
    public func noteClient(_ number: UInt64, _ note: ClientNote) {}
    public func killClients(_ choice: ClientChoice) -> Int { 0 }
    public func setParameter(_ name: String, _ value: String) -> String? {
        "nothing can be changed here"
    }
    public func resetStatistics() {}
    public func slowEntries(limit: Int) -> [SlowEntry] { [] }
    public func forgetSlowEntries() {}
    public func collectDeletions() -> String? { "ERR nobody forgets here" }
}

/// Requests that a session has read from its connection, with their place in its order.
public struct RequestBatch: ~Copyable {
    public var requests: [(request: Request, sequence: UInt32)] = []
    /// What the last request points to, if it does not point into the input.
    var scratch = ByteBuffer()

    public init() { requests.reserveCapacity(RequestBatch.limit) }

    var isFull: Bool { requests.count >= RequestBatch.limit || !scratch.isEmpty }

    /// A batch is handed over when it is this long, so that the prefetch stays ahead.
    public static let limit = 32
}

/// One client connection's side of RESP: bytes in, requests out; responses in, bytes out in the
/// order of the requests. A state machine without a socket, driven alike by the real server and
/// by the simulator.
public struct Session: ~Copyable {
    /// Replies, ready to be written; the runtime consumes what it has written.
    public var output = ByteBuffer(capacity: 256)
    /// Set when the connection must be closed once the output is written.
    public internal(set) var isClosing = false
    /// Set when no request may begin any more: it would not be finished.
    public var isDraining = false
    /// Whether requests are remembered until they are answered; `now` is then to be set before
    /// `receive`.
    public var isMetered = false
    public var now = Instant.origin
    /// Place of the running command in the table.
    var running: UInt8 = 0
    /// What requests of this connection use unless they say otherwise.
    public internal(set) var defaults = RequestOptions()
    /// The keyspace that keys of this connection belong to.
    public internal(set) var keyspace = KeyspaceID.default
    /// Told to people in `CLIENT GETNAME`.
    var clientName = ""
    /// What the client's library has said of itself.
    var library = ClientNote()
    let connectionNumber: UInt64

    var parser = CommandParser()
    var ring = ReplyRing()

    public init(connectionNumber: UInt64 = 0) { self.connectionNumber = connectionNumber }

    /// Requests whose answers are outstanding.
    public var openRequests: Int { ring.count }
    /// True while no more commands are read, because too many replies are outstanding: the
    /// runtime keeps the input and calls `receive` again after responses have come.
    public var isBlocked: Bool { ring.count > ReplyRing.limit / 2 }

    /// Reads commands from the head of `input`, which begins with what was not consumed before,
    /// until the batch is full or the input ends. Appends requests to `batch` and answers what
    /// needs no node. Returns the bytes consumed; the rest must be given again, with more behind
    /// it, at the next call. Bytes in the requests point into `input`.
    public mutating func receive(
        _ input: Bytes, _ hashSeed: UInt64, facts: any ServerFacts, into batch: inout RequestBatch
    ) -> Int {
        var consumed = 0
        batch.scratch.removeAll()
        while !isClosing, !isBlocked, !batch.isFull {
            let rest = input.slice(consumed, input.count)
            switch parser.next(rest) {
            case .command(let end):
                run(rest, hashSeed, facts: facts, into: &batch)
                consumed += end
            case .tooLarge(let end):
                reply { $0.appendError("ERR value is too large (limit 16 MiB)") }
                consumed += end
            case .nothing(let end):
                consumed += end
            case .incomplete(let used):
                return consumed + used
            case .failure(let failure):
                reply { $0.appendError("ERR " + failure.text) }
                isClosing = true
            }
        }
        return isClosing ? input.count : consumed
    }

    /// Takes the node's response to one of the requests; at the head of the order it becomes
    /// bytes at once, else it is parked.
    public mutating func respond(
        _ response: Response, to sequence: UInt32, facts: any ServerFacts
    ) {
        guard ring.isOpen(sequence), !ring[sequence].isDone else { return }
        let (form, dialect) = (ring[sequence].form, ring[sequence].dialect)
        if form == .part { return finishPart(response, sequence) }
        if form.hasArguments { return finishWithArguments(response, sequence) }
        if sequence == ring.head {
            ReplyWriter.append(response, form, dialect, facts, to: &output)
            ring.advance()
            return drain()
        }
        ring.park(sequence) { ReplyWriter.append(response, form, dialect, facts, to: &$0) }
        ring.finish(sequence)
    }

    /// What is known of an open request; nil if it is not metered.
    @inline(__always)
    public func begun(_ sequence: UInt32) -> BegunRequest? {
        guard isMetered, ring.isOpen(sequence) else { return nil }
        let entry = ring[sequence]
        return BegunRequest(at: entry.begun, kind: entry.kind, command: entry.command)
    }

    /// The head of an open request's key, for people.
    public func keyHead(of sequence: UInt32) -> [UInt8] { ring.head(of: sequence).copied() }

    /// What the connection speaks.
    var dialect: Dialect { ring.dialect }

    /// Answers without the node, in order.
    mutating func reply(_ render: (inout ByteBuffer) -> Void) {
        if ring.isEmpty { return render(&output) }
        let sequence = ring.begin(.bytes)
        ring.park(sequence, render)
        ring.finish(sequence)
    }

    /// Answers with a map of so many entries.
    mutating func replyMap(_ count: Int, _ render: (inout ByteBuffer, Dialect) -> Void) {
        let dialect = dialect
        reply { out in
            out.appendMap(count, dialect)
            render(&out, dialect)
        }
    }

    /// Writes every reply that is complete and next in order.
    mutating func drain() {
        while !ring.isEmpty {
            let head = ring.head
            let entry = ring[head]
            switch entry.form {
            case .countOfParts:
                appendGathered(entry, parts: nil)
            case .okOfParts:
                appendGathered(entry, parts: head)
            case .part where entry.isDone:
                // Its key may still be named by the reply that gathers.
                if entry.count > 0, ring[entry.parent].unknown > 0 {
                    appendUnknownKey(head)
                }
            case _ where entry.isDone:
                output.append(ring.parkedBytes(of: head))
            default:
                return
            }
            ring.advance()
        }
    }

    // MARK: Commands of several requests

    mutating func finishPart(_ response: Response, _ sequence: UInt32) {
        let parent = ring[sequence].parent
        var entry = ring[sequence]
        switch response {
        case .value(let value, _, _): ring[parent].sum += value == nil ? 0 : 1
        case .siblings(let bytes, _, let now, _):
            ring[parent].sum += ReplyWriter.visible(bytes, at: now).isEmpty ? 0 : 1
        case .deleted(let existed, _, _): ring[parent].sum += existed ? 1 : 0
        case .stored, .changed, .defined, .life, .scanned: break
        case .unknown:
            ring[parent].unknown += 1
            entry.unknown = 1
        case .failed:
            ring[parent].refused += 1
            entry.refused = 1
        }
        entry.isDone = true
        ring[sequence] = entry
        if sequence == ring.head { drain() }
    }

    private mutating func appendUnknownKey(_ sequence: UInt32) {
        let entry = ring[sequence]
        guard entry.unknown > 0 || entry.refused > 0, unknownKeys.count < 1 << 10 else { return }
        if !unknownKeys.isEmpty { unknownKeys.append(" ") }
        unknownKeys.append(ring.parkedBytes(of: sequence).oneLine)
    }

    private mutating func appendGathered(_ entry: ReplyRing.Entry, parts sequence: UInt32?) {
        if entry.unknown > 0 {
            output.append("-TIMEOUT outcome unknown for \(entry.unknown) keys")
            if !unknownKeys.isEmpty { output.append(": " + unknownKeys) }
            output.append("\r\n")
        } else if entry.refused > 0 {
            output.append("-UNAVAILABLE \(entry.refused) keys were refused\r\n")
        } else if sequence != nil {
            output.append("+OK\r\n")
        } else {
            output.append(58 as UInt8)
            output.appendDecimal(UInt64(entry.sum))
            output.append("\r\n")
        }
        unknownKeys = ""
    }

    /// Names of keys for the error reply of an MSET in progress.
    private var unknownKeys = ""
}
