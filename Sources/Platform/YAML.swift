import Basics
import CYAML
import Glibc

/// Reads YAML 1.1 (libyaml) into a plain tree. JSON is a subset.
///
/// Refused, because configuration needs none of it: several documents in a file, anchors and
/// aliases, keys that are not text, keys that occur twice, more than 64 levels.
public enum YAML {
    /// Largest file, in bytes.
    public static let sizeLimit = 16 << 20

    /// Reads a file. An empty one is an empty map.
    public static func read(_ path: String) throws(TreeError) -> Tree {
        let bytes: [UInt8]
        do {
            bytes = try FileSystem.read(path, limit: sizeLimit)
        } catch {
            throw TreeError(file: path, line: 0, message: "cannot be read: \(error.reason)")
        }
        return try parse(bytes, file: path)
    }

    /// `file` is for messages only.
    public static func parse(_ bytes: [UInt8], file: String) throws(TreeError) -> Tree {
        var result: Result<Tree, TreeError> = .success(.map([], line: 1))
        bytes.withUnsafeBufferPointer { buffer in
            var parser = yaml_parser_t()
            guard yaml_parser_initialize(&parser) == 1 else {
                result = .failure(TreeError(file: file, line: 0, message: "out of memory"))
                return
            }
            defer { yaml_parser_delete(&parser) }
            yaml_parser_set_input_string(&parser, buffer.baseAddress, buffer.count)
            do throws(TreeError) {
                result = .success(try document(&parser, file))
            } catch {
                result = .failure(error)
            }
        }
        return try result.get()
    }

    private static func document(
        _ parser: inout yaml_parser_t, _ file: String
    ) throws(TreeError) -> Tree {
        var tree = Tree.map([], line: 1)
        var documents = 0
        while true {
            var event = try next(&parser, file)
            defer { yaml_event_delete(&event) }
            switch event.type {
            case YAML_STREAM_END_EVENT: return tree
            case YAML_DOCUMENT_START_EVENT:
                documents += 1
                guard documents == 1 else {
                    throw error(event, file, "a second document begins; one was expected")
                }
                var first = try next(&parser, file)
                defer { yaml_event_delete(&first) }
                tree = try value(&parser, first, file, depth: 0)
            default: break
            }
        }
    }

    private static func value(
        _ parser: inout yaml_parser_t, _ event: yaml_event_t, _ file: String, depth: Int
    ) throws(TreeError) -> Tree {
        let line = Int(event.start_mark.line) + 1
        guard depth < 64 else { throw error(event, file, "more than 64 levels") }
        switch event.type {
        case YAML_SCALAR_EVENT:
            guard event.data.scalar.anchor == nil else { throw anchored(event, file) }
            return .scalar(text(event), line: line)
        case YAML_SEQUENCE_START_EVENT:
            guard event.data.sequence_start.anchor == nil else { throw anchored(event, file) }
            var items: [Tree] = []
            while true {
                var item = try next(&parser, file)
                defer { yaml_event_delete(&item) }
                if item.type == YAML_SEQUENCE_END_EVENT { return .list(items, line: line) }
                items.append(try value(&parser, item, file, depth: depth + 1))
            }
        case YAML_MAPPING_START_EVENT:
            guard event.data.mapping_start.anchor == nil else { throw anchored(event, file) }
            return .map(try entries(&parser, file, depth: depth), line: line)
        default: throw anchored(event, file)
        }
    }

    private static func entries(
        _ parser: inout yaml_parser_t, _ file: String, depth: Int
    ) throws(TreeError) -> [TreeEntry] {
        var entries: [TreeEntry] = []
        var seen: Set<String> = []
        while true {
            var key = try next(&parser, file)
            defer { yaml_event_delete(&key) }
            if key.type == YAML_MAPPING_END_EVENT { return entries }
            guard key.type == YAML_SCALAR_EVENT else {
                throw error(key, file, "a key must be text")
            }
            let name = text(key)
            guard seen.insert(name).inserted else {
                throw error(key, file, "the key “\(name)” occurs twice")
            }
            var first = try next(&parser, file)
            defer { yaml_event_delete(&first) }
            entries.append(
                TreeEntry(
                    key: name, line: Int(key.start_mark.line) + 1,
                    value: try value(&parser, first, file, depth: depth + 1)))
        }
    }

    private static func next(
        _ parser: inout yaml_parser_t, _ file: String
    ) throws(TreeError) -> yaml_event_t {
        var event = yaml_event_t()
        if yaml_parser_parse(&parser, &event) == 1 { return event }
        var problem = parser.problem.map { String(cString: $0) } ?? "not YAML"
        if let context = parser.context {
            problem += ", \(String(cString: context)) from line \(parser.context_mark.line + 1)"
        }
        let mark = max(parser.problem_mark.line, parser.mark.line)
        throw TreeError(file: file, line: Int(mark) + 1, message: problem)
    }

    private static func text(_ event: yaml_event_t) -> String {
        let scalar = event.data.scalar
        return String(
            decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length),
            as: UTF8.self)
    }

    private static func error(
        _ event: yaml_event_t, _ file: String, _ message: String
    ) -> TreeError {
        TreeError(file: file, line: Int(event.start_mark.line) + 1, message: message)
    }

    private static func anchored(_ event: yaml_event_t, _ file: String) -> TreeError {
        error(event, file, "anchors and aliases are not supported; write the value out")
    }
}
