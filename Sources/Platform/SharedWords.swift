import Basics
import Glibc
import Synchronization

/// A file of 64-bit words that several processes have mapped: each word is read and written whole,
/// and what was written before it is seen before it.
///
/// For settings that change while a process runs, and for counters that others look at. What is in
/// the file outlives the processes.
public final class SharedWords: @unchecked Sendable {
    // Sendable without checking: the words are atomic, and the mapping lives as long as this.
    private let words: UnsafeMutablePointer<Atomic<UInt64>>
    public let count: Int
    public let path: String

    /// Maps the first `count` words of the file, which is created, or extended with zeros, as far
    /// as it is shorter.
    public init(_ path: String, count: Int) throws(SystemError) {
        precondition(count > 0, "an empty mapping cannot be had")
        let file = try File(path, .readWrite, permissions: 0o600)
        let bytes = count * MemoryLayout<UInt64>.stride
        if try file.size() < bytes { try file.truncate(to: bytes) }
        let mapped = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.descriptor, 0)
        guard let mapped, mapped != MAP_FAILED else { throw SystemError("mmap", path) }
        // An atomic word has the layout of its value; a file is mapped at a page's beginning.
        words = mapped.bindMemory(to: Atomic<UInt64>.self, capacity: count)
        self.count = count
        self.path = path
    }

    deinit { munmap(words, count * MemoryLayout<UInt64>.stride) }

    public subscript(index: Int) -> UInt64 {
        get {
            precondition(index >= 0 && index < count, "outside the mapping")
            return words[index].load(ordering: .acquiring)
        }
        set {
            precondition(index >= 0 && index < count, "outside the mapping")
            words[index].store(newValue, ordering: .releasing)
        }
    }

    /// Adds to a word; wraps around.
    public func add(_ amount: UInt64, at index: Int) {
        precondition(index >= 0 && index < count, "outside the mapping")
        words[index].wrappingAdd(amount, ordering: .relaxed)
    }
}
