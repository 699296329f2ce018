import Consistency
import Load
import Platform
import Workloads

/// A plan for a target, from properties one a line; a later one wins.
func targetPlan(
    _ target: String, _ text: String, _ phase: LoadPlan.Phase = .transactions
) throws -> LoadPlan {
    var properties = Properties()
    for line in text.split(separator: "\n") {
        try properties.set(assignment: String(line), origin: "test")
    }
    var plan = LoadPlan(
        target: try Target(target), workload: try Workload(properties), phase: phase)
    try plan.readTargetProperties(properties)
    plan.recordsHistory = plan.redis.dataType == .string
    return plan
}

/// Why a plan cannot be carried out; what it measured if it can.
func refusal(_ plan: LoadPlan) -> String {
    do {
        let result = try LoadRun(plan).run()
        return "no error: \(result.ending), \(result.operationCount) operations"
    } catch { return "\(error)" }
}

/// A mix of everything but scans, on values that are compared byte by byte.
let mixedWorkload = """
    recordcount=200
    operationcount=2000
    threadcount=8
    readproportion=0.5
    updateproportion=0.3
    insertproportion=0.1
    readmodifywriteproportion=0.1
    requestdistribution=zipfian
    fieldlength=30
    dataintegrity=true
    """

/// The same with scans.
let scanningWorkload = """
    recordcount=200
    operationcount=800
    threadcount=4
    readproportion=0.3
    updateproportion=0.2
    insertproportion=0.1
    scanproportion=0.4
    maxscanlength=20
    requestdistribution=zipfian
    fieldlength=30
    dataintegrity=true
    """

extension Checker {
    /// Whether a history is certainly linearizable.
    static func isLinearizable(_ history: History) -> Bool {
        var options = CheckOptions()
        options.models = [.linearizable]
        let report = Checker.check(history, options: options)
        return report.models.allSatisfy { $0.violatingKeys + $0.inconclusiveKeys == 0 }
    }
}
