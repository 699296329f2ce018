import Glibc

/// A system call that was refused: which one, on what, and what the system said.
public struct SystemError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The system call, as in its manual page.
    public let call: String
    /// The error number, as in errno(3).
    public let code: Int32
    /// The path, address or process that it was about; may be empty.
    public let subject: String

    /// `code` defaults to what the calling thread's last system call left behind.
    public init(_ call: String, _ subject: String = "", code: Int32 = errno) {
        self.call = call
        self.code = code
        self.subject = subject
    }

    /// What the system calls the error, such as "address already in use".
    public var reason: String {
        let text = String(cString: strerror(code))
        return text.prefix(1).lowercased() + text.dropFirst()
    }

    public var description: String {
        subject.isEmpty ? "\(reason) (\(call))" : "\(reason): \(subject) (\(call))"
    }
}
