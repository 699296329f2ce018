import Basics

/// Everything that can happen to a node.
public enum Event: Sendable {
    case request(Request, from: ClientID)
    case message(Message, from: NodeID)
    /// The log is durable up to here.
    case synced(LogPosition)
    /// `Node.nextDeadline` has come.
    case deadline
    /// Messages to this node can be delivered, or cannot.
    case reachable(NodeID, Bool)
    /// Compare with all replicas that can be reached, and mend what differs unless it is a preview.
    case compare(preview: Bool)
    /// Have all nodes that can be reached forget what deletions they may forget.
    case collect
    /// The client's connection is gone: nobody waits for its answers.
    case disconnected(connection: UInt32, generation: UInt32)
}

/// What a node wants done. The runtime owns one, lends it to `handle`, carries it out after every
/// event (bytes in it do not live longer), and empties it.
public struct Effects: ~Copyable {
    public var messages: [(message: Message, to: NodeID)] = []
    public var responses: [(response: Response, to: ClientID)] = []
    /// The log must become durable up to here, after which the runtime reports `.synced`.
    public var sync: LogPosition?

    public init() {
        messages.reserveCapacity(64)
        responses.reserveCapacity(64)
    }

    /// Forgets everything and keeps the storage.
    @inlinable
    public mutating func removeAll() {
        messages.removeAll(keepingCapacity: true)
        responses.removeAll(keepingCapacity: true)
        sync = nil
    }

    @inlinable
    mutating func send(_ message: Message, to node: NodeID) {
        messages.append((message, node))
    }

    mutating func respond(_ response: Response, to client: ClientID) {
        if client.isRemote { return answer(response, client) }
        responses.append((response, client))
    }

    /// The client is another node's.
    private mutating func answer(_ response: Response, _ client: ClientID) {
        guard client != .nobody else { return }
        let (node, ticket) = client.asker
        messages.append((.passed(response, ticket), node))
    }
}
