import Basics
import Glibc
import Platform
import Workloads

/// `exec:`: an adapter process for each connection, spoken to as docs/formats/adapter.md says.
extension Generator {
    /// Starts an adapter; its standard input and output are the connection.
    func startAdapter(_ index: Int) throws(SystemError) {
        let connection = connections + index
        let pair = try Socket.pair()
        let program = plan.target.program
        defer { pair.theirs.close() }
        do {
            connection.pointee.adapter = try ChildProcess(
                try ChildProcess.find(program[0]), Array(program.dropFirst()),
                channel: pair.theirs, ownGroup: true)
            connection.pointee.watch = try loop.watch(
                pair.ours.descriptor, for: .readable, token: token(index))
        } catch {
            pair.ours.close()
            throw error
        }
        connection.pointee.socket = pair.ours
        connection.pointee.state = .greeting
    }

    /// Ends an adapter whose input has been closed: it may clean up for a second.
    static func end(_ adapter: ChildProcess) {
        let deadline = Clocks.monotonic() + .seconds(1)
        do {
            while try adapter.poll() == nil {
                if Clocks.monotonic() >= deadline {
                    _ = try adapter.send(signal: SIGKILL)
                    _ = try adapter.wait()
                    return
                }
                Clocks.sleep(until: Clocks.monotonic() + .milliseconds(1))
            }
        } catch {
            // It is no child of ours any more: there is nothing left to end.
            return
        }
    }

    func askAdapter(_ index: Int, _ place: Int, _ write: WriteID) {
        let connection = connections + place
        let session = sessions + index
        let operation = session.pointee.operation
        session.pointee.ticket &+= 1
        let part = session.pointee.part
        connection.pointee.output.append("{\"id\":")
        connection.pointee.output.appendDecimal(ticket(index))
        connection.pointee.output.append(",\"op\":\"")
        switch part {
        case .read: connection.pointee.output.append("read")
        case .write where operation.kind == .insert: connection.pointee.output.append("insert")
        case .write: connection.pointee.output.append("update")
        case .names, .records: connection.pointee.output.append("scan")
        }
        connection.pointee.output.append("\",\"key\":\"")
        requests.appendKey(operation.record, to: &connection.pointee.output)
        connection.pointee.output.append("\"")
        if part == .write {
            // No byte of a value means anything in a JSON string.
            connection.pointee.output.append(",\"value\":\"")
            let count = requests.values.count(of: write)
            requests.values.append(write, count: count, to: &connection.pointee.output)
            connection.pointee.output.append("\"")
        } else if part != .read {
            connection.pointee.output.append(",\"limit\":")
            connection.pointee.output.appendDecimal(UInt64(operation.scanLength))
        }
        connection.pointee.output.append("}\n")
    }

    private func ticket(_ index: Int) -> UInt64 {
        UInt64(sessions[index].ticket) * UInt64(sessionCount) + UInt64(index)
    }

    /// Deals with one line at the start of `bytes`; what it took, or nil if it is not whole.
    func answerAdapter(_ place: Int, _ bytes: Bytes, _ now: Instant) -> Int? {
        guard let end = bytes.firstIndex(of: 10) else {
            if bytes.count > Generator.adapterLine {
                malformed(place, "a line of more than \(Generator.adapterLine) bytes", now)
            }
            return nil
        }
        let line = bytes.slice(0, end)
        if connections[place].state == .greeting {
            announced(place, line)
        } else {
            concludeLine(place, line, now)
        }
        return end + 1
    }

    /// The longest line of an adapter.
    static let adapterLine = 64 << 20

    /// `{"adapter":"NAME","protocol":1,"can":["read","update","insert","scan"]}`
    private func announced(_ index: Int, _ line: Bytes) {
        var abilities: Set<String> = []
        var version: Int?
        json.begin(line)
        if json.take(0x7b) {
            var isFirst = true
            while let name = json.member(&isFirst) {
                switch name.text {
                case "protocol": version = json.integer()
                case "can" where json.take(0x5b):
                    var isFirstElement = true
                    while json.element(&isFirstElement) {
                        if let word = json.string() { abilities.insert(word.text) }
                    }
                default: json.skipValue()
                }
            }
        }
        guard json.isValid, version == 1 else {
            refused(
                index,
                "it began with '\(line.text.prefix(80))'; expected "
                    + "{\"adapter\":NAME,\"protocol\":1,\"can\":[…]}",
                "\(plan.target) is not an adapter: ")
            return
        }
        let lacking = needed.filter { !abilities.contains($0) }
        guard lacking.isEmpty else {
            refused(
                index, "it announced \(abilities.sorted().joined(separator: ", "))",
                "\(plan.target) cannot do what the workload needs "
                    + "(\(lacking.joined(separator: ", "))): ")
            return
        }
        becomeReady(index)
    }

    /// What the adapter must be able to do.
    private var needed: [String] {
        let workload = plan.workload
        guard plan.phase == .transactions else { return ["insert"] }
        return [
            ("read", workload.readProportion + workload.readModifyWriteProportion),
            ("update", workload.updateProportion + workload.readModifyWriteProportion),
            ("insert", workload.insertProportion), ("scan", workload.scanProportion),
        ].filter { $0.1 > 0 }.map(\.0)
    }

    /// `{"id":1,"outcome":"ok","value":"…"}`, or with `"records":[["key","value"],…]` of a scan, or
    /// `"outcome":"fail"|"unknown","error":"WORD"`.
    private func concludeLine(_ place: Int, _ line: Bytes, _ now: Instant) {
        guard let index = connections[place].next else {
            unasked(place, now)
            return
        }
        var answer = AdapterAnswer()
        scratch.removeAll()
        json.begin(line)
        if json.take(0x7b) {
            var isFirst = true
            while let name = json.member(&isFirst) {
                readMember(name, sessions + index, &answer, now)
            }
        }
        guard json.isValid, let id = answer.id, let outcome = answer.outcome else {
            malformed(
                place, "'\(line.text.prefix(80))', which is no answer: expected id and outcome", now
            )
            return
        }
        guard id == ticket(index) else {
            malformed(
                place,
                "the answer to \(id) when \(ticket(index)) was to be answered: answers come "
                    + "in the order of requests", now)
            return
        }
        guard outcome == .ok else {
            conclude(place, .failed(outcome, .refused(answer.error ?? "ERROR")), now)
            return
        }
        switch sessions[index].part {
        case .read: conclude(place, answer.hasValue ? .value(scratch.bytes) : .absent, now)
        default: conclude(place, .done, now)
        }
    }

    private struct AdapterAnswer {
        var id: UInt64?
        var outcome: Recorder.Outcome?
        var hasValue = false
        var error: String?
    }

    private func readMember(
        _ name: Bytes, _ session: UnsafeMutablePointer<Session>, _ answer: inout AdapterAnswer,
        _ now: Instant
    ) {
        if name.begins("id"), name.count == 2 {
            answer.id = json.integer().map { UInt64($0) }
        } else if name.begins("outcome"), name.count == 7 {
            guard let word = json.string() else { return }
            answer.outcome =
                word.begins("ok")
                ? .ok
                : word.begins("fail")
                    ? .fail
                    : word.begins("unknown") ? .unknown : nil
        } else if name.begins("value"), name.count == 5 {
            guard let value = json.string() else { return }
            answer.hasValue = true
            scratch.removeAll()
            scratch.append(value)
        } else if name.begins("error"), name.count == 5 {
            answer.error = json.string().map { String($0.text.prefix(60)) }
        } else if name.begins("records"), name.count == 7, json.take(0x5b) {
            var isFirst = true
            while json.element(&isFirst) { readRecord(session, now) }
        } else {
            json.skipValue()
        }
    }

    /// `["key","value"]` of a scan's answer.
    private func readRecord(_ session: UnsafeMutablePointer<Session>, _ now: Instant) {
        var isFirst = true
        scratch.removeAll()
        guard json.take(0x5b), json.element(&isFirst), let key = json.string() else {
            json.skipValue()
            return
        }
        scratch.append(key)
        let end = scratch.count
        guard json.element(&isFirst), let value = json.string() else { return }
        scratch.append(value)
        let all = scratch.bytes
        found(all.slice(0, end), all.slice(end, all.count), session, now)
        _ = json.element(&isFirst)
    }
}
