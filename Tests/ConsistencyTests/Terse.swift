import Basics
import Consistency

/// Histories in one line: `w1[0,10] r1@2[20,30] w2[5,inf] d[1,2] c1>2[3,4]`, key `k` unless
/// `x:` and so on stands before. `r0` reads absent, `@2` names process 2 (default: a process of
/// its own), `inf` means never answered, a `!` behind the bracket that it failed.
func terse(_ text: String) -> History {
    var history = History()
    for (number, word) in text.split(separator: " ").enumerated() {
        var word = word
        var keyName = "k"
        if let colon = word.firstIndex(of: ":") {
            keyName = String(word[..<colon])
            word = word[word.index(after: colon)...]
        }
        let failed = word.hasSuffix("!")
        if failed { word = word.dropLast() }
        let parts = word.split(whereSeparator: { "[],".contains($0) })
        let head = parts[0].split(separator: "@")
        let process = head.count > 1 ? UInt32(head[1]) ?? 0 : UInt32(100 + number)
        let kind: Operation.Kind =
            switch head[0].first {
            case "w": .write
            case "d": .delete
            case "c": .cas
            default: .read
            }
        let numbers = head[0].dropFirst().split(separator: ">").map { UInt64($0) ?? 0 }
        func value(_ n: UInt64) -> ValueID {
            n == 0 ? .absent : .write(process: 0, sequence: n)
        }
        let unknown = parts[2] == "inf"
        history.append(
            Operation(
                process: process, key: history.key(keyName), kind: kind,
                outcome: failed ? .fail : unknown ? .unknown : .ok,
                value: value(numbers.last ?? 0),
                expected: kind == .cas ? value(numbers[0]) : .absent,
                invoked: Int64(parts[1]) ?? 0,
                completed: unknown ? Operation.never : Int64(parts[2]) ?? 0,
                flags: failed && kind == .cas ? .refuted : []))
    }
    return history
}

/// The line for a history, for messages.
func describe(_ history: History) -> String {
    history.operations.map { operation in
        let kind =
            switch operation.kind {
            case .read: "r\(operation.value.sequence)"
            case .write: "w\(operation.value.sequence)"
            case .delete: "d"
            case .cas: "c\(operation.expected.sequence)>\(operation.value.sequence)"
            }
        let end = operation.completed == Operation.never ? "inf" : "\(operation.completed)"
        return "\(history.keyText(operation.key)):\(kind)@\(operation.process)"
            + "[\(operation.invoked),\(end)]\(operation.outcome == .fail ? "!" : "")"
    }.joined(separator: " ")
}
