import Basics
import Foundation
import Platform

/// A process and all that it started, as `/proc` shows them.
enum ProcessTree {
    private struct Entry {
        let pid: Int32
        let parent: Int32
        /// Of the process itself and of children that have ended, in ticks.
        let ticks: UInt64
        let residentPages: Int
    }

    /// Processor time so far, that of children which have ended included.
    static func processorTime(of pid: Int32) -> Instant.Duration {
        let ticks = entries(under: pid).map(\.ticks).reduce(0, +)
        return .nanoseconds(Int64(ticks) * 1_000_000_000 / Int64(sysconf(Int32(_SC_CLK_TCK))))
    }

    /// Resident memory; pages that processes share are counted for each of them.
    static func residentBytes(of pid: Int32) -> Int {
        entries(under: pid).map(\.residentPages).reduce(0, +) * Int(sysconf(Int32(_SC_PAGESIZE)))
    }

    private static func entries(under root: Int32) -> [Entry] {
        // A process that ends while it is looked at is left out.
        let all = ((try? FileSystem.list("/proc")) ?? []).compactMap { Int32($0) }
            .compactMap(entry)
        var known: Set<Int32> = [root]
        var found: [Entry] = []
        var isGrowing = true
        while isGrowing {
            isGrowing = false
            for entry in all
            where entry.pid == root || known.contains(entry.parent) {
                guard !found.contains(where: { $0.pid == entry.pid }) else { continue }
                known.insert(entry.pid)
                found.append(entry)
                isGrowing = true
            }
        }
        return found
    }

    /// Fields of `/proc/PID/stat` after the name, which may hold anything and ends with `)`.
    private static func entry(_ pid: Int32) -> Entry? {
        guard let text = try? FileSystem.text("/proc/\(pid)/stat"),
            let end = text.lastIndex(of: ")")
        else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        guard fields.count > 21, let parent = Int32(fields[1]), let pages = Int(fields[21]) else {
            return nil
        }
        let ticks = fields[11...14].compactMap { UInt64($0) }.reduce(0, +)
        return Entry(pid: pid, parent: parent, ticks: ticks, residentPages: pages)
    }
}
