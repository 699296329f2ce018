import Basics
import Platform
import Workloads

/// What a statement has come to before its transaction is over.
struct PostgresAnswer: ~Copyable {
    var rows: PostgresRows?
    var changed = 0
    var refusal: (state: String, text: String)?
}

/// `postgres://`: a row a record, each operation a prepared statement and a transaction.
extension Generator {
    func connectPostgres(_ index: Int) throws {
        let connection = connections + index
        let address = connection.pointee.addresses[connection.pointee.address]
        var parameters = [
            (name: "host", value: address.host), (name: "port", value: "\(address.port)"),
            (name: "application_name", value: "quorumeter"),
            (name: "client_encoding", value: "UTF8"),
        ]
        // Without a name the server would look for one of the system's user.
        parameters.append((name: "dbname", value: plan.target.databaseName ?? "postgres"))
        if let user = plan.target.user { parameters.append((name: "user", value: user)) }
        if let password = plan.target.password {
            parameters.append((name: "password", value: password))
        }
        if let mode = plan.postgres.sslMode {
            parameters.append((name: "sslmode", value: mode.rawValue))
        }
        connection.pointee.postgres = try PostgresConnection(parameters)
        connection.pointee.state = .connecting
        try watchPostgres(index, .writable)
    }

    private func watchPostgres(_ index: Int, _ interest: Interest) throws(SystemError) {
        let connection = connections + index
        guard let descriptor = connection.pointee.postgres?.descriptor, descriptor >= 0 else {
            let why = connection.pointee.postgres?.problem ?? ""
            throw SystemError("connect", why, code: 111)
        }
        // libpq may go on with another socket: the watch is new at every step.
        if let watch = connection.pointee.watch { loop.unwatch(watch) }
        connection.pointee.watch = nil
        connection.pointee.watch = try loop.watch(descriptor, for: interest, token: token(index))
    }

    /// Goes on connecting.
    func proceedPostgres(_ index: Int) {
        let connection = connections + index
        guard let postgres = connection.pointee.postgres else { return }
        do {
            switch postgres.proceed() {
            case .readable: try watchPostgres(index, .readable)
            case .writable: try watchPostgres(index, .writable)
            case .ready:
                try watchPostgres(index, .readable)
                greetPostgres(index, postgres)
            case .failed(let why):
                lastFailure = why
                disconnect(index, Clocks.monotonic())
            }
        } catch {
            lastFailure = "\(error)"
            disconnect(index, Clocks.monotonic())
        }
    }

    private func greetPostgres(_ index: Int, _ postgres: PostgresConnection) {
        let isReader = index >= writerCount
        let name = plan.workload.table.split(separator: "\"", omittingEmptySubsequences: false)
        let table = "\"" + name.joined(separator: "\"\"") + "\""
        var isQueued = true
        var count = 0
        func say(_ queue: (PostgresConnection) -> Bool) {
            isQueued = isQueued && queue(postgres)
            count += 1
        }
        if let commit = plan.postgres.commit, !isReader {
            say { $0.run("SET synchronous_commit = \(commit.rawValue)") }
        }
        if plan.phase == .load, !isReader {
            // Tables that are created at the same time collide in the catalogue: in turn, then.
            say {
                $0.run(
                    "DO $$ BEGIN PERFORM pg_advisory_xact_lock(1904); CREATE TABLE IF NOT EXISTS "
                        + "\(table) (ycsb_key text COLLATE \"C\" PRIMARY KEY, record bytea NOT "
                        + "NULL); END $$")
            }
        }
        say { $0.prepare("r", "SELECT record FROM \(table) WHERE ycsb_key = $1") }
        say {
            $0.prepare(
                "s",
                "SELECT ycsb_key, record FROM \(table) WHERE ycsb_key >= $1 "
                    + "ORDER BY ycsb_key LIMIT $2")
        }
        if !isReader {
            say {
                $0.prepare(
                    "i",
                    "INSERT INTO \(table) VALUES ($1, $2) "
                        + "ON CONFLICT (ycsb_key) DO UPDATE SET record = EXCLUDED.record")
            }
            say { $0.prepare("u", "UPDATE \(table) SET record = $2 WHERE ycsb_key = $1") }
        }
        connections[index].greetings = count
        connections[index].state = .greeting
        guard isQueued else {
            lastFailure = postgres.problem
            disconnect(index, Clocks.monotonic())
            return
        }
        flushPostgres(index)
    }

    func flushPostgres(_ index: Int) {
        guard let postgres = connections[index].postgres else { return }
        guard let blocks = postgres.flush() else {
            lastFailure = postgres.problem
            lose(index, .connectionLost, Clocks.monotonic())
            return
        }
        block(index, blocks)
    }

    /// Queues the statement of the current part of a session's operation.
    func askPostgres(_ index: Int, _ place: Int, _ write: WriteID) {
        guard let postgres = connections[place].postgres else { return }
        let operation = sessions[index].operation
        let keyEnd = requests.writeKey(operation.record, to: &scratch)
        let isQueued: Bool
        switch sessions[index].part {
        case .read: isQueued = postgres.execute("r", scratch.bytes)
        case .write:
            let values = requests.values
            values.append(write, count: values.count(of: write), to: &scratch)
            let all = scratch.bytes
            let value = all.slice(keyEnd, all.count)
            isQueued = postgres.execute(
                operation.kind == .insert ? "i" : "u", all.slice(0, keyEnd), .bytes(value))
        case .names, .records:
            isQueued = postgres.execute(
                "s", scratch.bytes, .integer(Int64(operation.scanLength)))
        }
        // The socket tells in its turn that the connection is lost.
        if !isQueued { lastFailure = postgres.problem }
    }

    func receivePostgres(_ index: Int) {
        guard let postgres = connections[index].postgres else { return }
        guard postgres.receive() else {
            lastFailure = postgres.problem
            lose(index, .connectionLost, Clocks.monotonic())
            return
        }
        let now = Clocks.monotonic()
        let generation = connections[index].generation
        while connections[index].generation == generation {
            switch postgres.next() {
            case .none:
                flushPostgres(index)
                flushTouched()
                return
            case .rows(let rows): connections[index].pending.rows = consume rows
            case .changed(let count): connections[index].pending.changed = count
            case .refused(let state, let text): connections[index].pending.refusal = (state, text)
            case .end: transactionEnded(index, now)
            case .lost(let why):
                lastFailure = why
                lose(index, .connectionLost, now)
            }
        }
    }

    /// A statement is over and, if it wrote, committed.
    private func transactionEnded(_ place: Int, _ now: Instant) {
        let connection = connections + place
        var answer = PostgresAnswer()
        swap(&answer, &connection.pointee.pending)
        if connection.pointee.state == .greeting {
            greetedByPostgres(place, answer.refusal)
            return
        }
        guard let index = connection.pointee.next else {
            unasked(place, now)
            return
        }
        let session = sessions + index
        if let (state, _) = answer.refusal {
            conclude(place, .failed(outcome(of: state), .refused("SQLSTATE-\(state)")), now)
        } else if session.pointee.part == .write {
            conclude(
                place,
                answer.changed == 1 ? .done : .failed(.fail, .refused("NO-SUCH-RECORD")), now)
        } else if session.pointee.part == .read {
            if let rows = answer.rows.take(), rows.count > 0,
                let value = rows.value(row: 0, column: 0)
            {
                conclude(place, .value(value), now)
            } else {
                conclude(place, .absent, now)
            }
        } else {
            if let rows = answer.rows.take() {
                for row in 0..<rows.count {
                    guard let key = rows.value(row: row, column: 0),
                        let value = rows.value(row: row, column: 1)
                    else { continue }
                    found(key, value, session, now)
                }
            }
            conclude(place, .done, now)
        }
    }

    /// An error rolls its transaction back, unless the server went down while it committed.
    private func outcome(of state: String) -> Recorder.Outcome {
        state.hasPrefix("08") || state.hasPrefix("57P") || state.hasPrefix("XX")
            || state.hasPrefix("58") ? .unknown : .fail
    }

    private func greetedByPostgres(_ index: Int, _ refusal: (state: String, text: String)?) {
        if let refusal {
            if refusal.state == "42P01", index >= writerCount {
                // A standby that has not heard of the table yet: tried again.
                lastFailure = refusal.text
                lose(index, .connectionLost, Clocks.monotonic())
                return
            }
            let hint =
                refusal.state == "42P01" ? "; the load phase ('quorumeter load') creates it" : ""
            refused(index, refusal.text + hint, "\(plan.target) refused: ")
            return
        }
        connections[index].greetings -= 1
        if connections[index].greetings == 0 { becomeReady(index) }
    }
}
