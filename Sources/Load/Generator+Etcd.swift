import Basics
import Platform
import Workloads

/// `etcd://`: a POST to the JSON gateway an operation, with keys and values in base64.
extension Generator {
    static func gateway(_ plan: LoadPlan, slots: Int, _ loop: EventLoop) throws -> HTTPClient {
        let http = try HTTPClient(
            slots: slots, headers: ["Content-Type: application/json"], loop: loop)
        if plan.target.isSecure {
            // Read once here, so that a file that cannot be used is an error before the run.
            _ = try plan.tls.context()
            http.secure(
                authorities: plan.tls.authorities, verifies: plan.tls.verifies,
                certificate: plan.tls.certificate, key: plan.tls.key)
        }
        return http
    }

    private func url(_ index: Int, _ method: StaticString) -> String {
        let address = connections[index].addresses[connections[index].address]
        return "http\(plan.target.isSecure ? "s" : "")://\(address)/v3/\(method)"
    }

    /// Logs in, if there is a login and no token yet; asks who is there, on the connection that
    /// operations will use.
    func greetGateway(_ index: Int) {
        connections[index].state = .greeting
        if let password = plan.target.password, !hasToken {
            connections[index].greetings = 2
            http?.post(index, to: url(index, "auth/authenticate")) { body in
                body.append("{\"name\":")
                JSONReader.write(plan.target.user ?? "", to: &body)
                body.append(",\"password\":")
                JSONReader.write(password, to: &body)
                body.append("}")
            }
            return
        }
        connections[index].greetings = 1
        http?.post(index, to: url(index, "maintenance/status")) { $0.append("{}") }
    }

    /// Posts the request of the current part of a session's operation.
    func askGateway(_ index: Int, _ place: Int, _ write: WriteID) {
        let operation = sessions[index].operation
        let part = sessions[index].part
        let keyEnd = requests.writeKey(operation.record, to: &scratch)
        if part == .write {
            requests.values.append(write, count: requests.values.count(of: write), to: &scratch)
        }
        let all = scratch.bytes
        http?.post(place, to: url(place, part == .write ? "kv/put" : "kv/range")) { body in
            body.append("{\"key\":\"")
            Base64.encode(all.slice(0, keyEnd), to: &body)
            switch part {
            case .write:
                body.append("\",\"value\":\"")
                Base64.encode(all.slice(keyEnd, all.count), to: &body)
                body.append("\"}")
                return
            case .read: body.append("\"")
            case .names, .records:
                // Up to "uses", the first key that does not begin with "user".
                body.append("\",\"range_end\":\"dXNlcw==\",\"limit\":")
                body.appendDecimal(UInt64(operation.scanLength))
            }
            if plan.etcd.reads == .serializable { body.append(",\"serializable\":true") }
            body.append("}")
        }
    }

    /// Deals with all requests that have ended.
    func takeHTTPAnswers() {
        guard let http else { return }
        http.expire(Clocks.monotonic())
        while let completion = http.nextCompletion() {
            let index = completion.slot
            let now = Clocks.monotonic()
            if let failure = completion.failure {
                lastFailure = "\(peer(of: index)): \(failure)"
                // Unknown even if it could not connect: that may have been libcurl's second
                // attempt, after the first had left on a connection that died.
                lose(index, .connectionLost, now)
            } else if connections[index].state == .greeting {
                greetedByGateway(index, completion)
            } else if completion.status == 200 {
                answerGateway(index, completion.body, now)
            } else if completion.status == 401, plan.target.password != nil {
                // The token has expired: the connection begins anew with another.
                hasToken = false
                let answer = refusal(index, completion)
                disconnect(index, now)
                conclude(index, answer, now)
            } else {
                conclude(index, refusal(index, completion), now)
            }
        }
        http.expire(Clocks.monotonic())
    }

    private func greetedByGateway(_ index: Int, _ completion: HTTPClient.Completion) {
        let logsIn = connections[index].greetings == 2
        if completion.status == 200 {
            guard logsIn else { return becomeReady(index) }
            guard let token = member("token", of: completion.body) else {
                return refused(
                    index, "its answer has no token", "\(plan.target) refused the login: ")
            }
            http?.add(header: "Authorization: \(token)")
            hasToken = true
            greetGateway(index)
            return
        }
        let why = member("error", of: completion.body) ?? "HTTP status \(completion.status)"
        if logsIn, completion.status < 500 {
            refused(index, why, "\(plan.target) refused the login: ")
            return
        }
        // A member without a leader may find one; anything else will not get better.
        if completion.status < 500 {
            refused(
                index, "\(why); expected etcd's JSON gateway (/v3/)", "\(plan.target) refused: ")
        } else {
            lastFailure = why
            lose(index, .connectionLost, Clocks.monotonic())
        }
    }

    /// Server errors and timeouts of a write leave open whether it took effect.
    private func refusal(_ place: Int, _ completion: HTTPClient.Completion) -> Answer {
        let isWrite = connections[place].next.map { sessions[$0].part == .write } ?? false
        let isOpen = completion.status >= 500 || completion.status == 408
        return .failed(
            isWrite && isOpen ? .unknown : .fail, .refused("HTTP-\(completion.status)"))
    }

    /// A string of the object that an answer is.
    private func member(_ wanted: String, of body: Bytes) -> String? {
        json.begin(body)
        guard json.take(0x7b) else { return nil }
        var isFirst = true
        while let name = json.member(&isFirst) {
            if name.text == wanted { return json.string()?.text }
            json.skipValue()
        }
        return nil
    }

    private func answerGateway(_ place: Int, _ body: Bytes, _ now: Instant) {
        guard let index = connections[place].next else {
            unasked(place, now)
            return
        }
        let session = sessions + index
        guard session.pointee.part != .write else {
            conclude(place, .done, now)
            return
        }
        var count = 0
        json.begin(body)
        if json.take(0x7b) {
            var isFirst = true
            while let name = json.member(&isFirst) {
                guard name.count == 3, name[0] == 107, name[1] == 118, name[2] == 115 else {
                    json.skipValue()
                    continue
                }
                var isFirstElement = true
                guard json.take(0x5b) else { break }
                while json.element(&isFirstElement), readPair() {
                    count += 1
                    let all = scratch.bytes
                    let (key, value) = (all.slice(0, pairKeyEnd), all.slice(pairKeyEnd, all.count))
                    if session.pointee.part == .read {
                        conclude(place, .value(value), now)
                        return
                    }
                    found(key, value, session, now)
                }
            }
        }
        guard json.isValid else {
            malformed(place, "an answer that is not of etcd's gateway", now)
            return
        }
        conclude(place, session.pointee.part == .read ? .absent : .done, now)
    }

    /// Reads one `{"key":…,"value":…}` into `scratch`, the key up to `pairKeyEnd`.
    private func readPair() -> Bool {
        guard json.take(0x7b) else { return false }
        scratch.removeAll()
        pairKeyEnd = 0
        var isFirst = true
        while let name = json.member(&isFirst) {
            // Members come in the order of the protocol's fields: the key before the value.
            let isKey = name.count == 3 && name[0] == 107
            let isValue = name.count == 5 && name[0] == 118 && name[2] == 108
            guard isKey || isValue else {
                json.skipValue()
                continue
            }
            guard let text = json.string(), Base64.decode(text, to: &scratch) else { return false }
            if isKey { pairKeyEnd = scratch.count }
        }
        return json.isValid
    }
}
