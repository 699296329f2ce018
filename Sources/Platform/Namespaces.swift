import Basics
import CLinux
import Glibc

/// A network of its own (namespaces(7)): interfaces, addresses and ports that no other has. It
/// lives as long as a thread is in it or somebody has it open, and leaves nothing behind.
public final class NetworkNamespace {
    private let file: File

    /// Makes one, with nothing in it but a loopback interface that is down. The calling thread is
    /// in it from now on, as is whatever it starts.
    public init() throws(SystemError) {
        guard linux_unshare(Int32(linux_network_namespace)) == 0 else {
            throw SystemError("unshare", "a network namespace")
        }
        file = try File("/proc/thread-self/ns/net", .read)
    }

    /// Where other processes find it while this object lives.
    public var path: String { "/proc/\(getpid())/fd/\(file.descriptor)" }

    /// The calling thread, and what it starts, is in it from now on.
    public func enter() throws(SystemError) {
        try Namespace.enter(file, linux_network_namespace)
    }

    /// The same for one that is found at a path. Sockets that the thread has already stay where
    /// they were made.
    public static func enter(_ path: String) throws(SystemError) {
        try Namespace.enter(File(path, .read), linux_network_namespace)
    }
}

/// Users and mounts of a process's own.
public enum Namespace {
    fileprivate static func enter(_ file: borrowing File, _ kind: Int) throws(SystemError) {
        guard linux_setns(file.descriptor, Int32(kind)) == 0 else {
            throw SystemError("setns", file.path)
        }
    }

    /// Lets a process without privileges make namespaces: it becomes root of a user namespace in
    /// which there is nobody else. Possible only before it has a second thread.
    ///
    /// - Returns: Where others find that namespace while this process lives.
    public static func becomeRootOfItsOwn() throws(SystemError) -> String {
        let user = geteuid()
        let group = getegid()
        guard linux_unshare(Int32(linux_user_namespace)) == 0 else {
            throw SystemError("unshare", "a user namespace")
        }
        for (name, text) in [
            ("setgroups", "deny"), ("uid_map", "0 \(user) 1"), ("gid_map", "0 \(group) 1"),
        ] {
            let file = try File("/proc/self/\(name)", .readWrite)
            try Bytes.lending(Array(text.utf8)) { (all) throws(SystemError) in
                try file.write(all)
            }
        }
        return "/proc/\(getpid())/ns/user"
    }

    /// Enters the user namespace at a path; possible only before there is a second thread.
    public static func enterUsers(_ path: String) throws(SystemError) {
        try enter(File(path, .read), linux_user_namespace)
    }

    /// What this process mounts from now on is seen by it and by what it starts alone, and is
    /// unmounted when the last of them ends, however that happens.
    public static func makeMountsPrivate() throws(SystemError) {
        guard linux_unshare(Int32(linux_mount_namespace)) == 0 else {
            throw SystemError("unshare", "a mount namespace")
        }
        guard mount("none", "/", nil, UInt(MS_REC | MS_PRIVATE), nil) == 0 else {
            throw SystemError("mount", "/ as private")
        }
    }
}
