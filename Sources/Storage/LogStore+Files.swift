import Basics

/// Small files beside the log, each replaced as a whole.
extension LogStore {
    /// Replaces a file atomically and durably; without a log nothing is kept.
    public func keepFile(_ name: String, _ bytes: [UInt8]) throws(DiskError) {
        switch log {
        case .some(let log): try log.disk.replace(name, with: bytes)
        case .none: break
        }
    }
}

extension Disk {
    /// All that a file holds; nil if there is none.
    public func contents(of name: String) throws(StorageError) -> [UInt8]? {
        try asStorageError { () throws(DiskError) in
            guard let file = try files().first(where: { $0.name == name }) else { return nil }
            return try read(name, at: 0, count: file.size)
        }
    }
}
