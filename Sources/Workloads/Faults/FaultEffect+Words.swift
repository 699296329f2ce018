import Basics

extension FaultEffect {
    /// What a fault does that is said in words, as on a command line: the keys of a schedule with
    /// their values. `origin` is for messages.
    ///
    /// - Throws: `TreeError` when a schedule could not say it either.
    public static func parse(
        _ settings: [(key: String, value: Tree)], nodes: Int, seed: UInt64, origin: String
    ) throws(TreeError) -> FaultEffect {
        var entries = settings.map { TreeEntry(key: $0.key, line: 0, value: $0.value) }
        func scalar(_ text: String) -> Tree { .scalar(text, line: 0) }
        entries.append(TreeEntry(key: "at", line: 0, value: scalar("0")))
        let momentary = ["reset", "clock-step"]
        let isMomentary = settings.contains { setting in
            guard setting.key == "fault", case .scalar(let word, _) = setting.value else {
                return false
            }
            return momentary.contains(word)
        }
        if !isMomentary { entries.append(TreeEntry(key: "for", line: 0, value: scalar("1s"))) }
        let schedule = try FaultSchedule(
            .map(
                [
                    TreeEntry(
                        key: "faults", line: 0, value: .list([.map(entries, line: 0)], line: 0))
                ], line: 0), file: origin)
        let plan = try schedule.plan(nodes: nodes, length: .seconds(1), seed: seed)
        guard let fault = plan.faults.first else {
            throw TreeError(file: origin, line: 0, message: "nobody is struck by this")
        }
        return fault.effect
    }
}
