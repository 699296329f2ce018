import Basics
import Consistency
import Workloads

/// Turns what the recorders kept into a history.
struct HistoryBuilder {
    private let workload: Workload
    private let beginning: Instant
    private let own: OwnNumbers
    private let nodes: [String]
    private var history = History()
    /// Indices into the history's key table, by the numbers in their names; looked up, never
    /// iterated.
    private var keys: [UInt64: UInt32] = [:]
    private var earlier = Set<EarlierValue>()
    private var strangers = Strangers()
    private(set) var earlierWrites = 0

    private struct EarlierValue: Hashable {
        let key: UInt32
        let value: ValueID
    }

    /// `nodes`: names of the target's addresses.
    init(
        _ workload: Workload, beginning: Instant, own: OwnNumbers, nodes: [String] = []
    ) {
        self.workload = workload
        self.nodes = nodes
        self.beginning = beginning
        self.own = own
    }

    /// The history of all recorders, each with what the store said of its operations.
    mutating func build(
        _ recorders: [(recorder: Recorder, replicas: ReplicaLog?)], phase: LoadPlan.Phase
    ) -> History {
        history.reserve(recorders.reduce(0) { $0 + $1.recorder.count })
        for (recorder, replicas) in recorders {
            var index = 0
            recorder.forEach { entry in
                let detail = replicas?.detail(index, nodes: nodes, in: &history)
                add(entry, detail, phase)
                index += 1
            }
        }
        return history
    }

    private mutating func add(
        _ entry: Recorder.Entry, _ detail: Detail?, _ phase: LoadPlan.Phase
    ) {
        let key = key(of: entry)
        let value = value(entry.value)
        if phase == .transactions, !entry.isWrite, entry.outcome == .ok {
            addEarlierWrite(of: value, key)
        }
        let operation = Operation(
            entry, process: process(of: entry), key, value, beginning: beginning)
        if let detail {
            history.append(operation, detail: detail)
        } else {
            history.append(operation)
        }
    }

    /// What scans found was read in no known order: it belongs to no session.
    private mutating func process(of entry: Recorder.Entry) -> UInt32 {
        entry.isScanned ? strangers.take() : entry.process
    }

    /// A value of the load phase, of an earlier run, or of another program was there before this
    /// run began: its write is one that ended then. All of these are concurrent, since nobody
    /// knows their order; each has a process of its own.
    private mutating func addEarlierWrite(of value: ValueID, _ key: UInt32) {
        guard !value.isAbsent, value.isInterned || !own.contains(value.process),
            earlier.insert(EarlierValue(key: key, value: value)).inserted
        else { return }
        let process = strangers.take()
        earlierWrites += 1
        history.append(
            Operation(
                process: process, key: key, kind: .write, outcome: .ok, value: value,
                invoked: -2, completed: -1, flags: .assumed))
    }

    private mutating func key(of entry: Recorder.Entry) -> UInt32 {
        let name = KeyName(of: entry, workload)
        if let index = keys[name.number] { return index }
        let index = history.key(name.text)
        keys[name.number] = index
        return index
    }

    private mutating func value(_ number: UInt64) -> ValueID {
        if number & Recorder.opaque == 0 { return ValueID(raw: number) }
        return history.value("other:" + String(number & ~Recorder.opaque, radix: 16))
    }
}

/// The numbers of processes that one of several load generators gives out: its residue classes.
struct OwnNumbers: Sendable {
    let first, stride: UInt32
    /// Residues, counted from `first`.
    let classes: Range<UInt32>
    /// One above the largest number given out.
    var end = UInt32.max

    init(_ plan: LoadPlan, first: UInt32) {
        self.first = first
        stride = UInt32(plan.workers * plan.generators)
        let lowest = UInt32(plan.worker * plan.generators)
        classes = lowest..<lowest + UInt32(plan.generators)
    }

    func contains(_ process: UInt32) -> Bool {
        process >= first && process < end && classes.contains((process - first) % stride)
    }
}

/// Process numbers that no client of a run has, above the loader's; used again after two million.
struct Strangers {
    private var taken: UInt32 = 0

    mutating func take() -> UInt32 {
        defer { taken = (taken + 1) % (WriteID.loader - 1) }
        return WriteID.loader + 1 + taken
    }
}

extension KeyName {
    /// The name of an entry's key.
    init(of entry: Recorder.Entry, _ workload: Workload) {
        if entry.isScanned {
            self.init(number: entry.record, zeroPadding: workload.zeroPadding)
        } else {
            self.init(
                record: entry.record, insertOrder: workload.insertOrder,
                zeroPadding: workload.zeroPadding)
        }
    }
}

extension Operation {
    /// An entry as an operation of a history; times count from `beginning`.
    init(
        _ entry: Recorder.Entry, process: UInt32, _ key: UInt32, _ value: ValueID,
        beginning: Instant
    ) {
        let outcome: Operation.Outcome =
            switch entry.outcome {
            case .ok: .ok
            case .fail: .fail
            case .unknown: .unknown
            }
        func time(_ instant: Instant) -> Int64 { (instant - beginning).nanoseconds }
        self.init(
            process: process, key: key, kind: entry.isWrite ? .write : .read, outcome: outcome,
            value: value, invoked: time(entry.invoked), completed: time(entry.completed),
            intended: time(entry.intended))
    }
}
