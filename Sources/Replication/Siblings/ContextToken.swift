import Basics
import Causality

// What a client is given as context, before it is written as base64url:
//
//   token = version:u8 (1) keyspace:u16 context mac:u64
//
//   context   a sibling set without values, as in SiblingSet.swift
//   mac       SipHash-2-4 under the cluster's secret, over all before it and the key's hash:u64

/// Contexts as clients carry them: nobody without the cluster's secret can make one, and one that
/// was given for a key is good for no other.
enum ContextToken {
    private static let version: UInt8 = 1
    /// A token with more actors than this is not looked at.
    private static let largest = 128 << 10

    /// Appends the token for what `set` knows. `scratch` is emptied.
    static func append(
        _ set: SiblingSet, of key: HashedKey, secret: SipHash.Key, scratch: inout ByteBuffer,
        to out: inout ByteBuffer
    ) throws(DecodeError) {
        scratch.removeAll()
        scratch.append(version)
        scratch.appendInteger(key.keyspace.raw)
        try set.appendContext(to: &scratch)
        scratch.appendInteger(tag(of: key, secret, &scratch))
        Base64URL.encode(scratch.bytes, into: &out)
    }

    /// The context that a token carries, as bytes of `scratch`; nil for a token that was not given
    /// for this key by this cluster.
    static func context(
        _ token: Bytes, of key: HashedKey, secret: SipHash.Key, scratch: inout ByteBuffer
    ) -> SiblingSet? {
        scratch.removeAll()
        guard token.count <= largest, Base64URL.decode(token, into: &scratch),
            scratch.count > 3 + 8
        else { return nil }
        let end = scratch.count - 8
        do throws(DecodeError) {
            var reader = ByteReader(scratch.bytes.slice(end, end + 8))
            let given: UInt64 = try reader.integer()
            scratch.truncate(to: end)
            guard tag(of: key, secret, &scratch) == given, scratch.bytes[0] == version else {
                return nil
            }
            let context = scratch.bytes.slice(3, end)
            try SiblingSet.check(context)
            return SiblingSet(context)
        } catch {
            // Only a forger's bytes do not decode.
            return nil
        }
    }

    /// The tag of what is in the buffer and the key, which is not left there.
    private static func tag(
        of key: HashedKey, _ secret: SipHash.Key, _ buffer: inout ByteBuffer
    ) -> UInt64 {
        let count = buffer.count
        buffer.appendInteger(key.hash)
        defer { buffer.truncate(to: count) }
        return SipHash.tag(buffer.bytes, key: secret)
    }
}
