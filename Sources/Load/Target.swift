import Platform

/// The store to be driven: a scheme and the addresses that connections go to in turn.
public struct Target: Sendable, Equatable, CustomStringConvertible {
    /// How the store is spoken to.
    public enum Scheme: String, Sendable, CaseIterable {
        /// Our own store: Redis's protocol and the command `QUORUM`.
        case quorum
        /// Anything that speaks Redis's protocol.
        case redis
        /// etcd, through its JSON gateway.
        case etcd
        /// PostgreSQL, by libpq.
        case postgres
        /// memcached, by its text protocol.
        case memcached
        /// A program that speaks the line protocol of docs/formats/adapter.md.
        case exec
        /// Our own store in the simulator, in virtual time.
        case sim
        /// No store: operations end where they start. Measures the generator itself.
        case null
    }

    public let scheme: Scheme
    /// At least one where the scheme has addresses.
    public let addresses: [SocketAddress]
    /// Whether connections are encrypted (`rediss://`, `etcds://`).
    public var isSecure = false
    /// Who connections log in as, with what, and which database they select.
    public var user: String?
    public var password: String?
    public var database = 0
    /// Of `postgres://`: the database's name.
    public var databaseName: String?
    /// Of `exec:`: the program and its arguments.
    public var program: [String] = []

    /// `addresses` must not be empty where the scheme has addresses.
    public init(scheme: Scheme, addresses: [SocketAddress]) {
        precondition(
            scheme.abilities.addresses == .none || !addresses.isEmpty, "a target needs an address")
        self.scheme = scheme
        self.addresses = addresses
    }

    private static let supported =
        "supported are quorum://, redis://, rediss://, etcd://, etcds://, postgres:// and "
        + "memcached:// with HOST:PORT, exec:PROGRAM, sim: and null:"

    /// Reads `quorum://host:port,…`, `redis://user:password@host:port/0`, `exec:program argument`,
    /// `sim:`, `null:` and the like.
    public init(_ text: String) throws(TargetError) {
        if try Target.hasNoAddress(text) {
            self.init(
                scheme: text == "sim:" ? .sim : text == "null:" ? .null : .exec, addresses: [])
            if scheme == .exec {
                program = text.dropFirst(5).split(separator: " ").map(String.init)
            }
            return
        }
        guard let colon = text.firstIndex(of: ":"), text[colon...].hasPrefix("://") else {
            throw TargetError("target '\(text)' has no scheme; \(Target.supported)")
        }
        let name = String(text[..<colon]).lowercased()
        let isSecure = name == "rediss" || name == "etcds"
        let plain = isSecure ? String(name.dropLast()) : name == "postgresql" ? "postgres" : name
        guard let scheme = Scheme(rawValue: plain), scheme.abilities.addresses != .none else {
            throw TargetError("target scheme '\(name)://' is not supported; \(Target.supported)")
        }
        var rest = text[text.index(colon, offsetBy: 3)...]
        var login: Substring?
        if let at = rest.lastIndex(of: "@") {
            login = rest[..<at]
            rest = rest[rest.index(after: at)...]
        }
        var path: Substring?
        if let slash = rest.firstIndex(of: "/") {
            path = rest[rest.index(after: slash)...]
            rest = rest[..<slash]
        }
        let shown = Target.withoutPassword(text)
        let isBare = path?.isEmpty ?? true
        switch scheme.abilities.login {
        case .databases: break
        case .users where isBare: break
        case .users:
            throw TargetError(
                "target '\(shown)': \(name):// has no databases; expected "
                    + "\(name)://USER:PASSWORD@HOST:PORT")
        case .none where login == nil && path == nil: break
        case .none:
            throw TargetError(
                "target '\(shown)': \(name):// has neither users nor "
                    + "databases; expected \(name)://HOST:PORT,…")
        }
        self.init(scheme: scheme, addresses: try Target.addresses(rest, shown))
        self.isSecure = isSecure
        guard addresses.count == 1 || scheme.abilities.addresses == .several else {
            throw TargetError(
                "target '\(shown)': servers of \(name):// do not hold the same records; give one")
        }
        try setLogin(login)
        try setDatabase(path, text)
    }

    /// Whether the text is `exec:…`, `sim:` or `null:`.
    private static func hasNoAddress(_ text: String) throws(TargetError) -> Bool {
        guard text.hasPrefix("exec:") else { return text == "sim:" || text == "null:" }
        guard text.dropFirst(5).contains(where: { $0 != " " }), !text.hasPrefix("exec://") else {
            throw TargetError(
                "target '\(text)' names no program; expected exec:PROGRAM ARGUMENT…"
            )
        }
        return true
    }

    private static func addresses(
        _ list: Substring, _ text: String
    ) throws(TargetError) -> [SocketAddress] {
        var addresses: [SocketAddress] = []
        for part in list.split(separator: ",", omittingEmptySubsequences: false) {
            guard !part.isEmpty else {
                throw TargetError("target '\(text)' has an empty address; expected HOST:PORT")
            }
            let address: SocketAddress
            do { address = try SocketAddress(String(part)) } catch {
                throw TargetError("target '\(text)': \(error)")
            }
            guard address.port > 0 else {
                throw TargetError("target '\(text)': nobody listens on port 0")
            }
            addresses.append(address)
        }
        return addresses
    }

    /// `user:password`, `:password`, or one of them alone: `password` of `redis://`, `user` of
    /// `postgres://`. `%xx` stands for a byte.
    private mutating func setLogin(_ login: Substring?) throws(TargetError) {
        guard let login else { return }
        let parts = login.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let words = parts.compactMap { Target.decode($0) }
        guard words.count == parts.count, let password = words.last, !password.isEmpty else {
            throw TargetError(
                "the login of target '\(scheme.rawValue)://' is not USER:PASSWORD, %xx standing "
                    + "for characters that mean something in an address")
        }
        if scheme == .postgres, words.count == 1 {
            user = words[0]
            return
        }
        guard words.count == 2 && !words[0].isEmpty || scheme.abilities.login == .databases else {
            throw TargetError(
                "the login of target '\(scheme.rawValue)://' names no user; expected "
                    + "\(scheme.rawValue)://USER:PASSWORD@HOST:PORT")
        }
        self.password = password
        if words.count == 2, !words[0].isEmpty { user = words[0] }
    }

    private mutating func setDatabase(_ path: Substring?, _ text: String) throws(TargetError) {
        guard let path, !path.isEmpty else { return }
        if scheme == .postgres {
            guard let name = Target.decode(path), !name.contains("/"), !name.contains("?") else {
                throw TargetError(
                    "target '\(Target.withoutPassword(text))': '\(path)' is not a database's "
                        + "name; expected postgres://HOST:PORT/NAME")
            }
            databaseName = name
            return
        }
        guard let number = Int(path), (0...100_000).contains(number) else {
            throw TargetError(
                "target '\(Target.withoutPassword(text))': '\(path)' is not a database's number; "
                    + "expected redis://HOST:PORT/0")
        }
        database = number
    }

    private static func decode(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == 37 else {
                bytes.append(byte)
                continue
            }
            guard rest.count >= 2,
                let code = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            else { return nil }
            bytes.append(code)
            rest = rest.dropFirst(2)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// What may be shown of a target that could not be read.
    private static func withoutPassword(_ text: String) -> String {
        guard let at = text.lastIndex(of: "@"), let start = text.firstRange(of: "://") else {
            return text
        }
        return text[..<start.upperBound] + "…" + text[at...]
    }

    /// Without user and password.
    public var description: String {
        switch scheme {
        case .null, .sim: return "\(scheme.rawValue):"
        case .exec: return "exec:" + program.joined(separator: " ")
        default:
            let list = addresses.map(\.description).joined(separator: ",")
            let path = databaseName.map { "/\($0)" } ?? (database > 0 ? "/\(database)" : "")
            return "\(scheme.rawValue)\(isSecure ? "s" : "")://\(list)\(path)"
        }
    }
}

/// Text that should have been a target.
public struct TargetError: Error, Equatable, Sendable, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }
}
