import Basics
import Platform

/// Options of `serve` that no file may hold: they are about one start, or for tests.
private let notInFiles = [
    "--config", "--help", "--into", "--replace", "--with-parent", "--unsafe-testing", "--controls",
    "--storage",
]

/// The arguments with what the file of `--config` says; those that were given win.
func withConfiguration(_ given: Arguments) throws -> Arguments {
    guard let path = given.value("--config") else { return given }
    do {
        return try given.merging(try configurationWords(in: path, besides: given))
    } catch let error as TreeError {
        throw CommandFailure(.misuse, error.description)
    } catch let error as ArgumentError {
        throw CommandFailure(.misuse, "\(path): \(error)")
    }
}

/// Runs `body`; what is wrong with an option that a file has set is told with the file's name.
func naming(_ given: Arguments, _ body: () throws -> ExitCode) throws -> ExitCode {
    do { return try body() } catch ArgumentError.invalidValue(let option, let value, let expected) {
        guard let path = given.value("--config"), !given.has(option) else {
            throw ArgumentError.invalidValue(option: option, value: value, expected: expected)
        }
        let key = String(option.dropFirst(2))
        throw CommandFailure(
            .misuse, "\(path): key '\(key)': expected \(expected), found '\(value)'")
    }
}

/// What a configuration file says, as words of a command line.
private func configurationWords(
    in path: String, besides given: Arguments
) throws -> [String] {
    let options = serveCommand.syntax.options.filter { !notInFiles.contains($0.names[0]) }
    let section = try Section(try YAML.read(path), file: path)
    try section.refuseKeys(except: options.map { String($0.names[0].dropFirst(2)) })
    var words: [String] = []
    for option in options {
        let name = option.names[0]
        let key = String(name.dropFirst(2))
        guard section[key] != nil, !given.has(name) else { continue }
        if option.shape == .flag {
            if try section.boolean(key) == true { words.append(name) }
        } else if option.isRepeatable {
            for value in try section.texts(key) ?? [] { words.append("\(name)=\(value)") }
        } else if let value = try section.text(key) {
            words.append("\(name)=\(value)")
        }
    }
    return words
}
