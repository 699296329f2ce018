import CLinux
import Glibc

/// What ends this process besides its own decision, and what it may use.
public enum Lifetime {
    /// From now on the system sends this process `number` when its parent ends, however that
    /// happens; at once if it has ended already. A stopped process is reached by SIGKILL alone.
    ///
    /// The parent is the thread that started this process: it must live as long as its process.
    public static func endWithParent(
        _ parent: Int32, signal number: Int32 = SIGKILL
    ) throws(SystemError) {
        guard linux_prctl(PR_SET_PDEATHSIG, UInt(number), 0, 0, 0) == 0 else {
            throw SystemError("prctl", "PR_SET_PDEATHSIG")
        }
        if getppid() != parent { kill(getpid(), number) }
    }

    /// Lets this process have as many descriptors as the system allows; returns how many.
    public static func raiseDescriptorLimit() -> Int {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        return Int(clamping: limit.rlim_cur)
    }

    /// Becomes another user for good, with that user's group and no other; only root can. The
    /// signal of `endWithParent` is forgotten with it: ask for that one afterwards.
    public static func become(_ user: String) throws(SystemError) {
        guard let entry = getpwnam(user) else {
            throw SystemError("getpwnam", "the user '\(user)'", code: ENOENT)
        }
        let (uid, gid) = (entry.pointee.pw_uid, entry.pointee.pw_gid)
        guard setgroups(0, nil) == 0, setgid(gid) == 0, setuid(uid) == 0 else {
            throw SystemError("setuid", "the user '\(user)'")
        }
    }

    /// Goes on as another program, given by its path: number, parent, descriptors, user and the
    /// signal of `endWithParent` stay. Returns by throwing alone.
    public static func goOn(
        as path: String, _ arguments: [String]
    ) throws(SystemError) -> Never {
        // What this program ignores the next one would ignore, too.
        signal(SIGPIPE, SIG_DFL)
        withCStrings([path] + arguments) { _ = execv(path, $0) }
        throw SystemError("execv", path)
    }
}
