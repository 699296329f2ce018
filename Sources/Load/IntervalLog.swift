import Basics
import Platform
import Workloads

/// A log of histograms by interval and operation: HdrHistogram's `.hlog`, version 1.3.
public struct IntervalLog: Sendable, Equatable {
    /// What one kind of operation did in one interval.
    public struct Entry: Sendable, Equatable {
        /// The kind, for example `READ`.
        public var tag: String
        /// Since the log's start.
        public var start: Instant.Duration
        public var length: Instant.Duration
        public var histogram: Histogram
        /// Anomalies that operations of the interval showed; nil: nobody looked. Not in the log's
        /// text, only in the table.
        public var anomalies: Int?

        public init(
            tag: String, start: Instant.Duration, length: Instant.Duration, histogram: Histogram
        ) {
            self.tag = tag
            self.start = start
            self.length = length
            self.histogram = histogram
        }
    }

    /// When the log begins.
    public var began: WallTime
    /// In order of time.
    public var entries: [Entry]

    public init(began: WallTime, entries: [Entry]) {
        self.began = began
        self.entries = entries
    }

    /// The intervals of a run, a tag for each kind of operation.
    public init(_ result: LoadResult) {
        began = result.began
        entries = result.intervals.flatMap { interval in
            interval.latencies.map {
                Entry(
                    tag: $0.kind.name, start: interval.start, length: result.interval,
                    histogram: $0.histogram)
            }
        }
    }

    /// Counts anomalies by when the operations that showed them ended, since the log's start: on
    /// the interval's row of reads, or on its first where it has none. What ended in an interval
    /// without any row is not counted.
    public mutating func count(anomalies times: [Instant.Duration]) {
        var rows: [Int64: Int] = [:]
        for (row, entry) in entries.enumerated() {
            entries[row].anomalies = 0
            let number = entry.start.nanoseconds / max(1, entry.length.nanoseconds)
            if rows[number] == nil || entry.tag == OperationKind.read.name { rows[number] = row }
        }
        guard let length = entries.first?.length.nanoseconds, length > 0 else { return }
        for time in times where time >= .zero {
            if let row = rows[time.nanoseconds / length] { entries[row].anomalies? += 1 }
        }
    }

    /// The log's text: times in seconds, the longest value in milliseconds.
    public func text() throws(ZlibError) -> String {
        var text = "#[Histogram log format version 1.3]\n"
        let seconds = Double(began.microseconds) / 1e6
        text += "#[StartTime: \(seconds.fixed(3)) (seconds since epoch)]\n"
        text +=
            "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\","
            + "\"Interval_Compressed_Histogram\"\n"
        for entry in entries {
            let longest = Double(entry.histogram.maximum) / 1e6
            text += "Tag=\(entry.tag),\(entry.start.seconds.fixed(3)),"
            text += "\(entry.length.seconds.fixed(3)),\(longest.fixed(3)),"
            text += try HistogramText.encode(entry.histogram) + "\n"
        }
        return text
    }

    /// Reads a log. Lines without a tag have the tag "".
    public init(parsing text: String, file: String) throws(IntervalLogError) {
        began = WallTime(microseconds: 0)
        entries = []
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        for (number, line) in lines.enumerated() {
            let line = line.last == "\r" ? line.dropLast() : line
            if let start = IntervalLog.startTime(line) { began = start }
            guard !line.isEmpty, !line.hasPrefix("#"), !line.hasPrefix("\"") else { continue }
            do throws(HistogramTextError) {
                entries.append(try IntervalLog.entry(line))
            } catch {
                throw IntervalLogError(description: "\(file):\(number + 1): \(error)")
            }
        }
    }

    private static func startTime(_ line: Substring) -> WallTime? {
        let label = "#[StartTime: "
        guard line.hasPrefix(label) else { return nil }
        let number = line.dropFirst(label.count).prefix { $0 != " " && $0 != "]" }
        guard let seconds = Double(number), (0...1e12).contains(seconds) else { return nil }
        return WallTime(microseconds: UInt64((seconds * 1e6).rounded()))
    }

    private static func entry(_ line: Substring) throws(HistogramTextError) -> Entry {
        var fields = line.split(separator: ",", omittingEmptySubsequences: false)
        var tag = ""
        if let first = fields.first, first.hasPrefix("Tag=") {
            tag = String(first.dropFirst(4))
            fields.removeFirst()
        }
        guard fields.count == 4, let start = Double(fields[0]), let length = Double(fields[1]),
            (0...1e9).contains(start), (0...1e9).contains(length), Double(fields[2]) != nil
        else {
            throw HistogramTextError(
                description: "expected Tag=NAME,START,LENGTH,MAX,HISTOGRAM, found '\(line)'")
        }
        return Entry(
            tag: tag, start: .nanoseconds(Int64((start * 1e9).rounded())),
            length: .nanoseconds(Int64((length * 1e9).rounded())),
            histogram: try HistogramText.decode(fields[3]))
    }

    /// Brings the logs of several generators together: histograms of a tag whose intervals are
    /// the nearest ones on the common clock are added up.
    public static func merge(_ logs: [IntervalLog]) -> IntervalLog {
        let filled = logs.filter { !$0.entries.isEmpty }
        guard let began = filled.map(\.began).min(),
            let length = filled.flatMap(\.entries).map(\.length.nanoseconds).max(), length > 0
        else {
            return IntervalLog(
                began: logs.map(\.began).min() ?? .init(microseconds: 0), entries: [])
        }
        var places: [String: Int] = [:]
        var merged: [Entry] = []
        for log in filled {
            let ahead = Int64(log.began.microseconds - began.microseconds) * 1_000
            for entry in log.entries {
                let time = entry.start.nanoseconds + ahead
                let index = (time + length / 2) / length
                let place = places["\(index) \(entry.tag)"] ?? merged.count
                if place == merged.count {
                    places["\(index) \(entry.tag)"] = place
                    merged.append(
                        Entry(
                            tag: entry.tag, start: .nanoseconds(index * length),
                            length: .nanoseconds(length), histogram: Histogram()))
                }
                merged[place].histogram.merge(entry.histogram)
            }
        }
        merged.sort { ($0.start, $0.tag) < ($1.start, $1.tag) }
        return IntervalLog(began: began, entries: merged)
    }

    /// The whole log's histogram of each tag, in order of the tags.
    public var totals: [(tag: String, histogram: Histogram)] {
        var totals: [String: Histogram] = [:]
        for entry in entries { totals[entry.tag, default: Histogram()].merge(entry.histogram) }
        return totals.keys.sorted().map { ($0, totals[$0] ?? Histogram()) }
    }

    /// The time series as CSV: a line an interval and tag, latencies in microseconds.
    public var csv: String {
        var text =
            "start_s,operation,operations,rate,p50_us,p90_us,p99_us,p999_us,max_us,anomalies\n"
        for entry in entries {
            let histogram = entry.histogram
            let rate = Double(histogram.count) / max(entry.length.seconds, 1e-9)
            let latencies = [50.0, 90, 99, 99.9].map { histogram.percentile($0) }
            let numbers = (latencies + [histogram.maximum]).map { (Double($0) / 1_000).fixed(3) }
            text += "\(entry.start.seconds.fixed(3)),\(entry.tag),\(histogram.count),"
            text += "\(rate.fixed(1)),\(numbers.joined(separator: ",")),"
            text += "\(entry.anomalies.map { "\($0)" } ?? "")\n"
        }
        return text
    }
}

/// A log that cannot be read; says where.
public struct IntervalLogError: Error, Equatable, Sendable, CustomStringConvertible {
    public let description: String
}
