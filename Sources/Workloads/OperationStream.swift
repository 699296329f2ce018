import Basics

/// What an operation does to records.
public enum OperationKind: UInt8, Sendable, CaseIterable {
    case read, update, insert, scan, readModifyWrite

    /// YCSB's name in its output.
    public var name: String {
        switch self {
        case .read: "READ"
        case .update: "UPDATE"
        case .insert: "INSERT"
        case .scan: "SCAN"
        case .readModifyWrite: "READ-MODIFY-WRITE"
        }
    }
}

/// One operation to be done.
public struct PlannedOperation: Sendable, Equatable {
    public let kind: OperationKind
    /// The record's number: what `KeyName` names.
    public let record: UInt64
    /// Records to be scanned; 0 for other kinds.
    public let scanLength: UInt32
    /// Of an insert: the number to give to `acknowledge`.
    public let insertion: UInt64

    public init(
        kind: OperationKind, record: UInt64, scanLength: UInt32 = 0, insertion: UInt64 = 0
    ) {
        self.kind = kind
        self.record = record
        self.scanLength = scanLength
        self.insertion = insertion
    }
}

/// The operations of a transaction phase, one after the other: a function of the workload and
/// the random source alone.
///
/// Several clients share a workload without talking: client i of n inserts every n-th new
/// record and chooses among the initial ones and its own.
public struct OperationStream: Sendable {
    private let insertCount, insertStart, recordCount: UInt64
    private let share, shares: UInt64
    private var chooser: KeyChooser
    private var random: RandomSource
    private let mix: OperationMix
    private let scanLengths: LengthChooser
    private var insertions = InsertionOrder()

    public init(
        _ workload: Workload, random: RandomSource, share: Int = 0, of shares: Int = 1
    ) {
        precondition(share >= 0 && share < shares, "a client's share is one of them")
        insertCount = workload.insertCount
        insertStart = workload.insertStart
        recordCount = workload.recordCount
        self.share = UInt64(share)
        self.shares = UInt64(shares)
        chooser = KeyChooser(workload, share: share, of: shares)
        self.random = random
        mix = OperationMix(workload)
        scanLengths = LengthChooser(
            workload.scanLengthDistribution, workload.minScanLength...workload.maxScanLength)
    }

    /// The next operation. O(1), allocates nothing. Without any record, everything inserts.
    public mutating func next() -> PlannedOperation {
        var kind = mix.next(&random)
        let existing = insertCount + insertions.acknowledged
        if existing == 0 { kind = .insert }
        if kind == .insert {
            let insertion = insertions.begin()
            return PlannedOperation(
                kind: .insert, record: record(at: insertCount + insertion), insertion: insertion)
        }
        let record = record(at: chooser.next(existing: existing, &random))
        let length = kind == .scan ? UInt32(scanLengths.next(&random)) : 0
        return PlannedOperation(kind: kind, record: record, scanLength: length)
    }

    /// An insert has ended, either way: its record may be chosen once all before it have ended.
    public mutating func acknowledge(_ insertion: UInt64) { insertions.acknowledge(insertion) }

    /// The number of the record at a place of this client's order of insertion.
    private func record(at place: UInt64) -> UInt64 {
        if place < insertCount { return insertStart + place }
        return recordCount + (place - insertCount) * shares + share
    }
}

/// Draws kinds of operations in the proportions of a workload.
struct OperationMix: Sendable {
    private var limits = InlineArray<5, UInt64>(repeating: 0)
    private var mostLikelyLast = OperationKind.read

    init(_ workload: Workload) {
        let shares = [
            workload.readProportion, workload.updateProportion, workload.insertProportion,
            workload.scanProportion, workload.readModifyWriteProportion,
        ]
        let whole = shares.reduce(0, +)
        precondition(whole > 0, "a workload needs operations")
        var sum = 0.0
        for (i, share) in shares.enumerated() {
            sum += share
            limits[i] = UInt64(sum / whole * 0x1p53)
            if share > 0, let kind = OperationKind(rawValue: UInt8(i)) { mostLikelyLast = kind }
        }
    }

    @inline(__always)
    func next(_ random: inout RandomSource) -> OperationKind {
        let draw = random.next() >> 11
        if draw < limits[0] { return .read }
        if draw < limits[1] { return .update }
        if draw < limits[2] { return .insert }
        if draw < limits[3] { return .scan }
        return draw < limits[4] ? .readModifyWrite : mostLikelyLast
    }
}

/// Draws lengths between two limits.
struct LengthChooser: Sendable {
    private let distribution: Workload.LengthDistribution
    private let limits: ClosedRange<Int>
    private let zipf: Zipf
    private let histogram: FieldLengths?

    /// `histogram` is there if the distribution is one.
    init(
        _ distribution: Workload.LengthDistribution, _ limits: ClosedRange<Int>,
        histogram: FieldLengths? = nil
    ) {
        self.distribution = distribution
        self.histogram = histogram
        self.limits = limits
        zipf = Zipf(ranks: UInt64(limits.count), exponent: 0.99)
    }

    /// Constant lengths are the upper limit; Zipf's favour short ones.
    func next(_ random: inout RandomSource) -> Int {
        switch distribution {
        case .constant: limits.upperBound
        case .uniform: limits.lowerBound + random.below(limits.count)
        case .zipfian: limits.lowerBound + Int(zipf.draw(&random)) - 1
        case .histogram: histogram?.draw(&random) ?? limits.upperBound
        }
    }
}

/// Which of the records begun to be inserted may be counted on: all below the first that has not
/// ended.
struct InsertionOrder: Sendable {
    /// How far an insert may lag behind the newest before it is no longer waited for.
    static let window: UInt64 = 1 << 20
    private var ended: [UInt64] = []
    private var begun: UInt64 = 0
    /// Every insertion below has ended.
    private(set) var acknowledged: UInt64 = 0

    mutating func begin() -> UInt64 {
        if ended.isEmpty { ended = Array(repeating: 0, count: Int(InsertionOrder.window / 64)) }
        if begun - acknowledged == InsertionOrder.window { acknowledge(acknowledged) }
        defer { begun += 1 }
        return begun
    }

    mutating func acknowledge(_ insertion: UInt64) {
        guard insertion >= acknowledged, insertion < begun else { return }
        mark(insertion, true)
        while acknowledged < begun, isMarked(acknowledged) {
            mark(acknowledged, false)
            acknowledged += 1
        }
    }

    private func isMarked(_ insertion: UInt64) -> Bool {
        let bit = insertion % InsertionOrder.window
        return ended[Int(bit / 64)] >> (bit % 64) & 1 == 1
    }

    private mutating func mark(_ insertion: UInt64, _ value: Bool) {
        let bit = insertion % InsertionOrder.window
        let mask: UInt64 = 1 << (bit % 64)
        if value { ended[Int(bit / 64)] |= mask } else { ended[Int(bit / 64)] &= ~mask }
    }
}
