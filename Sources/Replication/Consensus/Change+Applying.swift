import Basics
import Causality

/// The pure functions: a state and a change go in, the next state and a result come out.
extension Change {
    /// What applying came to.
    enum Applied {
        /// The next state was appended to the output.
        case changed(ChangeResult)
        /// The state stays as it is.
        case unchanged(ChangeResult)
    }

    /// Applies the change to `state`; the next state, whose value has `version` if it is another,
    /// goes to `out`, which is emptied first. O(state + value).
    func apply(to state: RegisterState, version: Version, into out: inout ByteBuffer) -> Applied {
        guard !operation.isNone else { return applyOnce(to: state, version: version, into: &out) }
        for i in 0..<state.sessionCount {
            let known = state.session(i)
            guard known.id == operation.session else { continue }
            if known.sequence == operation.sequence { return .unchanged(known.result) }
            if known.sequence > operation.sequence { return .unchanged(.failed(.sessionExpired)) }
            return applyOnce(to: state, version: version, into: &out)
        }
        if operation.session <= state.expired { return .unchanged(.failed(.sessionExpired)) }
        return applyOnce(to: state, version: version, into: &out)
    }

    /// Without looking whether it was applied before.
    private func applyOnce(
        to state: RegisterState, version: Version, into out: inout ByteBuffer
    ) -> Applied {
        let old = state.value
        func result(_ plain: ChangeResult) -> ChangeResult { returnsOld ? .value(old) : plain }
        switch kind {
        case .get: return .unchanged(.value(old))
        case .set: return set(version, result(.done), state, into: &out)
        case .setIfAbsent:
            guard old == nil else { return refute(result(.refuted), state, into: &out) }
            return set(version, result(.done), state, into: &out)
        case .setIfPresent:
            guard old != nil else { return refute(result(.refuted), state, into: &out) }
            return set(version, result(.done), state, into: &out)
        case .delete:
            guard old != nil else { return refute(result(.integer(0)), state, into: &out) }
            beginState(.absent, version, result(.integer(1)), state, into: &out)
            return .changed(result(.integer(1)))
        case .increment: return add(to: old, version, state, into: &out)
        case .append:
            let length = (old?.count ?? 0) + value.count
            guard length <= Limits.registerBytes else {
                return refute(.failed(.tooLarge), state, into: &out)
            }
            beginState(.value, version, .integer(Int64(length)), state, into: &out)
            if let old { out.append(old) }
            out.append(value)
            return .changed(.integer(Int64(length)))
        case .swapValue:
            guard let old, old == expected else { return refute(.refuted, state, into: &out) }
            return set(version, .done, state, into: &out)
        case .swapVersion:
            let isMet =
                self.version.isNone ? old == nil : old != nil && state.version == self.version
            guard isMet else { return refute(.refuted, state, into: &out) }
            return set(version, .done, state, into: &out)
        }
    }

    private func set(
        _ version: Version, _ result: ChangeResult, _ state: RegisterState,
        into out: inout ByteBuffer
    ) -> Applied {
        beginState(.value, version, result, state, into: &out)
        out.append(value)
        return .changed(result)
    }

    /// The value stays; a session's operation is remembered all the same.
    private func refute(
        _ result: ChangeResult, _ state: RegisterState, into out: inout ByteBuffer
    ) -> Applied {
        guard !operation.isNone else { return .unchanged(result) }
        let kind = state.value == nil ? RegisterState.Kind.absent : .value
        beginState(kind, state.version, result, state, into: &out)
        if let old = state.value { out.append(old) }
        return .changed(result)
    }

    private func add(
        to old: Bytes?, _ version: Version, _ state: RegisterState, into out: inout ByteBuffer
    ) -> Applied {
        var number: Int64 = 0
        if let old {
            guard let found = old.signedDecimal else {
                return refute(.failed(.notAnInteger), state, into: &out)
            }
            number = found
        }
        let (sum, isTooLarge) = number.addingReportingOverflow(integer)
        guard !isTooLarge else { return refute(.failed(.notAnInteger), state, into: &out) }
        beginState(.value, version, .integer(sum), state, into: &out)
        out.appendDecimal(sum)
        return .changed(.integer(sum))
    }

    // MARK: Sessions

    /// Writes what precedes the value: kind, and the sessions with this operation among them.
    private func beginState(
        _ kind: RegisterState.Kind, _ version: Version, _ result: ChangeResult,
        _ state: RegisterState, into out: inout ByteBuffer
    ) {
        out.removeAll()
        let count = state.sessionCount
        guard !operation.isNone else {
            RegisterState.appendHead(kind, sessions: count, version, to: &out)
            return out.append(state.sessions)
        }
        let isKnown = (0..<count).contains { state.session($0).id == operation.session }
        let isFull = !isKnown && count == RegisterState.sessionLimit
        let newCount = isKnown || isFull ? count : count + 1
        RegisterState.appendHead(kind, sessions: newCount, version, to: &out)
        // The session with the smallest id is forgotten: whoever is below it is told so.
        let own = recorded(result)
        let forgotten = isFull ? state.session(0).id : state.expired
        out.appendInteger(max(state.expired, forgotten))
        var isWritten = false
        for i in 0..<count {
            let known = state.session(i)
            if known.id == own.id || isFull && i == 0 { continue }
            if !isWritten, known.id > own.id {
                Change.append(own, to: &out)
                isWritten = true
            }
            Change.append(known, to: &out)
        }
        if !isWritten { Change.append(own, to: &out) }
    }

    private func recorded(_ result: ChangeResult) -> RegisterState.Session {
        var session = RegisterState.Session(
            id: operation.session, sequence: operation.sequence, outcome: .done, integer: 0)
        switch result {
        case .done, .value: break
        case .refuted: session.outcome = .refuted
        case .integer(let integer):
            session.outcome = .integer
            session.integer = integer
        case .failed(.tooLarge): session.outcome = .tooLarge
        case .failed: session.outcome = .notAnInteger
        }
        return session
    }

    private static func append(_ session: RegisterState.Session, to out: inout ByteBuffer) {
        out.appendInteger(session.id)
        out.appendInteger(session.sequence)
        out.append(session.outcome.rawValue)
        out.appendInteger(session.integer)
    }
}

extension RegisterState.Session {
    /// What the operation was answered, or should have been.
    var result: ChangeResult {
        switch outcome {
        case .done: .done
        case .refuted: .refuted
        case .integer: .integer(integer)
        case .notAnInteger: .failed(.notAnInteger)
        case .tooLarge: .failed(.tooLarge)
        }
    }
}

extension Bytes {
    /// The bytes as a decimal number of 64 bits with an optional minus sign, without leading
    /// zeros, as `INCR` of Redis takes it.
    var signedDecimal: Int64? {
        let isNegative = count > 0 && self[0] == UInt8(ascii: "-")
        let start = isNegative ? 1 : 0
        guard count > start, count - start <= 19 else { return nil }
        if self[start] == UInt8(ascii: "0"), count > 1 { return nil }
        var number: Int64 = 0
        for i in start..<count {
            guard self[i] >= 48, self[i] <= 57 else { return nil }
            let digit = Int64(self[i] - 48)
            let (scaled, over) = number.multipliedReportingOverflow(by: 10)
            let (sum, overflow) =
                isNegative
                ? scaled.subtractingReportingOverflow(digit)
                : scaled.addingReportingOverflow(digit)
            if over || overflow { return nil }
            number = sum
        }
        return number
    }
}
