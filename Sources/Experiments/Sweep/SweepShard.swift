/// Part `index` of `count` of a sweep's cells.
public struct SweepShard: Sendable, Equatable {
    /// From 1 to `count`.
    public let index: Int
    public let count: Int

    /// Nil unless 1 ≤ index ≤ count.
    public init?(index: Int, count: Int) {
        guard count >= 1, index >= 1, index <= count else { return nil }
        self.index = index
        self.count = count
    }

    /// Reads `2/8`: the second of eight parts; nil for anything else.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let index = Int(parts[0]), let count = Int(parts[1]) else {
            return nil
        }
        self.init(index: index, count: count)
    }

    /// The part that the scheduler gave to this process, from the variables of Slurm arrays
    /// (`SLURM_ARRAY_TASK_ID`, `_MIN`, `_COUNT`) or Kubernetes indexed jobs
    /// (`JOB_COMPLETION_INDEX`, and `JOB_COMPLETIONS`, which the manifest sets). Nil when there
    /// is neither.
    ///
    /// - Throws: when an index is given without its count, or they do not fit.
    public static func fromEnvironment(
        _ variables: [String: String]
    ) throws(ResultError) -> SweepShard? {
        if let task = variables["SLURM_ARRAY_TASK_ID"] {
            let first = variables["SLURM_ARRAY_TASK_MIN"] ?? "0"
            guard let task = Int(task), let first = Int(first),
                let count = variables["SLURM_ARRAY_TASK_COUNT"].flatMap({ Int($0) }),
                task >= first, task - first < count,
                let shard = SweepShard(index: task - first + 1, count: count)
            else {
                throw ResultError(
                    "SLURM_ARRAY_TASK_ID is set, but with SLURM_ARRAY_TASK_MIN and "
                        + "SLURM_ARRAY_TASK_COUNT it names no part: expected an array without "
                        + "gaps such as --array=0-7")
            }
            return shard
        }
        guard let index = variables["JOB_COMPLETION_INDEX"] else { return nil }
        guard let index = Int(index),
            let count = variables["JOB_COMPLETIONS"].flatMap({ Int($0) }), index < Int.max,
            let shard = SweepShard(index: index + 1, count: count)
        else {
            throw ResultError(
                "JOB_COMPLETION_INDEX is set, but JOB_COMPLETIONS does not say how many parts "
                    + "there are: set it to the job's completions in the manifest")
        }
        return shard
    }

    /// The cells of this part: every `count`-th, so that each part holds some of every repeat.
    public func cells(of trials: [Trial]) -> [Trial] {
        trials.enumerated().filter { $0.offset % count == index - 1 }.map(\.element)
    }
}
