import Basics
import Platform

// One request a connection, of HTTP/1.0 or 1.1; headers and bodies are read past and ignored:
//
//   GET|HEAD /metrics HTTP/1.1 CRLF header* CRLF
//
// Anything else is answered with 400, 404, 405 or 431 and the connection is closed.

/// A connection at the port for metrics.
final class MetricsConnection {
    let socket: Socket
    let deadline: Instant
    var watch: Watch?
    var input = ByteBuffer(capacity: 1 << 10)
    var output = ByteBuffer(capacity: 16)
    var hasAnswer = false

    init(_ socket: Socket, deadline: Instant) {
        self.socket = socket
        self.deadline = deadline
    }

    /// A connection has so long for all of it.
    static let patience = Instant.Duration.seconds(10)
    /// Connections at once; more are closed.
    static let limit = 16
    /// Longest head of a request.
    static let headBytes = 8 << 10
}

/// The port where Prometheus asks.
extension NodeProcess {
    mutating func acceptMetrics(at now: Moment) {
        guard let listener = metricsListener else { return }
        do throws(SystemError) {
            while let socket = try listener.accept() {
                guard let place = freeMetricsPlace() else {
                    socket.close()
                    continue
                }
                let connection = MetricsConnection(
                    socket, deadline: now.monotonic + MetricsConnection.patience)
                connection.watch = try loop.watch(
                    socket.descriptor, for: .readable,
                    token: Token(.metrics, index: UInt32(place)).raw)
                metricsConnections[place] = connection
                nextMetricsCheck = min(nextMetricsCheck, connection.deadline)
            }
        } catch {
            pauseAccepting(error, at: now)
        }
    }

    private mutating func freeMetricsPlace() -> Int? {
        if let place = metricsConnections.firstIndex(where: { $0 == nil }) { return place }
        guard metricsConnections.count < MetricsConnection.limit else { return nil }
        metricsConnections.append(nil)
        return metricsConnections.count - 1
    }

    mutating func advance(metrics place: Int, _ ready: Ready) {
        guard place < metricsConnections.count, let connection = metricsConnections[place] else {
            return
        }
        if ready.failed { return closeMetrics(place) }
        if ready.readable, !connection.hasAnswer {
            let room = MetricsConnection.headBytes + 1 - connection.input.count
            switch connection.socket.read(into: &connection.input, atMost: room) {
            case .bytes: answerMetrics(connection)
            case .wouldBlock: break
            case .closed, .failed: return closeMetrics(place)
            }
        }
        if connection.hasAnswer { writeMetrics(connection, place) }
    }

    private func answerMetrics(_ connection: MetricsConnection) {
        let input = connection.input.bytes
        let isWhole = MetricsRequest.hasWholeHead(input)
        guard isWhole || input.count > MetricsConnection.headBytes else { return }
        connection.hasAnswer = true
        let request = isWhole ? MetricsRequest(input) : nil
        let body: String
        var isBodyWanted = true
        let status: String
        switch request {
        case nil: (status, body) = isWhole ? ("400 Bad Request", "not HTTP\n") : MetricsRequest.long
        case .some(let request) where request.method != "GET" && request.method != "HEAD":
            (status, body) = ("405 Method Not Allowed", "only GET and HEAD\n")
        case .some(let request) where request.path != "/metrics":
            (status, body) = ("404 Not Found", "there is /metrics\n")
        case .some(let request):
            (status, body) = ("200 OK", facts.metrics())
            isBodyWanted = request.method == "GET"
        }
        connection.output.append(
            "HTTP/1.1 \(status)\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
                + "Content-Length: \(body.utf8.count)\r\nConnection: close\r\n\r\n")
        if isBodyWanted { connection.output.append(body) }
    }

    private mutating func writeMetrics(_ connection: MetricsConnection, _ place: Int) {
        switch connection.socket.write(connection.output.bytes) {
        case .wrote(let count): connection.output.consume(count)
        case .wouldBlock: break
        case .failed: return closeMetrics(place)
        }
        guard !connection.output.isEmpty else { return closeMetrics(place) }
        if let watch = connection.watch { loop.change(watch, to: .writable) }
    }

    private mutating func closeMetrics(_ place: Int) {
        guard let connection = metricsConnections[place] else { return }
        if let watch = connection.watch { loop.unwatch(watch) }
        connection.socket.close()
        metricsConnections[place] = nil
    }

    /// Closes connections that have had their time.
    mutating func sweepMetrics(at now: Instant) {
        nextMetricsCheck = .distantFuture
        for place in metricsConnections.indices {
            guard let connection = metricsConnections[place] else { continue }
            if connection.deadline <= now {
                closeMetrics(place)
            } else {
                nextMetricsCheck = min(nextMetricsCheck, connection.deadline)
            }
        }
    }

    mutating func closeMetrics() {
        metricsListener?.close()
        for place in metricsConnections.indices { closeMetrics(place) }
    }
}

/// The first line of a request.
struct MetricsRequest {
    let method: String
    /// Without what follows a question mark.
    let path: String

    static let long = ("431 Request Header Fields Too Large", "a head of at most 8 KiB\n")

    /// Nil for what is not HTTP.
    init?(_ input: Bytes) {
        guard let end = input.firstIndex(of: 13) else { return nil }
        let words = input.slice(0, end).text.split(
            separator: " ", omittingEmptySubsequences: false)
        guard words.count == 3, words[2].hasPrefix("HTTP/1."), words[1].hasPrefix("/") else {
            return nil
        }
        method = String(words[0])
        path = String(words[1].prefix { $0 != "?" })
    }

    static func hasWholeHead(_ input: Bytes) -> Bool {
        var i = 0
        while let next = input.firstIndex(of: 13, from: i) {
            if next + 4 <= input.count, input[next + 1] == 10, input[next + 2] == 13,
                input[next + 3] == 10
            {
                return true
            }
            i = next + 1
        }
        return false
    }
}
