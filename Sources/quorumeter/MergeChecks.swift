import Experiments

/// `quorumeter report` on documents of `check --json`: the shards of one history become one
/// document. Nil when none of the files is such a document.
func mergeChecks(_ paths: [String], _ arguments: Arguments) throws -> ExitCode? {
    let merged: CheckDocument
    do {
        let files = paths.filter { $0.hasSuffix(".json") && !$0.hasSuffix("result.json") }
        let documents = try files.compactMap { try CheckDocument.read($0) }
        guard !documents.isEmpty else { return nil }
        guard documents.count == paths.count else {
            throw ResultError("documents of check merge with each other only")
        }
        merged = try CheckDocument.merged(documents)
    } catch let error as ResultError {
        throw CommandFailure(.misuse, error.description)
    }
    let text: String
    switch arguments.value("--format") {
    case "json": text = String(decoding: try ResultStore.encode(merged), as: UTF8.self)
    case nil, "markdown": text = merged.text
    default:
        throw CommandFailure(.misuse, "documents of check merge with --format json or markdown")
    }
    if let out = arguments.value("--out"), out != "-" {
        do {
            try ResultStore.write(ResultStore.bytes(text), to: out)
        } catch { throw CommandFailure(.environment, error.description) }
    } else {
        Terminal.result(text)
    }
    switch merged.verdict {
    case "violated": return .violated
    case "inconclusive": return .inconclusive
    default: return .held
    }
}
