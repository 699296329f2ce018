import Basics

/// Lengths of fields by a histogram, in YCSB's format: a line `BlockSize<tab>BYTES`, then lines
/// `BUCKET<tab>COUNT`, buckets counted from 0. A field of bucket b has (b + 1) × block size bytes.
public struct FieldLengths: Sendable, Equatable {
    /// Bytes of a bucket's step.
    public let blockSize: Int
    /// Counts of the buckets in order; their sum is above 0.
    public let counts: [UInt64]
    private let ends: [UInt64]

    /// Reads the text of a histogram file.
    public init(parsing text: String, file: String) throws(PropertyError) {
        var blockSize: Int?
        var counts: [UInt64] = []
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false)
            .enumerated()
        {
            let words = line.split { $0 == " " || $0 == "\t" || $0 == "\r" }
            guard !words.isEmpty else { continue }
            let origin = "\(file):\(number + 1)"
            guard words.count == 2 else {
                throw PropertyError(origin: origin, problem: "'\(line)' is not two columns")
            }
            guard blockSize != nil else {
                guard words[0] == "BlockSize", let size = Int(words[1]),
                    (1...Limits.valueBytes).contains(size)
                else {
                    throw PropertyError(
                        origin: origin,
                        problem: "expected 'BlockSize' and a number of bytes, found '\(line)'")
                }
                blockSize = size
                continue
            }
            guard let bucket = Int(words[0]), bucket == counts.count, let count = UInt64(words[1]),
                count < 1 << 40, bucket < 1 << 20
            else {
                throw PropertyError(
                    origin: origin,
                    problem: "expected bucket \(counts.count) and its count, found '\(line)'")
            }
            counts.append(count)
        }
        guard let blockSize, counts.contains(where: { $0 > 0 }) else {
            throw PropertyError(
                origin: file, problem: "a histogram of field lengths has a count above 0")
        }
        self.blockSize = blockSize
        self.counts = counts
        var sum: UInt64 = 0
        ends = counts.map {
            sum += $0
            return sum
        }
    }

    /// The longest field in bytes.
    public var longest: Int {
        blockSize * ((counts.lastIndex { $0 > 0 } ?? 0) + 1)
    }

    /// Draws a length. O(log buckets).
    public func draw(_ random: inout RandomSource) -> Int {
        let wanted = random.below(ends[ends.count - 1])
        var (low, high) = (0, ends.count - 1)
        while low < high {
            let middle = (low + high) / 2
            if ends[middle] > wanted { high = middle } else { low = middle + 1 }
        }
        return (low + 1) * blockSize
    }
}
