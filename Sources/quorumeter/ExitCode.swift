/// How a command ends; the same numbers for every command.
public enum ExitCode: Int32, Sendable {
    /// It held: claims hold, the history satisfies the model, the run finished.
    case held = 0
    /// It did not hold: a violation, a falsified claim, a significant regression.
    case violated = 1
    /// Wrong use or bad input.
    case misuse = 2
    /// A time or memory cap was reached, or there were too few samples.
    case inconclusive = 3
    /// A server could not start, or a target cannot be reached.
    case environment = 4
}

/// The end of a command that could not do its work: a sentence for standard error and a code.
public struct CommandFailure: Error, CustomStringConvertible {
    public let code: ExitCode
    public let description: String

    public init(_ code: ExitCode, _ description: String) {
        self.code = code
        self.description = description
    }
}
