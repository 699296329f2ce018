import Basics
import Platform
import Workloads

/// One client: a connection with at most one operation under way, as a YCSB thread has.
struct Session: ~Copyable {
    enum State {
        /// Not connected; tries again at `retryAt`.
        case waiting
        case connecting
        /// Connected, and told the store its quorum; the answer is awaited.
        case greeting
        case ready
        case busy
    }

    var state = State.waiting
    var socket: Socket?
    var watch: Watch?
    /// Tells reports about this connection from those about an earlier one.
    var generation: UInt32 = 0
    /// Which of the target's addresses comes next.
    var address: Int
    var retryAt = Instant.origin
    /// Failed attempts to connect since the last success.
    var attempts = 0
    /// The received start of a reply, and what the system has not taken yet.
    var input = ByteBuffer(capacity: 256)
    var output = ByteBuffer(capacity: 2_048)

    /// Its number in the history, and the writes it has named.
    var process: UInt32
    var sequence: UInt64 = 0

    /// The operation under way.
    var operation = PlannedOperation(kind: .read, record: 0)
    /// Of a read-modify-write: the write is under way, the read is done.
    var isWriting = false
    /// The name of the value being written; 0 while reading.
    var writing: UInt64 = 0
    /// When the operation was meant to start, did start, and its current half did.
    var intended = Instant.origin
    var started = Instant.origin
    var invoked = Instant.origin

    init(address: Int, process: UInt32) {
        self.address = address
        self.process = process
    }

    /// Appends `GET key`.
    mutating func encodeRead(of key: KeyName) {
        output.append("*2\r\n$3\r\nGET\r\n$")
        append(key)
    }

    /// Appends `SET key value`.
    mutating func encodeWrite(of key: KeyName, _ write: WriteID, _ values: borrowing RecordValue) {
        output.append("*3\r\n$3\r\nSET\r\n$")
        append(key)
        let count = values.count(of: write)
        output.append(36)
        output.appendDecimal(UInt64(count))
        output.append("\r\n")
        values.append(write, count: count, to: &output)
        output.append("\r\n")
    }

    private mutating func append(_ key: KeyName) {
        output.appendDecimal(UInt64(key.count))
        output.append("\r\n")
        key.write(to: output.reserve(key.count))
        output.commit(key.count)
        output.append("\r\n")
    }

    /// Appends the `QUORUM` command; false if there is nothing to set.
    mutating func encodeGreeting(_ plan: LoadPlan) -> Bool {
        guard plan.target.scheme == .quorum else { return false }
        var words: [String] = []
        if let r = plan.readQuorum { words += ["R", "\(r)"] }
        if let w = plan.writeQuorum { words += ["W", "\(w)"] }
        if let timeout = plan.quorumTimeout { words += ["TIMEOUT", "\(timeout)"] }
        guard !words.isEmpty else { return false }
        words.insert("QUORUM", at: 0)
        output.append("*\(words.count)\r\n")
        for word in words { output.append("$\(word.utf8.count)\r\n\(word)\r\n") }
        return true
    }
}
