/// Why a history could not be read: where, what is wrong, and what was expected there.
public struct HistoryError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The name of the input, usually a path.
    public var file: String
    /// One-based line; 0 in a binary file.
    public var line: Int
    /// One-based byte column; in a binary file the zero-based offset.
    public var column: Int
    /// A sentence for a person: what was wrong and what was expected.
    public var problem: String

    public init(file: String, line: Int, column: Int, problem: String) {
        self.file = file
        self.line = line
        self.column = column
        self.problem = problem
    }

    public var description: String {
        line == 0 ? "\(file): byte \(column): \(problem)" : "\(file):\(line):\(column): \(problem)"
    }
}
