import Basics
import Causality

// A version as people and clients see it, and as clients give it back for a session token:
//
//   microseconds "." counter "@" node "/" incarnation      1718000000000000.3@n2/7

extension Version {
    /// `microseconds.counter@node/incarnation`, for people and for comparing by eye.
    public var text: String {
        "\(stamp >> 12).\(stamp & 0xfff)@\(actor.node)/\(actor.incarnation)"
    }

    /// Reads what `text` says; nil for anything else.
    public init?(text: Bytes) {
        guard let dot = text.firstIndex(of: UInt8(ascii: ".")),
            let at = text.firstIndex(of: UInt8(ascii: "@"), from: dot),
            let slash = text.firstIndex(of: UInt8(ascii: "/"), from: at),
            slash > at + 1, text[at + 1] == UInt8(ascii: "n"),
            let microseconds = text.slice(0, dot).decimal, microseconds < 1 << 52,
            let counter = text.slice(dot + 1, at).decimal, counter < 1 << 12,
            let node = text.slice(at + 2, slash).decimal, node >= 1, node <= Limits.nodes,
            let incarnation = text.slice(slash + 1, text.count).decimal, incarnation < 1 << 48
        else { return nil }
        self.init(
            stamp: UInt64(microseconds) << 12 | UInt64(counter),
            actor: Actor(node: NodeID(node - 1), incarnation: UInt64(incarnation)))
        if isNone { return nil }
    }
}
