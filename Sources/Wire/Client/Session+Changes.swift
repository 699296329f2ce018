import Basics
import Causality
import Replication

// Commands that only a keyspace in cp mode has:
//
//   SET key value [NX|XX] [GET]         QCAS key expected new [options]
//   SETNX key value                     QSET key value VERSION version|none [options]
//   INCR|DECR key                       INCRBY|DECRBY key integer
//   APPEND key value                    GETSET key value    GETDEL key

/// Changes of consensus registers.
extension Session {
    mutating func runChange(
        _ changing: Command.Changing, _ input: Bytes, _ hashSeed: UInt64,
        into batch: inout RequestBatch
    ) {
        guard let key = key(1, input, hashSeed) else { return }
        let last = argument(parser.arguments.count - 1, input)
        let operation = defaults.operation
        let change: Change
        var form = ReplyRing.Form.change
        switch changing {
        case .increment: change = Change(.increment, integer: 1, operation: operation)
        case .decrement: change = Change(.increment, integer: -1, operation: operation)
        case .incrementBy, .decrementBy:
            guard var by = Int64(last.text) else {
                return fail("ERR value is not an integer or out of range")
            }
            if case .decrementBy = changing {
                guard by != .min else { return fail("ERR decrement would overflow") }
                by = -by
            }
            change = Change(.increment, integer: by, operation: operation)
        case .append: change = Change(.append, value: last, operation: operation)
        case .getSet:
            change = Change(.set, value: last, returnsOld: true, operation: operation)
        case .getDelete: change = Change(.delete, returnsOld: true, operation: operation)
        case .setIfAbsent:
            form = .flag
            change = Change(.setIfAbsent, value: last, operation: operation)
        case .swap: return runSwap(key, input, into: &batch)
        }
        self.change(key, change, form, into: &batch)
    }

    private mutating func runSwap(
        _ key: HashedKey, _ input: Bytes, into batch: inout RequestBatch
    ) {
        var only = OwnOptions()
        guard let options = options(input, from: 4, &only) else { return }
        guard only.context == nil else {
            return fail("ERR option CONTEXT belongs to QSET and QDEL")
        }
        let change = Change(
            .swapValue, value: argument(3, input), expected: argument(2, input),
            operation: options.operation)
        self.change(key, change, .swap, options, into: &batch)
    }

    /// Asks for a change, within what a register can hold and remember.
    mutating func change(
        _ key: HashedKey, _ change: Change, _ form: ReplyRing.Form,
        _ options: RequestOptions? = nil, into batch: inout RequestBatch
    ) {
        guard change.value.count + change.expected.count <= Limits.registerBytes else {
            return fail("ERR value is too large (limit 16 MiB - 4 KiB in cp mode)")
        }
        guard !change.returnsOld || change.operation.isNone else {
            return fail(
                "ERR a command that answers with a value cannot have an operation id: "
                    + "only outcomes are remembered")
        }
        ask(.change(key, change, options ?? defaults), form, into: &batch)
    }
}
