/// What the loop's ready tokens say: a kind, a place in that kind's table, and the low bits of
/// the place's generation, so that what is left of a closed connection in this turn's list is
/// recognised.
struct Token {
    enum Kind: UInt8 {
        case clientListener = 1
        case peerListener, client, link, greeter, wakeUp, signal, reload, metricsListener, metrics
    }

    let raw: UInt64

    init(raw: UInt64) { self.raw = raw }

    init(_ kind: Kind, index: UInt32 = 0, generation: UInt32 = 0) {
        raw = UInt64(kind.rawValue) << 56 | UInt64(generation & 0xff_ffff) << 32 | UInt64(index)
    }

    var kind: Kind? { Kind(rawValue: UInt8(truncatingIfNeeded: raw >> 56)) }
    var index: UInt32 { UInt32(truncatingIfNeeded: raw) }

    /// Whether the token is of this generation.
    func isOf(_ generation: UInt32) -> Bool {
        UInt32(truncatingIfNeeded: raw >> 32) & 0xff_ffff == generation & 0xff_ffff
    }
}
