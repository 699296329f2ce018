/// The files of the pure half that may hold unsafe memory, and why each must.
enum UnsafeFiles {
    private static let scanning =
        "parses megabytes of history: one bounds check a field, not a byte"

    /// By path below Sources.
    static let reasons: [String: String] = [
        "Basics/Bytes.swift": "the borrowed bytes that all others are built on",
        "Basics/ByteBuffer.swift": "owned output that is appended to without zeroing",
        "Basics/CRC32C.swift": "reads words of eight bytes",
        "Basics/Slots.swift": "elements are updated in place, without moving",
        "Basics/XXH3.swift": "reads words of eight bytes",
        "Storage/Record.swift": "a record is one allocation: header, key and value",
        "Storage/RecordTable.swift": "open addressing over 16-byte slots",
        "Storage/KeyIndex.swift": "nodes of eight bytes a record, moved in one go",
        "Workloads/KeyHash.swift": "writes a key in place",
        "Workloads/RecordValue.swift": "fills a value from a block of random bytes",
        "Consistency/Check/Checker.swift": "lends the operations to the workers",
        "Consistency/Check/KeyRun.swift": "the operations of one key, borrowed",
        "Consistency/Check/KeyWork.swift": "the operations of one key, borrowed",
        "Consistency/Check/CrossKeys.swift": "the operations of one key, borrowed",
        "Consistency/Check/Minimizer.swift": "the operations of one key, borrowed",
        "Consistency/Check/SessionOrder.swift": "the operations of a session, borrowed",
        "Consistency/Check/Siblings.swift": "the operations of one key, borrowed",
        "Consistency/Formats/BinaryHistory.swift": "a checksum over borrowed bytes",
        "Consistency/Formats/BinaryHistoryReader.swift": scanning,
        "Consistency/Formats/EDNParser.swift": scanning,
        "Consistency/Formats/EventHistory.swift": "looks at names that a parser borrows",
        "Consistency/Formats/JepsenLogParser.swift": scanning,
        "Consistency/Check/StateSet.swift": "states of a search, compared word by word",
        "Consistency/Check/JustInTime.swift": "states of a search, grown in place",
        "Consistency/Check/Scratch.swift": "arrays that are reused from key to key",
        "Consistency/Check/Zones.swift": "sorts a part of such an array",
        "Consistency/Formats/JSONLinesFields.swift": scanning,
        "Consistency/Formats/JSONLinesParser.swift": scanning,
        "Consistency/Formats/JSONLinesWriter.swift": "writes names without copying them",
        "Consistency/Formats/JSONScanner.swift": scanning,
        "Consistency/Formats/TextScanner.swift": scanning,
        "Consistency/History/Excluded.swift": "looks at names that a parser borrows",
        "Consistency/History/History.swift": "interns names that a parser borrows",
        "Consistency/History/NameTable.swift": "interns names that a parser borrows",
        "Simulation/Engine/EventHeap.swift": "sifts in place, without a uniqueness check a step",
        "Simulation/World/ClientCodec.swift": "reads replies out of the connection's bytes",
        "Simulation/World/SimulatedDisk.swift": "copies a file's bytes in one go",
    ]
}
