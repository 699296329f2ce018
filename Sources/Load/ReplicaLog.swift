import Basics
import Causality
import Consistency
import Wire

/// What the store said of the operations that a recorder keeps, one entry for each: who answered,
/// and with which version. Only where it was asked for.
struct ReplicaLog {
    /// Of one operation; nothing is known of one that failed.
    struct Entry {
        var version = Version.none
        /// Who answered, by place in `names`; of these, those who stood in for a replica.
        var replicas: UInt64 = 0
        var standIns: UInt64 = 0
        /// The address that was asked, by its place in the target's list.
        var address: Int32 = -1

        var isEmpty: Bool { replicas == 0 && version.isNone }
    }

    /// Names that replies have used.
    private(set) var names: [[UInt8]] = []
    private(set) var entries = ContiguousArray<Entry>()
    /// What the reply that was read last said, until it is noted.
    private var heard = Entry()

    /// More names than this are not told apart; what they said is left out.
    private static let nameLimit = 64
    /// Entries for which room is made before the first.
    private static let reserve = 1 << 18

    private let keeps: Bool

    /// Without `keeps` replies are read and forgotten.
    init(keeps: Bool) {
        self.keeps = keeps
        if keeps { entries.reserveCapacity(ReplicaLog.reserve) }
    }

    /// Adds what was heard to the entry of the operation that is recorded now.
    mutating func note(address: Int) {
        guard keeps else { return }
        if !heard.isEmpty { heard.address = Int32(truncatingIfNeeded: address) }
        entries.append(heard)
        heard = Entry()
    }

    /// Takes in a reply of QGET or QSET: names and what they stand for, in turn. Returns the first
    /// of its values.
    mutating func hear(_ reply: Reply) -> Bytes? {
        enum Part { case values, version, replicas, fallbacks, other }
        heard = Entry()
        var value: Bytes?
        var part: Part?
        reply.forEachElement { element in
            guard let current = part else {
                part = Part.other
                if element.payload.matches("VALUES") { part = .values }
                if element.payload.matches("VERSION") { part = .version }
                if element.payload.matches("REPLICAS") { part = .replicas }
                if element.payload.matches("FALLBACKS") { part = .fallbacks }
                return
            }
            part = nil
            switch current {
            case .values: element.forEachElement { value = value ?? $0.payload }
            case .version where element.kind == .bulk:
                heard.version = Version(text: element.payload) ?? .none
            case .replicas: heard.replicas = mask(element)
            case .fallbacks: heard.standIns = mask(element)
            default: break
            }
        }
        return value
    }

    private mutating func mask(_ list: Reply) -> UInt64 {
        var mask: UInt64 = 0
        list.forEachElement { name in
            if let place = place(of: name.payload) { mask |= 1 << UInt64(place) }
        }
        return mask
    }

    private mutating func place(of name: Bytes) -> Int? {
        for place in names.indices
        where names[place].count == name.count
            && names[place].indices.allSatisfy({ names[place][$0] == name[$0] })
        {
            return place
        }
        guard names.count < ReplicaLog.nameLimit else { return nil }
        names.append(name.copied())
        return names.count - 1
    }

    /// Entry `index` as a history has it; nil when nothing is known. `nodes`: names of the
    /// target's addresses, as far as they are known.
    func detail(_ index: Int, nodes: [String], in history: inout History) -> Detail? {
        guard index < entries.count, !entries[index].isEmpty else { return nil }
        let entry = entries[index]
        var detail = Detail()
        if !entry.version.isNone {
            detail.version = StoreVersion(
                stamp: entry.version.stamp, actor: entry.version.actor.raw)
        }
        if nodes.indices.contains(Int(entry.address)) {
            detail.node = history.node(nodes[Int(entry.address)])
        }
        for place in names.indices where entry.replicas & 1 << UInt64(place) != 0 {
            detail.acks.append(
                Detail.Ack(
                    node: history.node(String(decoding: names[place], as: UTF8.self)),
                    isFallback: entry.standIns & 1 << UInt64(place) != 0))
        }
        return detail
    }
}
