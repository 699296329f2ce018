import Basics

extension LoadPlan {
    /// The commands that a new connection begins with; empty if there is nothing to say.
    var greeting: [[String]] {
        var commands: [[String]] = []
        if let password = target.password {
            commands.append(["AUTH"] + (target.user.map { [$0] } ?? []) + [password])
        }
        if target.database > 0 { commands.append(["SELECT", "\(target.database)"]) }
        var quorum: [String] = []
        if let r = readQuorum { quorum += ["R", "\(r)"] }
        if let w = writeQuorum { quorum += ["W", "\(w)"] }
        if let timeout = quorumTimeout { quorum += ["TIMEOUT", "\(timeout)"] }
        if !quorum.isEmpty { commands.append(["QUORUM"] + quorum) }
        return commands
    }

    static func encode(_ commands: [[String]], to output: inout ByteBuffer) {
        for words in commands {
            output.append("*\(words.count)\r\n")
            for word in words { output.append("$\(word.utf8.count)\r\n\(word)\r\n") }
        }
    }
}
