/// The values that appending makes, numbered like the history's own; those that the history knows
/// keep their number, so that reads find them.
struct AppendedValues {
    private let known: NameTable
    private var made = NameTable()
    private var results: [[UInt64]: UInt64] = [:]
    private static let madeBit: UInt64 = 1 << 62

    init(_ known: NameTable) { self.known = known }

    mutating func append(_ suffix: UInt64, to value: UInt64) -> UInt64 {
        if value == 0 { return suffix }
        if let result = results[[value, suffix]] { return result }
        let text = text(value) + text(suffix)
        let result =
            known.find(text).map { ValueID.interned($0).raw }
            ?? (1 << 63 | AppendedValues.madeBit | UInt64(made.intern(text)))
        results[[value, suffix]] = result
        return result
    }

    private func text(_ raw: UInt64) -> String {
        let value = ValueID(raw: raw)
        if value.isAbsent { return "" }
        if !value.isInterned { return "w:\(value.process):\(value.sequence)" }
        let isMade = raw & AppendedValues.madeBit != 0
        return (isMade ? made : known).text(Int(value.tableIndex))
    }
}
