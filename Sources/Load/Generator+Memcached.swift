import Basics
import Platform
import Workloads

/// `memcached://`: its text protocol, as all servers speak it.
///
///     get KEY                    VALUE KEY FLAGS BYTES, a line of data, END; or END alone
///     set KEY 0 0 BYTES, data    STORED | NOT_STORED
///     stats settings             STAT NAME VALUE…, END
///     set auth 0 0 BYTES, USER PASSWORD   STORED: with a login (memcached -Y), before all else
///     anything                   ERROR | CLIENT_ERROR TEXT | SERVER_ERROR TEXT
///
/// Every line, and the data, ends with CR LF.
extension Generator {
    /// Asks for the largest item: one that is larger would be an error at every write.
    func greetMemcached(_ index: Int) {
        connections[index].state = .greeting
        connections[index].greetings = 1
        if let user = plan.target.user, let password = plan.target.password {
            let login = "\(user) \(password)"
            connections[index].output.append("set auth 0 0 \(login.utf8.count)\r\n\(login)\r\n")
            connections[index].greetings = 2
        } else {
            connections[index].output.append("stats settings\r\n")
        }
        flush(index)
    }

    /// The answer to the login has come.
    private func loggedIntoMemcached(_ index: Int, _ line: Bytes) {
        guard line.begins("STORED") else {
            refused(
                index, "it answered '\(line.text.prefix(60))'",
                "\(plan.target) refused the login: ")
            return
        }
        connections[index].greetings = 1
        connections[index].output.append("stats settings\r\n")
        flush(index)
    }

    func askMemcached(_ index: Int, _ place: Int, _ write: WriteID) {
        let connection = connections + place
        let record = sessions[index].operation.record
        if sessions[index].part == .read {
            connection.pointee.output.append("get ")
            requests.appendKey(record, to: &connection.pointee.output)
            connection.pointee.output.append("\r\n")
            return
        }
        let count = requests.values.count(of: write)
        connection.pointee.output.append("set ")
        requests.appendKey(record, to: &connection.pointee.output)
        connection.pointee.output.append(" 0 0 ")
        connection.pointee.output.appendDecimal(UInt64(count))
        connection.pointee.output.append("\r\n")
        requests.values.append(write, count: count, to: &connection.pointee.output)
        connection.pointee.output.append("\r\n")
    }

    /// Deals with one answer at the start of `bytes`; what it took, or nil if it is not whole.
    func answerMemcached(_ place: Int, _ bytes: Bytes, _ now: Instant) -> Int? {
        guard let end = bytes.firstIndex(of: 10) else {
            if bytes.count > Limits.inlineBytes {
                malformed(place, "an answer that is not of memcached's protocol", now)
            }
            return nil
        }
        let line = bytes.slice(0, end > 0 && bytes[end - 1] == 13 ? end - 1 : end)
        if connections[place].state == .greeting {
            greetedByMemcached(place, line)
        } else if line.begins("VALUE ") {
            return answerValue(place, bytes, line, end + 1, now)
        } else if line.begins("END") {
            conclude(place, .absent, now)
        } else if line.begins("STORED") {
            conclude(place, .done, now)
        } else if line.begins("SERVER_ERROR") || line.begins("CLIENT_ERROR")
            || line.begins("ERROR") || line.begins("NOT_STORED")
        {
            let word = line.slice(0, line.firstIndex(of: 32) ?? line.count).text
            conclude(place, .failed(.fail, .refused(word)), now)
        } else {
            malformed(place, "an answer that is not of memcached's protocol", now)
            return nil
        }
        return end + 1
    }

    /// `VALUE KEY FLAGS BYTES`, the data, and `END`.
    private func answerValue(
        _ place: Int, _ bytes: Bytes, _ line: Bytes, _ start: Int, _ now: Instant
    ) -> Int? {
        var space = line.count
        while space > 0, line[space - 1] != 32 { space -= 1 }
        guard let length = line.slice(space, line.count).decimal, length <= 1 << 30 else {
            malformed(place, "an answer that is not of memcached's protocol", now)
            return nil
        }
        let whole = start + length + 7
        guard bytes.count >= whole else { return nil }
        guard bytes.slice(start + length, whole).begins("\r\nEND\r\n") else {
            malformed(place, "an answer that is not of memcached's protocol", now)
            return nil
        }
        conclude(place, .value(bytes.slice(start, start + length)), now)
        return whole
    }

    private func greetedByMemcached(_ index: Int, _ line: Bytes) {
        if connections[index].greetings == 2 {
            loggedIntoMemcached(index, line)
        } else if line.begins("CLIENT_ERROR unauthenticated") {
            refused(
                index, "it wants a login; expected memcached://USER:PASSWORD@HOST:PORT",
                "\(plan.target) refused: ")
        } else if line.begins("END") {
            becomeReady(index)
        } else if line.begins("STAT item_size_max "),
            let limit = line.slice(19, line.count).decimal
        {
            // Key, header and suffix count, too.
            let needed = plan.workload.recordBytes + 128
            guard needed > limit else { return }
            refused(
                index,
                "its items have at most \(limit) bytes, and records of fieldcount="
                    + "\(plan.workload.fieldCount) times fieldlength="
                    + "\(plan.workload.fieldLength) do not fit (memcached -I sets the limit)",
                "\(plan.target) cannot take this workload: ")
        } else if !line.begins("STAT ") {
            refused(
                index, "it answered '\(line.text.prefix(60))'; expected memcached's statistics",
                "\(plan.target) refused: ")
        }
    }
}

extension Bytes {
    /// Whether these begin with `text`.
    func begins(_ text: StaticString) -> Bool {
        guard count >= text.utf8CodeUnitCount else { return false }
        for i in 0..<text.utf8CodeUnitCount where self[i] != (text.utf8Start + i).pointee {
            return false
        }
        return true
    }
}
