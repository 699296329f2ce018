import Basics
import Causality
import Storage

// The file `cluster.definition` (docs/formats/definition.md), little-endian:
//
//   magic:8 "QMDEFN\r\n" format:u32 crc:u32 promised acceptedBallot accepted installed
//
//   promised, acceptedBallot   stamp:u64 actor:u64
//   accepted, installed        a definition, as in DefinitionCodec.swift
//   crc                        CRC-32C over all other bytes

/// One member's part in deciding the cluster's definition: the acceptor of a single register whose
/// value is replaced by functions of itself (CASPaxos, Rystsov 2018).
///
/// A ballot is a stamp of the proposer's clock with its actor, so that no two proposals share one.
/// What is promised or accepted is durable before it is said.
public struct DefinitionRegister: Sendable, Equatable {
    /// Nothing below this ballot is accepted any more.
    private(set) var promised = Version.none
    /// The ballot of `accepted`; none if nothing was.
    private(set) var acceptedBallot = Version.none
    private(set) var accepted = ClusterDefinition()
    /// The newest definition that is known to have been decided.
    public private(set) var installed = ClusterDefinition()
    /// Whether it was never kept.
    private(set) var isNew = false

    public static let fileName = "cluster.definition"
    private static let magic: StaticString = "QMDEFN\r\n"
    /// 1 had no ring.
    private static let format: UInt32 = 2
    private static let headerBytes = 16

    public init() {}

    /// That of a node that joins a cluster, which has told it its definition.
    public init(joining definition: ClusterDefinition) {
        installed = definition
        isNew = true
    }

    /// What a data directory has kept, or nothing; throws if the file is damaged or newer.
    public init(recovering disk: any Disk) throws(StorageError) {
        guard let bytes = try disk.contents(of: DefinitionRegister.fileName) else { return }
        self = try Bytes.lending(bytes) { bytes throws(StorageError) in
            try DefinitionRegister(decoding: bytes)
        }
    }

    /// False if a higher ballot was promised.
    mutating func promise(_ ballot: Version) -> Bool {
        guard ballot >= promised else { return false }
        promised = ballot
        return true
    }

    /// False if a higher ballot was promised.
    mutating func accept(_ ballot: Version, _ definition: ClusterDefinition) -> Bool {
        guard ballot >= promised else { return false }
        promised = ballot
        acceptedBallot = ballot
        accepted = definition
        return true
    }

    /// False if it is not newer than what is installed.
    mutating func install(_ definition: ClusterDefinition) -> Bool {
        guard definition.version > installed.version else { return false }
        installed = definition
        return true
    }

    // MARK: The file

    func encoded() -> [UInt8] {
        var out = ByteBuffer()
        out.append(DefinitionRegister.magic)
        out.appendInteger(DefinitionRegister.format)
        out.appendInteger(0 as UInt32)
        out.appendVersion(promised)
        out.appendVersion(acceptedBallot)
        accepted.encode(into: &out)
        installed.encode(into: &out)
        out.overwrite(DefinitionRegister.checksum(out.bytes), at: 12)
        return out.bytes.copied()
    }

    private init(decoding bytes: Bytes) throws(StorageError) {
        let file = DefinitionRegister.fileName
        guard bytes.count >= DefinitionRegister.headerBytes,
            (0..<8).allSatisfy({ bytes[$0] == (DefinitionRegister.magic.utf8Start + $0).pointee })
        else {
            throw .unrecognised(file: file, what: "it does not begin with a definition's header")
        }
        do throws(DecodeError) {
            var reader = ByteReader(bytes)
            _ = try reader.take(8)
            let format: UInt32 = try reader.integer()
            guard format <= DefinitionRegister.format else {
                throw .invalid("a newer format")
            }
            guard try reader.integer(UInt32.self) == DefinitionRegister.checksum(bytes) else {
                throw .invalid("it does not match its checksum")
            }
            promised = try reader.version()
            acceptedBallot = try reader.version()
            accepted = try ClusterDefinition(&reader, hasRing: format > 1)
            installed = try ClusterDefinition(&reader, hasRing: format > 1)
            guard reader.remaining == 0 else { throw .invalid("it is longer than it says") }
        } catch {
            throw .damaged(file: file, offset: 0, what: "\(error)")
        }
    }

    private static func checksum(_ bytes: Bytes) -> UInt32 {
        CRC32C.checksum(bytes.slice(16, bytes.count), seed: CRC32C.checksum(bytes.slice(0, 12)))
    }
}

extension ByteBuffer {
    mutating func appendVersion(_ version: Version) {
        appendInteger(version.stamp)
        appendInteger(version.actor.raw)
    }
}

extension ByteReader {
    mutating func version() throws(DecodeError) -> Version {
        let stamp = try integer(UInt64.self)
        return Version(stamp: stamp, actor: Actor(raw: try integer(UInt64.self)))
    }
}
