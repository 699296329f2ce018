import CJemalloc

/// What the allocator of the whole process says about itself (jemalloc(3), `stats`).
public struct JemallocStatistics: Sendable, Equatable {
    /// Bytes that the program has allocated and not freed.
    public let allocated: Int
    /// Bytes in pages that hold at least one allocation.
    public let active: Int
    /// Bytes of physical memory that the allocator holds.
    public let resident: Int

    /// Reads them afresh; nil when jemalloc is not the allocator or was built without statistics.
    public init?() {
        var epoch: UInt64 = 1
        guard mallctl("epoch", nil, nil, &epoch, 8) == 0,
            let allocated = JemallocStatistics.read("stats.allocated"),
            let active = JemallocStatistics.read("stats.active"),
            let resident = JemallocStatistics.read("stats.resident")
        else { return nil }
        self.allocated = allocated
        self.active = active
        self.resident = resident
    }

    /// Allocations that all threads have ever made; nil without jemalloc. Counts of a thread's
    /// cache arrive with a delay, so that a difference is exact only over many operations.
    public static var allocations: Int? {
        var epoch: UInt64 = 1
        // 4096 stands for all arenas together (MALLCTL_ARENAS_ALL).
        guard mallctl("epoch", nil, nil, &epoch, 8) == 0,
            let small = read("stats.arenas.4096.small.nmalloc"),
            let large = read("stats.arenas.4096.large.nmalloc")
        else { return nil }
        return small + large
    }

    /// Bytes that the calling thread has ever allocated: what a stretch of code allocates is the
    /// difference of two readings. Zero without jemalloc.
    public static var allocatedByThread: UInt64 {
        var value: UInt64 = 0
        var size = 8
        return mallctl("thread.allocated", &value, &size, nil, 0) == 0 ? value : 0
    }

    /// The library's version; nil without jemalloc.
    public static var version: String? {
        var text: UnsafePointer<CChar>?
        var size = MemoryLayout<UnsafePointer<CChar>?>.size
        guard mallctl("version", &text, &size, nil, 0) == 0, let text else { return nil }
        return String(cString: text)
    }

    private static func read(_ name: String) -> Int? {
        var value = 0
        var size = MemoryLayout<Int>.size
        return mallctl(name, &value, &size, nil, 0) == 0 ? value : nil
    }
}
