import Basics
import CPostgres
import Glibc

/// A connection to PostgreSQL by libpq, non-blocking and in pipeline mode.
///
/// Each statement is followed by a synchronisation point and so is a transaction of its own, which
/// is committed before `next` returns `.end`: only then is a write acknowledged. Belongs to one
/// thread.
public final class PostgresConnection {
    /// What connecting waits for.
    public enum Progress: Equatable {
        case readable, writable, ready
        case failed(String)
    }

    /// What the server said next.
    public enum Event: ~Copyable {
        /// Nothing whole yet.
        case none
        case rows(PostgresRows)
        /// A statement without rows; how many it changed.
        case changed(Int)
        /// An error: SQLSTATE and the server's sentence.
        case refused(state: String, String)
        /// The statement and its transaction are over.
        case end
        /// The connection is of no more use.
        case lost(String)
    }

    /// One value of a statement, in PostgreSQL's binary form.
    public enum Parameter {
        case bytes(Bytes)
        case integer(Int64)
    }

    private let connection: OpaquePointer
    /// Of the statement being sent: pointers and lengths of its values.
    private let pointers = UnsafeMutablePointer<UnsafePointer<CChar>?>.allocate(capacity: 2)
    private let lengths = UnsafeMutablePointer<Int32>.allocate(capacity: 2)
    private let formats = UnsafeMutablePointer<Int32>.allocate(capacity: 2)
    private let number = UnsafeMutablePointer<Int64>.allocate(capacity: 1)

    /// Begins to connect with libpq's parameters, such as `host` and `port`. Names are looked up
    /// at once, which may block.
    public init(_ parameters: [(name: String, value: String)]) throws(SystemError) {
        let names = parameters.map { strdup($0.name) } + [nil]
        let values = parameters.map { strdup($0.value) } + [nil]
        defer { for pointer in names + values { free(pointer) } }
        let begun = names.map { UnsafePointer($0) }.withUnsafeBufferPointer { names in
            values.map { UnsafePointer($0) }.withUnsafeBufferPointer { values in
                PQconnectStartParams(names.baseAddress, values.baseAddress, 0)
            }
        }
        guard let begun else { throw SystemError("PQconnectStartParams", code: ENOMEM) }
        connection = begun
        formats.initialize(repeating: 1, count: 2)
        // Notices ("table exists, skipping") would land on standard error.
        PQsetNoticeProcessor(connection, { _, _ in }, nil)
    }

    deinit {
        PQfinish(connection)
        pointers.deallocate()
        lengths.deallocate()
        formats.deallocate()
        number.deallocate()
    }

    /// Goes on connecting. `descriptor` may differ after every call.
    public func proceed() -> Progress {
        if PQstatus(connection) == CONNECTION_BAD { return .failed(problem) }
        switch PQconnectPoll(connection) {
        case PGRES_POLLING_READING: return .readable
        case PGRES_POLLING_WRITING: return .writable
        case PGRES_POLLING_OK:
            guard PQsetnonblocking(connection, 1) == 0, PQenterPipelineMode(connection) == 1
            else { return .failed(problem) }
            return .ready
        default: return .failed(problem)
        }
    }

    /// The socket; below 0 when there is none.
    public var descriptor: Int32 { PQsocket(connection) }

    /// libpq's last error, in one line.
    public var problem: String {
        PostgresConnection.line(PQerrorMessage(connection))
    }

    fileprivate static func line(_ text: UnsafePointer<CChar>?) -> String {
        guard let text else { return "unknown error" }
        let words = String(cString: text).split(whereSeparator: \.isNewline)
        return words.joined(separator: " ")
    }

    /// Queues a statement without parameters.
    public func run(_ statement: String) -> Bool {
        PQsendQueryParams(connection, statement, 0, nil, nil, nil, nil, 1) == 1 && end()
    }

    /// Queues the preparation of a statement under a name.
    public func prepare(_ name: String, _ statement: String) -> Bool {
        PQsendPrepare(connection, name, statement, 0, nil) == 1 && end()
    }

    /// Queues a prepared statement with one or two values. False: the connection is of no use.
    public func execute(_ name: StaticString, _ first: Bytes, _ second: Parameter? = nil) -> Bool {
        set(0, first)
        switch second {
        case .bytes(let bytes): set(1, bytes)
        case .integer(let value):
            number.pointee = value.bigEndian
            set(1, Bytes(base: UnsafeRawPointer(number), count: 8))
        case nil: break
        }
        let text = UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self)
        return PQsendQueryPrepared(
            connection, text, second == nil ? 1 : 2, pointers, lengths, formats, 1) == 1 && end()
    }

    private func set(_ place: Int, _ bytes: Bytes) {
        pointers[place] = bytes.base.assumingMemoryBound(to: CChar.self)
        lengths[place] = Int32(bytes.count)
    }

    private func end() -> Bool { PQpipelineSync(connection) == 1 }

    /// Hands over what is queued: true when the socket must become writable first, nil when the
    /// connection is lost.
    public func flush() -> Bool? {
        let result = PQflush(connection)
        return result < 0 ? nil : result == 1
    }

    /// Reads what the socket holds. False: the connection is lost.
    public func receive() -> Bool { PQconsumeInput(connection) == 1 }

    /// The next event of what was received.
    public func next() -> Event {
        var ends = 0
        while PQisBusy(connection) == 0 {
            guard let result = PQgetResult(connection) else {
                // One nil stands after each statement, two when nothing is under way.
                ends += 1
                if ends == 2 { break }
                continue
            }
            let status = PQresultStatus(result)
            switch status {
            case PGRES_TUPLES_OK: return .rows(PostgresRows(result))
            case PGRES_COMMAND_OK:
                defer { PQclear(result) }
                return .changed(Int(String(cString: PQcmdTuples(result))) ?? 0)
            case PGRES_PIPELINE_SYNC:
                PQclear(result)
                return .end
            case PGRES_PIPELINE_ABORTED:
                PQclear(result)
            default:
                defer { PQclear(result) }
                let state = PQresultErrorField(result, 67).map { String(cString: $0) } ?? ""
                // The primary message, if there is one; libpq's own errors have only a text.
                let text = PostgresConnection.line(
                    PQresultErrorField(result, 77).map { UnsafePointer($0) }
                        ?? UnsafePointer(PQresultErrorMessage(result)))
                return PQstatus(connection) == CONNECTION_BAD && state.isEmpty
                    ? .lost(text) : .refused(state: state, text)
            }
        }
        return PQstatus(connection) == CONNECTION_BAD ? .lost(problem) : .none
    }
}

/// The rows of an answer; freed with the value.
public struct PostgresRows: ~Copyable {
    private let result: OpaquePointer

    fileprivate init(_ result: OpaquePointer) { self.result = result }

    deinit { PQclear(result) }

    public var count: Int { Int(PQntuples(result)) }

    /// A value, valid as long as the rows are; nil for NULL.
    public func value(row: Int, column: Int) -> Bytes? {
        let (row, column) = (Int32(row), Int32(column))
        guard PQgetisnull(result, row, column) == 0, let base = PQgetvalue(result, row, column)
        else { return nil }
        return Bytes(base: UnsafeRawPointer(base), count: Int(PQgetlength(result, row, column)))
    }
}
