/// A cursor over borrowed bytes that knows its line and column; the ground that the text formats
/// share. Never reads past the end.
struct TextScanner {
    let base: UnsafePointer<UInt8>
    let end: Int
    let file: String
    var position = 0
    /// Where the current line began.
    var lineStart = 0
    /// One-based.
    var line = 1

    /// `bytes` must outlive the scanner.
    init(_ bytes: UnsafeRawBufferPointer, file: String, line: Int = 1) {
        let place = bytes.baseAddress ?? UnsafeRawPointer(bitPattern: 8).unsafelyUnwrapped
        base = place.assumingMemoryBound(to: UInt8.self)
        end = bytes.count
        self.file = file
        self.line = line
    }

    @inline(__always) var isAtEnd: Bool { position >= end }

    /// The next byte, or 0 at the end.
    @inline(__always) var current: UInt8 { position < end ? base[position] : 0 }

    func failure(_ problem: String, at place: Int? = nil) -> HistoryError {
        HistoryError(
            file: file, line: line, column: (place ?? position) - lineStart + 1, problem: problem)
    }

    /// What stands at the cursor, for a message.
    var found: String {
        if isAtEnd || current == 10 { return "the end of the line" }
        let byte = current
        return byte > 32 && byte < 127
            ? "'\(Character(UnicodeScalar(byte)))'" : "byte \(byte)"
    }

    @inline(__always)
    mutating func skipBlanks() {
        while position < end, base[position] == 32 || base[position] == 9 || base[position] == 13 {
            position &+= 1
        }
    }

    mutating func newLine() {
        position += 1
        line += 1
        lineStart = position
    }

    @inline(__always)
    mutating func expect(_ byte: UInt8) throws(HistoryError) {
        skipBlanks()
        guard position < end, base[position] == byte else {
            throw failure("expected '\(Character(UnicodeScalar(byte)))', found \(found)")
        }
        position &+= 1
    }

    /// True when the bytes at the cursor are `text`; does not move.
    @inline(__always)
    func sees(_ text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        guard end &- position >= count else { return false }
        let expected = text.utf8Start
        for i in 0..<count where base[position &+ i] != expected[i] { return false }
        return true
    }

    func slice(_ start: Int, _ end: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: base + start, count: end - start)
    }
}
