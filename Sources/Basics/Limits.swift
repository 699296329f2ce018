/// Every fixed limit of the store in one place; docs/ARCHITECTURE.md lists them with reasons.
public enum Limits {
    /// Longest key, in bytes.
    public static let keyBytes = 64 << 10
    /// Longest value, in bytes.
    public static let valueBytes = 16 << 20
    /// Longest value of a consensus register: its record holds promise and sessions besides.
    public static let registerBytes = valueBytes - (4 << 10)
    /// Most members of a cluster.
    public static let nodes = 1_000
    /// Most members that a cluster may ever have had: no index is given twice.
    public static let nodeIndexes = 60_000
    /// Largest N of a keyspace.
    public static let replicas = 15
    /// Most keyspaces of a cluster, besides the default one.
    public static let keyspaces = 256
    /// Siblings of a key beyond which no write adds one.
    public static let siblings = 32
    /// Bytes of a key's siblings beyond which no write adds any.
    public static let siblingBytes = 1 << 20
    /// Requests that one node coordinates at once.
    public static let requestsInFlight = 1 << 16
    /// Bytes of keys and values that requests in flight may hold on one node.
    public static let bytesInFlight = 512 << 20
    /// Scans that one node coordinates at once.
    public static let scansInFlight = 256
    /// Keys that one answer may name.
    public static let keysAtOnce = 1_000_000
    /// Longest inline command, in bytes (as Redis).
    public static let inlineBytes = 64 << 10
    /// Most arguments of one command.
    public static let arguments = 1 << 20
}
