/// A counterexample ready to be drawn: a few operations on one key, and what is wrong with them.
public struct Witness: Codable, Sendable, Equatable {
    public static let schemaName = "quorumeter.witness/1"

    public var schema = Witness.schemaName
    /// The model that is violated.
    public var model: String
    /// Where it was seen, for example `N=3 R=1 W=1, partition, simulated`.
    public var title: String
    public var key: String
    /// What went wrong, in a sentence or two.
    public var explanation: String
    /// In order of invocation.
    public var operations: [WitnessOperation]
    /// What nodes did meanwhile with the key, in order of time; nil when nobody watched them.
    public var events: [WitnessEvent]?
    /// Why the store allowed it, such as `partial-quorum`; nil when nothing says so.
    public var cause: String?
    /// The command that shows it again; nil when only the recorded history can.
    public var replay: String?
    /// Whether the replay gives the same bytes (simulation) or only the same setting.
    public var isDeterministic: Bool

    public init(
        model: String, title: String, key: String, explanation: String,
        operations: [WitnessOperation], replay: String?, isDeterministic: Bool
    ) {
        self.model = model
        self.title = title
        self.key = key
        self.explanation = explanation
        self.operations = operations
        self.replay = replay
        self.isDeterministic = isDeterministic
    }

    enum CodingKeys: String, CodingKey {
        case schema, model, title, key, explanation, operations, events, cause, replay
        case isDeterministic = "is_deterministic"
    }
}

/// Something that a node did: one mark beneath the bars.
public struct WitnessEvent: Codable, Sendable, Equatable {
    public var atNs: Int64
    /// Such as `n2`, or `all` for what happens to the whole cluster.
    public var node: String
    /// Such as `-> n3 store k0 = w:0:1 @4096`.
    public var what: String

    public init(atNs: Int64, node: String, what: String) {
        self.atNs = atNs
        self.node = node
        self.what = what
    }

    enum CodingKeys: String, CodingKey {
        case node, what
        case atNs = "at_ns"
    }
}

/// One bar of the timeline.
public struct WitnessOperation: Codable, Sendable, Equatable {
    /// Position in the history as recorded.
    public var index: Int
    public var process: Int
    /// `read`, `write`, `cas` or `delete`.
    public var op: String
    /// Nil for "absent".
    public var value: String?
    public var invokedNs: Int64
    /// Nil when the outcome stayed unknown.
    public var completedNs: Int64?
    /// `ok`, `fail` or `unknown`.
    public var outcome: String
    /// Whether it is one of those that contradict each other.
    public var isAtFault: Bool
    /// Which node coordinated it and which replicas answered, when known.
    public var note: String?

    public init(
        index: Int, process: Int, op: String, value: String?, invokedNs: Int64,
        completedNs: Int64?, outcome: String, isAtFault: Bool, note: String?
    ) {
        self.index = index
        self.process = process
        self.op = op
        self.value = value
        self.invokedNs = invokedNs
        self.completedNs = completedNs
        self.outcome = outcome
        self.isAtFault = isAtFault
        self.note = note
    }

    enum CodingKeys: String, CodingKey {
        case index, process, op, value, outcome, note
        case invokedNs = "invoked_ns"
        case completedNs = "completed_ns"
        case isAtFault = "is_at_fault"
    }
}

extension Witness {
    /// The counterexample in plain text: its operations in order, what is wrong, how to replay it.
    public var text: String {
        var text = "  \(model) is violated for key \(key):\n"
        let origin = operations.first?.invokedNs ?? 0
        for operation in operations {
            let start = Quantities.text(nanoseconds: operation.invokedNs - origin)
            let end =
                operation.completedNs.map { Quantities.text(nanoseconds: $0 - origin) }
                ?? "unknown"
            let arrow = operation.op == "read" ? " -> " : " "
            text += "    [\(operation.index)] process \(operation.process): \(operation.op)"
            text += "\(arrow)\(operation.value ?? "absent"), \(start) to \(end)"
            text += operation.note.map { " (\($0))\n" } ?? "\n"
        }
        text += "  \(explanation)\n"
        if let cause {
            text += "  Likely cause: \(Witness.sentence(of: cause))\n"
        } else if let doubt {
            text += "  \(doubt)\n"
        }
        if let replay { text += "  Replay it: \(replay)\n" }
        return text
    }

    /// Of what was measured on processes without a cause to name: what is not known. Nil for what
    /// has a cause, and for simulations, which can be looked into.
    var doubt: String? {
        guard cause == nil, !isDeterministic else { return nil }
        return operations.contains { $0.note != nil }
            ? "The versions and the replicas that answered do not tell why."
            : "Why is not known: which replicas answered was not recorded."
    }

    /// A cause in a sentence.
    static func sentence(of cause: String) -> String {
        switch cause {
        case "partial-quorum":
            "a partial quorum: the replicas that answered the read are not those that had "
                + "acknowledged the write."
        case "fallback-ack":
            "a stand-in acknowledged the write in place of a replica, and the read did not ask it."
        case "pending-hint":
            "a pending hint: the write was held by a stand-in and had not been handed over."
        case "clock-skew":
            "clock skew: the later write got the older version."
        case "epoch-change":
            "a change of the ring: read and write asked different replicas."
        case "tombstone": "a tombstone that was forgotten, or lost against an older value."
        case "sibling-drop": "a sibling was dropped though nothing covered it."
        default: "\(cause)."
        }
    }
}
