import Basics
import Partitioning
import Platform
import Replication

// One line, fields in any order, each NAME=VALUE:
//
//   cluster=base64url n= r= w= mode= definition=base64url

/// What a node must know to join a cluster that runs: what the founders were told, and what has
/// been decided since.
public struct Bootstrap: Sendable {
    public let clusterName: String
    let n: Int
    let r: Int
    let w: Int
    let mode: ConflictMode
    public let definition: ClusterDefinition
    let founders: [Member]

    /// The file of a data directory that keeps the line.
    public static let fileName = "cluster.joined"

    /// Reads the line; throws what is wrong with it.
    public init(_ line: String) throws(ConfigurationError) {
        var fields: [String: String] = [:]
        for word in line.split(separator: " ") {
            guard let equals = word.firstIndex(of: "=") else { continue }
            fields[String(word[..<equals])] = String(word[word.index(after: equals)...])
        }
        func number(_ name: String) throws(ConfigurationError) -> Int {
            guard let text = fields[name], let number = Int(text), (1...15).contains(number) else {
                throw ConfigurationError("what the cluster says of itself has no usable \(name)")
            }
            return number
        }
        n = try number("n")
        r = try number("r")
        w = try number("w")
        guard let mode = fields["mode"].flatMap({ ConflictMode(rawValue: $0) }),
            let name = fields["cluster"].flatMap(Bootstrap.decoded),
            let bytes = fields["definition"].flatMap(Bootstrap.decoded)
        else { throw ConfigurationError("what the cluster says of itself is incomplete") }
        self.mode = mode
        clusterName = String(decoding: name, as: UTF8.self)
        do {
            definition = try Bytes.lending(bytes) { (bytes) throws(DecodeError) in
                var reader = ByteReader(bytes)
                return try ClusterDefinition(&reader)
            }
        } catch {
            throw ConfigurationError("what the cluster has decided cannot be read: \(error)")
        }
        var founders: [Member] = []
        for member in definition.ring.members.prefix(definition.ring.founders) {
            do {
                founders.append(
                    Member(
                        name: member.name, address: try SocketAddress(member.address),
                        rack: member.rack))
            } catch { throw ConfigurationError("the address of \(member.name): \(error)") }
        }
        self.founders = founders
    }

    /// The line for others.
    static func line(_ configuration: ServerConfiguration, _ definition: ClusterDefinition)
        -> String
    {
        var bytes = ByteBuffer()
        definition.encode(into: &bytes)
        let replication = configuration.replication
        return "cluster=\(encoded(Array(configuration.clusterName.utf8))) n=\(replication.n) "
            + "r=\(replication.r) w=\(replication.w) mode=\(replication.mode.rawValue) "
            + "definition=\(encoded(bytes.bytes.copied()))"
    }

    private static func encoded(_ bytes: [UInt8]) -> String {
        var out = ByteBuffer()
        Bytes.lending(bytes) { Base64URL.encode($0, into: &out) }
        return out.bytes.text
    }

    private static func decoded(_ text: String) -> [UInt8]? {
        var out = ByteBuffer()
        let isGood = Bytes.lending(Array(text.utf8)) { Base64URL.decode($0, into: &out) }
        return isGood ? out.bytes.copied() : nil
    }
}
