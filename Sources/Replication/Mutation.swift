/// A bug that is planted on purpose, to show that the simulator and its checkers find it.
///
/// Nothing can switch one on in a release build: the field of the configuration exists only where
/// `MUTANTS` is defined, which is in debug builds, and `isMutated` is false elsewhere.
public enum Mutation: String, CaseIterable, Sendable {
    /// A replica acknowledges what it has not synced.
    case acknowledgeBeforeSync = "acknowledge-before-sync"
    /// A replica shows what a crash could still take.
    case revealBeforeDurable = "reveal-before-durable"
    /// The answers of replicas to an earlier life of a coordinator count for the present one.
    case countAnswersToAnEarlierLife = "count-answers-to-an-earlier-life"
    /// A write is acknowledged one replica too early.
    case writeQuorumOneShort = "write-quorum-one-short"
    /// A read is answered one replica too early.
    case readQuorumOneShort = "read-quorum-one-short"
    /// A replica that has two versions keeps the lower one.
    case mergeKeepsLowerVersion = "merge-keeps-lower-version"
    /// A replica that acknowledges twice counts as two replicas.
    case countDuplicateAcknowledgements = "count-duplicate-acknowledgements"
    /// A blocking read repair does not wait for its write-back.
    case skipWriteBack = "skip-write-back"
    /// Read repair gives what it sends on a new version.
    case repairRestamps = "repair-restamps"
    /// A write that has run out of time is reported as done.
    case acknowledgeTimeouts = "acknowledge-timeouts"
    /// A write sent a second time has a new version.
    case retransmissionRestamps = "retransmission-restamps"
    /// What a comparison found missing is sent with a new version.
    case antiEntropyRestamps = "anti-entropy-restamps"
    /// A comparison does not send deletions.
    case antiEntropyForgetsTombstones = "anti-entropy-forgets-tombstones"
    /// A replica that is sent siblings forgets those that it has.
    case siblingsReplace = "siblings-replace"
    /// A write without a context replaces what its coordinator knows, though it must not.
    case blindWritesReplace = "blind-writes-replace"
    /// A write that is passed on twice by the network is done twice.
    case passedWritesRepeat = "passed-writes-repeat"
    /// A client is answered twice.
    case answerTwice = "answer-twice"
    /// An atomic register's version is that of the quorum plus one, unique or not.
    case versionFromQuorumAlone = "version-from-quorum-alone"
    /// An acceptor forgets what it has promised.
    case forgetPromise = "forget-promise"
    /// A read of a consensus register returns the newest that was accepted anywhere.
    case readLargestAccepted = "read-largest-accepted"
    /// A proposer applies a change again, though an attempt may have been accepted.
    case retryBlindly = "retry-blindly"
    /// A change that was passed on twice is proposed twice.
    case proposeRepeatedly = "propose-repeatedly"
    /// A replica that comes is brought what one of the old ones has.
    case streamFromOne = "stream-from-one"
    /// An old replica gives its shard away before it knows of the change.
    case streamBeforeFence = "stream-before-fence"
    /// What was asked under an older ring is done and counted.
    case countStaleEpochs = "count-stale-epochs"
    /// A replica that comes answers reads before it has been brought anything.
    case arriveEmpty = "arrive-empty"
    /// A deletion is forgotten when it is old enough, whoever has it.
    case collectByGrace = "collect-by-grace"
    /// A deletion is forgotten when all replicas have it, without a fence, a drain or a floor.
    case collectWhenAllHave = "collect-when-all-have"
    /// Nobody waits for what is held for others before deletions are forgotten.
    case collectSkipsDrain = "collect-skips-drain"
    /// Nobody refuses what comes after deletions were forgotten.
    case collectSkipsFloor = "collect-skips-floor"
    /// A deleted register is forgotten with what it has promised and accepted.
    case purgeWithoutFloor = "purge-without-floor"
    /// A deleted register that is forgotten leaves its ballot and not its promise.
    case floorForgetsPromise = "floor-forgets-promise"
    /// A deleted register is forgotten when a majority has it.
    case purgeOnMajority = "purge-on-majority"
    /// A clock that was set back over a restart gives stamps that were given before.
    case forgetReserve = "forget-reserve"
}

extension Node {
    /// Whether this bug is planted; always false in a release build.
    @inline(__always)
    func isMutated(_ mutation: Mutation) -> Bool {
        #if MUTANTS
            configuration.mutation == mutation
        #else
            false
        #endif
    }
}
