import Basics
import Causality
import Replication
import TestSupport
import Testing

/// What each change does to a register, on a node that is its own majority.
struct ChangeTests {
    let register = RegisterCluster(nodes: 1)

    @Test func setGetAndDelete() {
        #expect(register.get() == "absent")
        #expect(register.change(.set, "a") == "done")
        #expect(register.get() == "value a")
        #expect(register.change(.delete) == "integer 1")
        #expect(register.change(.delete) == "integer 0")
        #expect(register.get() == "absent")
    }

    @Test func setIfAbsentAndIfPresent() {
        #expect(register.change(.setIfPresent, "a") == "refuted")
        #expect(register.change(.setIfAbsent, "a") == "done")
        #expect(register.change(.setIfAbsent, "b") == "refuted")
        #expect(register.change(.setIfPresent, "b") == "done")
        #expect(register.get() == "value b")
    }

    @Test func theOldValueIsReturnedWhenAsked() {
        #expect(register.change(.set, "a", returnsOld: true) == "absent")
        #expect(register.change(.set, "b", returnsOld: true) == "value a")
        #expect(register.change(.setIfAbsent, "c", returnsOld: true) == "value b")
        #expect(register.change(.delete, returnsOld: true) == "value b")
        #expect(register.get() == "absent")
    }

    @Test func incrementsAreThoseOfRedis() {
        #expect(register.change(.increment, integer: 1) == "integer 1")
        #expect(register.change(.increment, integer: -3) == "integer -2")
        #expect(register.get() == "value -2")
        for text in ["", "-", "01", "1a", " 1", "+1", "9223372036854775808"] {
            register.change(.set, text)
            #expect(register.change(.increment, integer: 1) == "failed notAnInteger")
            #expect(register.get() == "value \(text)")
        }
        register.change(.set, "9223372036854775807")
        #expect(register.change(.increment, integer: 1) == "failed notAnInteger")
        #expect(register.change(.increment, integer: -1) == "integer 9223372036854775806")
        register.change(.set, "-9223372036854775808")
        #expect(register.change(.increment, integer: 1) == "integer -9223372036854775807")
    }

    @Test func appendAddsAtTheEnd() {
        #expect(register.change(.append, "ab") == "integer 2")
        #expect(register.change(.append, "cd") == "integer 4")
        #expect(register.get() == "value abcd")
    }

    @Test func swapByValue() {
        #expect(register.change(.swapValue, "b", expected: "a") == "refuted")
        register.change(.set, "a")
        #expect(register.change(.swapValue, "b", expected: "a") == "done")
        #expect(register.change(.swapValue, "c", expected: "a") == "refuted")
        #expect(register.get() == "value b")
    }

    @Test func swapByVersionSeesEveryChangeAndNothingElse() {
        #expect(register.change(.swapVersion, "a") == "done")
        #expect(register.change(.swapVersion, "b") == "refuted")
        _ = register.get()
        let first = register.version
        // Failing, deciding and reading leave the version as it is.
        register.change(.swapValue, "x", expected: "y")
        _ = register.get()
        #expect(register.version == first)
        #expect(register.change(.swapVersion, "b", version: first) == "done")
        #expect(register.version > first)
        #expect(register.change(.swapVersion, "c", version: first) == "refuted")
        register.change(.delete)
        #expect(register.change(.swapVersion, "d", version: .none) == "done")
    }

    @Test func anOperationWithAnIdIsAppliedOnce() {
        let first = OperationID(session: 5, sequence: 1)
        let second = OperationID(session: 5, sequence: 2)
        #expect(register.change(.increment, integer: 1, operation: first) == "integer 1")
        #expect(register.change(.increment, integer: 1, operation: first) == "integer 1")
        #expect(register.change(.increment, integer: 1, operation: second) == "integer 2")
        #expect(register.change(.increment, integer: 1, operation: second) == "integer 2")
        #expect(
            register.change(.increment, integer: 1, operation: first) == "failed sessionExpired")
        #expect(register.get() == "value 2")
    }

    @Test func aFailedSwapWithAnIdStaysFailed() {
        let id = OperationID(session: 1, sequence: 1)
        register.change(.set, "a")
        #expect(register.change(.swapValue, "c", expected: "b", operation: id) == "refuted")
        register.change(.set, "b")
        #expect(register.change(.swapValue, "c", expected: "b", operation: id) == "refuted")
        #expect(register.get() == "value b")
    }

    /// The oracle keeps every operation of every session for ever.
    @Test func sessionsAreRememberedOrSaidToBeExpired() {
        Seeds.forAll(20, "sessions are remembered or expired") { random in
            let register = RegisterCluster(nodes: 1)
            var total: Int64 = 0
            var results: [OperationID: Int64] = [:]
            for _ in 0..<400 {
                let session = 1 + random.below(40 as UInt64)
                let id = OperationID(session: session, sequence: 1 + random.below(6 as UInt64))
                let answer = register.change(.increment, integer: 1, operation: id)
                if answer == "failed sessionExpired" { continue }
                if let known = results[id] {
                    if answer != "integer \(known)" { return false }
                } else {
                    total += 1
                    results[id] = total
                    if answer != "integer \(total)" { return false }
                }
            }
            return register.get() == "value \(total)"
        }
    }
}
