import Basics
import Replication

/// Kinds of requests that are counted apart.
public enum RequestClass: UInt8, Sendable, CaseIterable {
    case read, write, delete, change, scan, definition

    public var name: String { "\(self)" }
}

/// What is known of a request that has not been answered yet.
public struct BegunRequest: Sendable {
    /// When it was read.
    public let at: Instant
    public let kind: RequestClass
    let command: UInt8

    init(at: Instant, kind: RequestClass, command: UInt8) {
        self.at = at
        self.kind = kind
        self.command = command
    }

    /// The command's name, upper case.
    public var name: String { "\(Command.all[Int(command)].word)" }
}

extension Request {
    /// Its class, and the key that it is about.
    @inline(__always)
    var metered: (RequestClass, Bytes) {
        switch self {
        case .get(let key, _), .life(let key, _): (.read, key.bytes)
        case .put(let key, _, _): (.write, key.bytes)
        case .delete(let key, _): (.delete, key.bytes)
        case .change(let key, _, _): (.change, key.bytes)
        case .sibling(let write): (.write, write.key.bytes)
        case .scan: (.scan, .empty)
        case .define: (.definition, .empty)
        }
    }
}
