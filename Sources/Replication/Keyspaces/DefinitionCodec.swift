import Basics
import Causality
import Partitioning

// Little-endian (docs/formats/definition.md):
//
//   definition = version:u64 next:u16 secret:u64 u64 count:u16 keyspace* ring
//   keyspace   = id:u16 n:u8 r:u8 w:u8 mode:u8 kind:u8 repair:u8 blind:u8 valueBytes:u32 ttl:u64
//                name
//   ring       in RingCodec.swift
//   change     = 1 name settings (create) | 2 name settings (alter) | 3 name (drop) | 4 (secret)
//                | 5… in RingCodec.swift
//   settings   = present:u16 then, for each bit from the lowest: n:u8 r:u8 w:u8 mode:u8 kind:u8
//                repair:u8 blind:u8 valueBytes:u32 ttl:u64
//   name       = length:u8 bytes
//
// mode, kind, repair and blind are places in the lists of their values.

extension ClusterDefinition {
    public func encode(into out: inout ByteBuffer) {
        out.appendInteger(version)
        out.appendInteger(nextKeyspace)
        out.appendInteger(secret.low)
        out.appendInteger(secret.high)
        out.appendInteger(UInt16(keyspaces.count))
        for keyspace in keyspaces {
            out.appendInteger(keyspace.id.raw)
            for number in [keyspace.n, keyspace.r, keyspace.w] { out.append(number) }
            out.appendPlace(of: keyspace.mode)
            out.appendPlace(of: keyspace.kind)
            out.appendPlace(of: keyspace.readRepair)
            out.appendPlace(of: keyspace.blind)
            out.appendInteger(keyspace.valueBytes)
            out.appendInteger(keyspace.timeToLive)
            out.appendName(keyspace.name)
        }
        ring.encode(into: &out)
    }

    /// `hasRing`: false for what was written before there were changes of members.
    public init(_ reader: inout ByteReader, hasRing: Bool = true) throws(DecodeError) {
        let version = try reader.integer(UInt64.self)
        let next = try reader.integer(UInt16.self)
        let low: UInt64 = try reader.integer()
        let secret = SipHash.Key(low: low, high: try reader.integer())
        let count = Int(try reader.integer(UInt16.self))
        guard count <= Limits.keyspaces + 1 else { throw .invalid("too many keyspaces") }
        var keyspaces: [Keyspace] = []
        for _ in 0..<count {
            let keyspace = try ClusterDefinition.keyspace(&reader)
            guard keyspace.id.raw < next, keyspaces.last.map({ $0.id < keyspace.id }) ?? true
            else { throw .invalid("keyspaces out of order") }
            keyspaces.append(keyspace)
        }
        let ring = hasRing ? try RingState(&reader) : RingState()
        self.init(
            version: version, keyspaces: keyspaces, nextKeyspace: next, secret: secret, ring: ring)
    }

    private static func keyspace(_ reader: inout ByteReader) throws(DecodeError) -> Keyspace {
        let id = KeyspaceID(try reader.integer(UInt16.self))
        let n: UInt8 = try reader.integer()
        let r: UInt8 = try reader.integer()
        let w: UInt8 = try reader.integer()
        let mode: ConflictMode = try reader.valueAtPlace()
        let kind: QuorumKind = try reader.valueAtPlace()
        let repair: ReadRepair = try reader.valueAtPlace()
        let blind: BlindWrite = try reader.valueAtPlace()
        let valueBytes: UInt32 = try reader.integer()
        let timeToLive: UInt64 = try reader.integer()
        let name = try reader.name()
        guard n >= 1, n <= Limits.replicas, r >= 1, r <= n, w >= 1, w <= n,
            valueBytes <= Limits.valueBytes, Keyspace.isName(name)
        else { throw .invalid("a keyspace out of range") }
        var keyspace = Keyspace(id: id, name: name, n: n, mode: mode, r: r, w: w)
        keyspace.kind = kind
        keyspace.readRepair = repair
        keyspace.blind = blind
        keyspace.valueBytes = valueBytes
        keyspace.timeToLive = timeToLive
        return keyspace
    }
}

extension DefinitionChange {
    public func encode(into out: inout ByteBuffer) {
        switch self {
        case .create(let name, let settings):
            out.append(1 as UInt8)
            out.appendName(name)
            settings.encode(into: &out)
        case .alter(let name, let settings):
            out.append(2 as UInt8)
            out.appendName(name)
            settings.encode(into: &out)
        case .drop(let name):
            out.append(3 as UInt8)
            out.appendName(name)
        case .secret: out.append(4 as UInt8)
        case .ring, .arrive, .finish, .callOff: encodeRing(into: &out)
        }
    }

    public init(_ reader: inout ByteReader) throws(DecodeError) {
        let kind: UInt8 = try reader.integer()
        if kind == 4 {
            self = .secret
            return
        }
        if kind > 4 {
            self = try DefinitionChange(ofRing: kind, &reader)
            return
        }
        let name = try reader.name()
        guard Keyspace.isName(name) else { throw .invalid("not a keyspace's name") }
        switch kind {
        case 1: self = .create(name, try KeyspaceSettings(&reader))
        case 2: self = .alter(name, try KeyspaceSettings(&reader))
        case 3: self = .drop(name)
        default: throw .invalid("unknown kind of a change")
        }
    }
}

extension KeyspaceSettings {
    fileprivate func encode(into out: inout ByteBuffer) {
        let present: [Bool] = [
            n != nil, r != nil, w != nil, mode != nil, kind != nil, readRepair != nil,
            blind != nil, valueBytes != nil, timeToLive != nil,
        ]
        var mask: UInt16 = 0
        for (bit, isPresent) in present.enumerated() where isPresent { mask |= 1 << UInt16(bit) }
        out.appendInteger(mask)
        for case let number? in [n, r, w] { out.append(number) }
        if let mode { out.appendPlace(of: mode) }
        if let kind { out.appendPlace(of: kind) }
        if let readRepair { out.appendPlace(of: readRepair) }
        if let blind { out.appendPlace(of: blind) }
        if let valueBytes { out.appendInteger(valueBytes) }
        if let timeToLive { out.appendInteger(timeToLive) }
    }

    fileprivate init(_ reader: inout ByteReader) throws(DecodeError) {
        self.init()
        let mask: UInt16 = try reader.integer()
        func has(_ bit: UInt16) -> Bool { mask & (1 << bit) != 0 }
        if has(0) { n = try KeyspaceSettings.count(&reader) }
        if has(1) { r = try KeyspaceSettings.count(&reader) }
        if has(2) { w = try KeyspaceSettings.count(&reader) }
        if has(3) { mode = try reader.valueAtPlace() }
        if has(4) { kind = try reader.valueAtPlace() }
        if has(5) { readRepair = try reader.valueAtPlace() }
        if has(6) { blind = try reader.valueAtPlace() }
        if has(7) { valueBytes = try reader.integer() }
        if has(8) { timeToLive = try reader.integer() }
        guard mask < 1 << 9, valueBytes ?? 0 <= UInt32(Limits.valueBytes) else {
            throw .invalid("unknown settings of a keyspace")
        }
    }

    private static func count(_ reader: inout ByteReader) throws(DecodeError) -> UInt8 {
        let count: UInt8 = try reader.integer()
        guard count >= 1, count <= Limits.replicas else { throw .invalid("not a quorum") }
        return count
    }
}

extension ByteBuffer {
    mutating func appendPlace<Value: CaseIterable & Equatable>(of value: Value) {
        var place: UInt8 = 0
        for other in Value.allCases {
            if other == value { break }
            place += 1
        }
        append(place)
    }

    mutating func appendName(_ name: String) {
        append(UInt8(name.utf8.count))
        append(name)
    }
}

extension ByteReader {
    mutating func valueAtPlace<Value: CaseIterable>() throws(DecodeError) -> Value {
        let place = Int(try integer(UInt8.self))
        for (index, value) in Value.allCases.enumerated() where index == place { return value }
        throw .invalid("a choice that this release does not know")
    }

    mutating func name() throws(DecodeError) -> String {
        try take(Int(try integer(UInt8.self))).text
    }
}
