import Basics

/// Why a data directory cannot be used. Nothing has been changed in it.
public enum StorageError: Error, Sendable, Equatable {
    /// The disk refused; what it said.
    case disk(String)
    /// Bytes that had been made durable are no longer what was written.
    case damaged(file: String, offset: Int, what: String)
    /// A file is not there although others need it.
    case missing(file: String, what: String)
    /// Written by a release that knows a later format.
    case newerFormat(file: String, found: UInt32, supported: UInt32)
    /// Belongs to another node, cluster or store.
    case foreign(file: String, found: String, expected: String)
    /// Not a file of this store at all.
    case unrecognised(file: String, what: String)

    /// Whether this node's own data was lost, which the other replicas can make good.
    public var isLoss: Bool {
        switch self {
        case .damaged, .missing: true
        case .disk, .newerFormat, .foreign, .unrecognised: false
        }
    }
}

extension StorageError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .disk(let message):
            message
        case .damaged(let file, let offset, let what):
            "\(file) is damaged at byte \(offset): \(what); restore the file, or start"
                + " with --rebuild and let the other replicas fill it again"
        case .missing(let file, let what):
            "\(file) is missing: \(what); restore the file, or start with --rebuild and let the"
                + " other replicas fill it again"
        case .newerFormat(let file, let found, let supported):
            "\(file) has format \(found), but this release reads formats up to \(supported);"
                + " start the release that wrote it, or a later one"
        case .foreign(let file, let found, let expected):
            "\(file) belongs to \(found), expected \(expected); check the data directory's path"
        case .unrecognised(let file, let what):
            "\(file) is not a file of this store: \(what); check the data directory's path"
        }
    }
}

/// Turns what a disk throws into what opening a store throws.
func asStorageError<Result>(
    _ body: () throws(DiskError) -> Result
) throws(StorageError) -> Result {
    do { return try body() } catch { throw .disk(error.description) }
}
