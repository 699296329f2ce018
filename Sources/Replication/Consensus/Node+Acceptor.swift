import Basics
import Causality
import Partitioning
import Storage

/// The node in the role of acceptor: what it has promised and accepted is its record of the key,
/// and is durable before anyone hears of it (Rystsov 2018, CASPaxos).
extension Node {
    /// The register of a key; nil where nothing was ever promised. A record of another form is
    /// none: modes never meet on one key.
    private func acceptorState(
        _ key: HashedKey
    ) -> (register: Register, found: LogStore.Found)? {
        guard let found = store.find(key), found.content.form == .register else { return nil }
        return (Register(found.content.bytes), found)
    }

    /// Promise to accept nothing below `ballot`, and say what was accepted; the state only if it
    /// is newer than `known`.
    mutating func prepareForProposer(
        _ key: HashedKey, _ ballot: Ballot, known: Ballot, _ ticket: Ticket, proposer: NodeID,
        at now: Moment, into effects: inout Effects
    ) {
        let own = acceptorState(key)
        let accepted = own?.found.version ?? .none
        let promise = own?.register.promise ?? ballotFloor(of: key)
        let isRepeated = own != nil && ballot == promise && ballot > accepted
        guard ballot > max(promise, accepted) || isRepeated else {
            return reject(
                ballot, max(promise, accepted), ticket, proposer, at: now, into: &effects)
        }
        var position = own?.found.position ?? .zero
        if !isRepeated, !isMutated(.forgetPromise) {
            guard hasRoom() else { return }
            scratch.removeAll()
            Register.append(promise: ballot, to: &scratch)
            if let own {
                scratch.append(own.register.state.bytes)
            } else {
                Register.appendNothing(to: &scratch)
            }
            position = append(key, Content(.register, scratch.bytes), accepted)
        }
        // Appending may have overwritten the record in place: it is looked up anew.
        let isAsked = accepted > known
        let content = isAsked ? store.find(key)?.content : nil
        if isDurable(position) || isMutated(.acknowledgeBeforeSync) {
            let answer = content.map { Fetched.found($0) } ?? .notNewer
            return tell(
                proposer, ballot, accepted, answer, ticket, at: now, into: &effects)
        }
        guard let place = parked.insert() else {
            preconditionFailure("the pool of parked reads has no limit")
        }
        parked[Int(place.index)].begin(accepted, content)
        wait(
            for: position, then: .promised(ballot, ticket, coordinator: proposer, parked: place))
    }

    /// Accept this state unless something larger was promised.
    mutating func acceptForProposer(
        _ key: HashedKey, _ state: Bytes, _ ballot: Ballot, _ ticket: Ticket, proposer: NodeID,
        at now: Moment, into effects: inout Effects
    ) {
        let own = acceptorState(key)
        let accepted = own?.found.version ?? .none
        let promise = own?.register.promise ?? ballotFloor(of: key)
        var position = own?.found.position ?? .zero
        if accepted != ballot {
            guard ballot >= max(promise, accepted) else {
                return reject(
                    ballot, max(promise, accepted), ticket, proposer, at: now, into: &effects)
            }
            guard hasRoom() else { return }
            scratch.removeAll()
            Register.append(promise: ballot.successor, to: &scratch)
            scratch.append(state)
            position = append(key, Content(.register, scratch.bytes), ballot)
        }
        if isDurable(position) || isMutated(.acknowledgeBeforeSync) {
            tell(proposer, accepted: ballot, ticket, at: now, into: &effects)
        } else {
            wait(for: position, then: .accepted(ballot, ticket, coordinator: proposer))
        }
    }

    /// What another acceptor has promised and accepted becomes this one's, as far as it is newer:
    /// a replica that comes takes it from a majority of the old ones. Nil when the disk is full.
    mutating func takeOver(
        _ key: HashedKey, _ content: Content, _ accepted: Ballot
    ) -> LogPosition? {
        let theirs = Register(content.bytes)
        guard let own = acceptorState(key) else {
            return hasRoom() ? append(key, content, accepted) : nil
        }
        let promise = max(theirs.promise, own.register.promise)
        if own.found.version >= accepted, own.register.promise == promise {
            return own.found.position
        }
        guard hasRoom() else { return nil }
        scratch.removeAll()
        Register.append(promise: promise, to: &scratch)
        scratch.append(
            own.found.version >= accepted ? own.register.state.bytes : theirs.state.bytes)
        return append(key, Content(.register, scratch.bytes), max(accepted, own.found.version))
    }

    private mutating func reject(
        _ ballot: Ballot, _ seen: Ballot, _ ticket: Ticket, _ proposer: NodeID, at now: Moment,
        into effects: inout Effects
    ) {
        if proposer == id {
            rejected(ballot, seen, ticket, by: id, at: now, into: &effects)
        } else {
            send(.rejected(ballot, seen: seen, ticket), to: proposer, into: &effects)
        }
    }

    private mutating func tell(
        _ proposer: NodeID, _ ballot: Ballot, _ accepted: Ballot, _ answer: Fetched,
        _ ticket: Ticket, at now: Moment, into effects: inout Effects
    ) {
        if proposer == id {
            promised(ballot, accepted, answer, ticket, by: id, at: now, into: &effects)
        } else {
            send(.promised(ballot, accepted, answer, ticket), to: proposer, into: &effects)
        }
    }

    mutating func tell(
        _ proposer: NodeID, accepted ballot: Ballot, _ ticket: Ticket, at now: Moment,
        into effects: inout Effects
    ) {
        if proposer == id {
            accepted(ballot, ticket, by: id, at: now, into: &effects)
        } else {
            send(.accepted(ballot, ticket), to: proposer, into: &effects)
        }
    }

    /// A promise has become durable: says so, with what was accepted when it was made.
    mutating func revealPromise(
        _ ballot: Ballot, _ ticket: Ticket, to proposer: NodeID, _ place: Ticket, at now: Moment,
        into effects: inout Effects
    ) {
        let index = Int(place.index)
        tell(
            proposer, ballot, parked[index].version, parked[index].fetched, ticket, at: now,
            into: &effects)
        // Its bytes stay where they are until the slot is taken again, in a later event.
        if parked[index].isLarge { largeParked.append(index) }
        parked.remove(at: index)
    }
}
