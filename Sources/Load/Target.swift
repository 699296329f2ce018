import Platform

/// The store to be driven: a scheme and the addresses that sessions connect to in turn.
public struct Target: Sendable, Equatable, CustomStringConvertible {
    /// How the store is spoken to.
    public enum Scheme: String, Sendable, CaseIterable {
        /// Our own store: Redis's protocol and the command `QUORUM`.
        case quorum
        /// Anything that speaks Redis's protocol.
        case redis

        /// What a person should know about results of such a target.
        public var note: String {
            "a record is one value that holds all its fields; an update rewrites it whole"
        }
    }

    public let scheme: Scheme
    /// At least one.
    public let addresses: [SocketAddress]

    /// `addresses` must not be empty.
    public init(scheme: Scheme, addresses: [SocketAddress]) {
        precondition(!addresses.isEmpty, "a target needs an address")
        self.scheme = scheme
        self.addresses = addresses
    }

    /// Reads `quorum://host:port,…` or `redis://host:port,…`.
    public init(_ text: String) throws(TargetError) {
        let supported = "supported are quorum://HOST:PORT,… and redis://HOST:PORT"
        guard let colon = text.firstIndex(of: ":"), text[colon...].hasPrefix("://") else {
            throw TargetError("target '\(text)' has no scheme; \(supported)")
        }
        let name = String(text[..<colon]).lowercased()
        guard let scheme = Scheme(rawValue: name) else {
            throw TargetError("target scheme '\(name)://' is not supported; \(supported)")
        }
        let list = text[text.index(colon, offsetBy: 3)...]
        var addresses: [SocketAddress] = []
        for part in list.split(separator: ",", omittingEmptySubsequences: false) {
            guard !part.isEmpty else {
                throw TargetError("target '\(text)' has an empty address; expected HOST:PORT")
            }
            guard !part.contains("/"), !part.contains("@") else {
                throw TargetError(
                    "target '\(text)': '\(part)' is more than HOST:PORT; users and databases "
                        + "cannot be given")
            }
            do {
                let address = try SocketAddress(String(part))
                guard address.port > 0 else {
                    throw TargetError("target '\(text)': nobody listens on port 0")
                }
                addresses.append(address)
            } catch let error as TargetError {
                throw error
            } catch {
                throw TargetError("target '\(text)': \(error)")
            }
        }
        self.init(scheme: scheme, addresses: addresses)
    }

    public var description: String {
        "\(scheme.rawValue)://" + addresses.map(\.description).joined(separator: ",")
    }
}

/// Text that should have been a target.
public struct TargetError: Error, Equatable, Sendable, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }
}
