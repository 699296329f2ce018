import Basics
import Workloads

/// One client with at most one operation under way, as a YCSB thread has: a process of the
/// history.
struct Session {
    enum State: UInt8 {
        case idle, busy
        /// Waits before a failed insert is tried again.
        case pausing
    }

    /// What the awaited replies belong to.
    enum Part: UInt8 {
        case read, write
        /// Of a scan: the names of its records, then the records; on some targets all at once.
        case names, records
    }

    /// The connections that writes and reads go over; -1 where there are none.
    let writer, reader: Int32

    var state = State.idle
    var part = Part.read
    /// What the replies of this part have come to so far.
    var outcome = Recorder.Outcome.ok
    /// Replies of this part that are still to come.
    var awaited: Int32 = 0
    /// Failed attempts at this insert.
    var attempts: Int32 = 0
    /// Of adapters: requests so far, of which the current one's number is made.
    var ticket: UInt32 = 0
    /// What went wrong in this part so far.
    var failure: Failure?

    /// Its number in the history, and the writes it has named.
    var process: UInt32
    var sequence: UInt64 = 0

    var operation = PlannedOperation(kind: .read, record: 0)
    /// The name of the value being written, or of the one that was read.
    var value: UInt64 = 0
    /// When the operation was meant to start, did start, and its current part did.
    var intended = Instant.origin
    var started = Instant.origin
    var invoked = Instant.origin

    init(writer: Int32, reader: Int32, process: UInt32) {
        self.writer = writer
        self.reader = reader
        self.process = process
    }

    /// The connection that the current part goes over.
    @inline(__always)
    var connection: Int { Int(part == .write ? writer : reader) }
}
