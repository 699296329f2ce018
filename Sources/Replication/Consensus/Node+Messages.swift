import Basics
import Causality

/// What other nodes say about registers.
extension Node {
    mutating func receiveForRegister(
        _ message: Message, from sender: NodeID, at now: Moment, into effects: inout Effects
    ) {
        if let keyspace = message.keyspace, rules(of: keyspace).mode != .cp { return }
        switch message {
        case .prepare(let key, let ballot, let known, let ticket):
            prepareForProposer(
                key, ballot, known: known, ticket, proposer: sender, at: now, into: &effects)
        case .promised(let ballot, let accepted, let fetched, let ticket):
            promised(
                ballot, accepted, fetched, ticket, by: sender, at: now, into: &effects)
        case .accept(let key, let state, let ballot, let ticket):
            acceptForProposer(
                key, state, ballot, ticket, proposer: sender, at: now, into: &effects)
        case .accepted(let ballot, let ticket):
            accepted(ballot, ticket, by: sender, at: now, into: &effects)
        case .rejected(let ballot, let seen, let ticket):
            rejected(ballot, seen, ticket, by: sender, at: now, into: &effects)
        case .propose(let key, let change, let timeout, let asker, let ticket):
            receiveProposal(
                key, change, timeout: timeout, asker, ticket, from: sender, at: now,
                into: &effects)
        case .proposed(let ticket, let decision):
            proposed(ticket, decision, by: sender, into: &effects)
        case .scan, .scanned, .store, .restore, .stored, .fenced, .fetch, .fetched, .repair, .hint,
            .definition, .comparison, .collection, .pass, .passed, .transfer:
            break
        }
    }
}
