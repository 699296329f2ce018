import Foundation

/// A result file or folder that cannot be read or written; the description names it.
public struct ResultError: Error, CustomStringConvertible, Equatable {
    public let description: String

    public init(_ description: String) { self.description = description }
}

/// Results on disk: finds, reads and writes `result.json` and `witness.json`.
public enum ResultStore {
    /// Everything found under some folders.
    public struct Collection: Sendable {
        /// By path of their files.
        public var cells: [CellResult] = []
        /// Counterexamples that belong to a sweep and to no cell.
        public var witnesses: [Witness] = []

        public init(cells: [CellResult] = [], witnesses: [Witness] = []) {
            self.cells = cells
            self.witnesses = witnesses
        }
    }

    /// The bytes of a document: sorted keys, one space a level, a newline at the end.
    public static func encode(_ value: some Encodable) throws(ResultError) -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        do {
            return try encoder.encode(value) + Data("\n".utf8)
        } catch {
            throw ResultError("the result cannot be written as JSON: \(error)")
        }
    }

    /// A document in one line, with sorted keys and a newline at the end.
    static func line(_ value: some Encodable) throws(ResultError) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return String(decoding: try encoder.encode(value), as: UTF8.self) + "\n"
        } catch {
            throw ResultError("the result cannot be written as JSON: \(error)")
        }
    }

    /// A text file.
    public static func text(_ path: String) throws(ResultError) -> String {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw ResultError("cannot be read")
        }
        return String(decoding: data, as: UTF8.self)
    }

    /// The bytes of a text.
    public static func bytes(_ text: String) -> Data { Data(text.utf8) }

    /// Writes a document so that a reader sees the old one or the new one, never a half.
    public static func write(_ value: some Encodable, to path: String) throws(ResultError) {
        try write(encode(value), to: path)
    }

    /// Writes bytes atomically.
    public static func write(_ data: Data, to path: String) throws(ResultError) {
        do {
            try data.write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch {
            throw ResultError("cannot write \(path): \(reason(error))")
        }
    }

    /// Creates a folder and those above it.
    public static func createFolder(_ path: String) throws(ResultError) {
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true)
        } catch {
            throw ResultError("cannot create the folder \(path): \(reason(error))")
        }
    }

    private static func reason(_ error: any Error) -> String {
        let error = error as NSError
        if let underlying = error.userInfo[NSUnderlyingErrorKey] as? NSError,
            underlying.domain == NSPOSIXErrorDomain
        {
            return String(cString: strerror(Int32(underlying.code)))
        }
        return error.localizedDescription
    }

    /// Reads one `result.json`.
    public static func readCell(_ path: String) throws(ResultError) -> CellResult {
        let cell = try read(CellResult.self, path)
        guard cell.schema == CellResult.schemaName else {
            throw ResultError(
                "\(path): schema '\(cell.schema)' is not known; expected \(CellResult.schemaName)")
        }
        return cell
    }

    private static func read<Value: Decodable>(
        _ type: Value.Type, _ path: String
    ) throws(ResultError) -> Value {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw ResultError("cannot read \(path)")
        }
        do {
            return try JSONDecoder().decode(type, from: data)
        } catch let error as DecodingError {
            throw ResultError("\(path): \(sentence(error))")
        } catch {
            throw ResultError("\(path): \(error)")
        }
    }

    private static func sentence(_ error: DecodingError) -> String {
        func place(_ path: [any CodingKey]) -> String {
            path.isEmpty ? "the document" : path.map(\.stringValue).joined(separator: ".")
        }
        switch error {
        case .keyNotFound(let key, let context):
            return "'\(key.stringValue)' is missing in \(place(context.codingPath))"
        case .typeMismatch(_, let context), .valueNotFound(_, let context):
            return "\(place(context.codingPath)) has a value of the wrong type"
        case .dataCorrupted(let context):
            return "\(place(context.codingPath)) is not valid JSON of a result"
        @unknown default: return "not a result"
        }
    }

    /// Reads all results under the given folders (or the files themselves), each file once.
    ///
    /// - Throws: when a folder does not exist, holds no result, or a result cannot be read.
    public static func collect(_ folders: [String]) throws(ResultError) -> Collection {
        var collection = Collection()
        var seen: Set<String> = []
        for folder in folders {
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder) else {
                throw ResultError("\(folder) does not exist; expected a folder of sweep results")
            }
            let paths = isFolder.boolValue ? resultFiles(under: folder) : [folder]
            for path in paths {
                let canonical = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
                guard seen.insert(canonical).inserted else { continue }
                if path.hasSuffix("witness.json") {
                    collection.witnesses.append(try read(Witness.self, path))
                } else {
                    collection.cells.append(try readCell(path))
                }
            }
        }
        if collection.cells.isEmpty {
            throw ResultError(
                "no result.json under \(folders.joined(separator: ", ")); "
                    + "'quorumeter sweep' writes them")
        }
        return collection
    }

    private static func resultFiles(under folder: String) -> [String] {
        var found: [String] = []
        let names = FileManager.default.enumerator(atPath: folder)
        while let name = names?.nextObject() as? String {
            let last = name.split(separator: "/").last ?? ""
            if last == "result.json" || last == "witness.json" { found.append("\(folder)/\(name)") }
        }
        return found.sorted()
    }
}
