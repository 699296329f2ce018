import Platform

/// The package as it lies on this machine, found from where this file was compiled.
struct Tree {
    let root: String
    /// All Swift files of Sources and Tests, and Package.swift.
    let swift: [SourceFile]
    /// Everything that people read or that runs: Swift, scripts, documents, workloads.
    let all: [SourceFile]

    private static let folders = ["Sources", "Tests", "docs", "workloads", ".ci"]
    private static let topFiles = ["Package.swift", "Makefile", "README.md", "CHANGELOG.md"]

    init(of here: String = #filePath) throws {
        root = FileSystem.parent(of: FileSystem.parent(of: FileSystem.parent(of: here)))
        var paths = Tree.topFiles
        for folder in Tree.folders { try Tree.collect(folder, under: root, into: &paths) }
        var files: [SourceFile] = []
        for path in paths {
            files.append(SourceFile(path: path, text: try FileSystem.text("\(root)/\(path)")))
        }
        all = files
        swift = files.filter(\.isSwift)
    }

    func file(_ path: String) -> SourceFile? { all.first { $0.path == path } }

    private static func collect(
        _ folder: String, under root: String, into paths: inout [String]
    ) throws {
        for name in try FileSystem.list("\(root)/\(folder)") where name != "__pycache__" {
            let path = "\(folder)/\(name)"
            switch try FileSystem.kind(of: "\(root)/\(path)") {
            case .folder: try collect(path, under: root, into: &paths)
            case .file: paths.append(path)
            case .other, nil: break
            }
        }
    }
}
