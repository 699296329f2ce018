import Basics
import Glibc

/// A process that cannot be mistaken for a later one with the same number: its number and when
/// it started, in ticks since the machine started.
public struct ProcessIdentity: Sendable, Hashable {
    public let pid: Int32
    public let startTicks: UInt64

    /// As remembered, for example in a cluster's state file.
    public init(pid: Int32, startTicks: UInt64) {
        self.pid = pid
        self.startTicks = startTicks
    }

    /// The process that has this number now; nil when there is none.
    public init?(of pid: Int32) {
        guard let status = ProcessStatus(of: pid) else { return nil }
        self.init(pid: pid, startTicks: status.startTicks)
    }

    /// This very process.
    public static var own: ProcessIdentity? { ProcessIdentity(of: getpid()) }

    /// Whether it still runs; a zombie does not.
    public var isAlive: Bool {
        guard let status = ProcessStatus(of: pid) else { return false }
        return status.startTicks == startTicks && status.state != UInt8(ascii: "Z")
            && status.state != UInt8(ascii: "X")
    }

    /// Whether it is stopped by a signal (SIGSTOP), or by a debugger.
    public var isStopped: Bool {
        guard let status = ProcessStatus(of: pid), status.startTicks == startTicks else {
            return false
        }
        return status.state == UInt8(ascii: "T") || status.state == UInt8(ascii: "t")
    }

    /// Sends a signal, never to another process that got the number since. False when it is gone.
    public func send(signal number: Int32) throws(SystemError) -> Bool {
        guard isAlive else { return false }
        if kill(pid, number) == 0 { return true }
        if errno == ESRCH { return false }
        throw SystemError("kill", "process \(pid)")
    }

    /// Processor time that it has used, user and system; nil when it is gone.
    public var processorTime: Instant.Duration? {
        guard let status = ProcessStatus(of: pid), status.startTicks == startTicks else {
            return nil
        }
        let ticksPerSecond = UInt64(max(1, sysconf(Int32(_SC_CLK_TCK))))
        return .nanoseconds(status.processorTicks * (1_000_000_000 / ticksPerSecond))
    }

    /// Resident memory in bytes; nil when it is gone.
    public var residentBytes: Int? {
        guard let status = ProcessStatus(of: pid), status.startTicks == startTicks else {
            return nil
        }
        return Int(status.residentPages) * sysconf(Int32(_SC_PAGESIZE))
    }
}

/// What /proc/<pid>/stat says (proc(5)).
struct ProcessStatus {
    let state: UInt8
    let processorTicks: UInt64
    let startTicks: UInt64
    let residentPages: UInt64

    init?(of pid: Int32) {
        let bytes: [UInt8]
        do { bytes = try FileSystem.read("/proc/\(pid)/stat") } catch { return nil }
        // The command's name, in parentheses, may itself hold spaces and parentheses.
        guard let end = bytes.lastIndex(of: UInt8(ascii: ")")) else { return nil }
        let fields = bytes[(end + 1)...].split(separator: UInt8(ascii: " "))
        guard fields.count > 21, let state = fields[0].first else { return nil }
        func number(_ field: Int) -> UInt64? {
            UInt64(String(decoding: fields[field - 3], as: UTF8.self))
        }
        guard let user = number(14), let system = number(15), let start = number(22),
            let resident = number(24)
        else { return nil }
        self.state = state
        processorTicks = user + system
        startTicks = start
        residentPages = resident
    }
}
