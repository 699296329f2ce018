import Basics
import Foundation
import Simulation

/// What is left of a violation on disk: the shrunk history, the plan that replays it, and both in
/// words.
public enum WitnessFiles {
    /// Writes `NAME.jsonl`, `NAME.plan.json` and `NAME.txt` for every claim with a witness, and
    /// returns their number. Names follow from those of the claims.
    public static func write(
        _ results: [ClaimResult], to folder: String
    ) throws(ResultError) -> Int {
        var count = 0
        var names: Set<String> = []
        for result in results {
            guard let witness = result.witness else { continue }
            if count == 0 { try ResultStore.createFolder(folder) }
            count += 1
            var name = slug(result.claim.name)
            while !names.insert(name).inserted { name += "-" }
            var text = "\(result.claim.name)\n\(result.claim.settingText)\n\(result.line)\n\n"
            text += witness.text
            if let shrunk = result.shrunk {
                try HistoryFile.write(shrunk.history, to: "\(folder)/\(name).jsonl")
                try PlanFile.write(shrunk, to: "\(folder)/\(name).plan.json")
                text += "  Replay only this: quorumeter simulate --plan "
                text += "\(folder)/\(name).plan.json --trace\n"
            }
            try ResultStore.write(ResultStore.bytes(text), to: "\(folder)/\(name).txt")
        }
        return count
    }

    /// A name as a file may have it: letters, digits and dashes.
    static func slug(_ name: String) -> String {
        var slug = ""
        for character in name.lowercased().unicodeScalars {
            let isKept =
                ("a"..."z").contains(character) || ("0"..."9").contains(character)
            if isKept {
                slug.unicodeScalars.append(character)
            } else if !slug.hasSuffix("-"), !slug.isEmpty {
                slug += "-"
            }
        }
        while slug.hasSuffix("-") { slug.removeLast() }
        return slug.isEmpty ? "claim" : String(slug.prefix(100))
    }
}
