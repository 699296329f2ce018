import Basics
import Glibc

/// Where a socket listens or connects: a host (a name, an IPv4 or an IPv6 address) and a port.
public struct SocketAddress: Sendable, Hashable, CustomStringConvertible {
    /// Without brackets.
    public var host: String
    public var port: UInt16

    public init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    public static func loopback(_ port: UInt16) -> SocketAddress {
        SocketAddress(host: "127.0.0.1", port: port)
    }

    /// Reads `host:port`, `[ipv6]:port`, and `:port` or `port` alone for loopback.
    public init(_ text: String) throws(AddressError) {
        var host = Substring("127.0.0.1")
        var port = Substring(text)
        if text.hasPrefix("[") {
            guard let end = text.lastIndex(of: "]") else {
                throw AddressError(text, "the bracket is not closed; write [::1]:7001")
            }
            host = text[text.index(after: text.startIndex)..<end]
            let rest = text[text.index(after: end)...]
            guard rest.hasPrefix(":") else {
                throw AddressError(text, "there is no port after the bracket; write [::1]:7001")
            }
            var address = in6_addr()
            guard inet_pton(AF_INET6, String(host), &address) == 1 else {
                throw AddressError(text, "\(host) is not an IPv6 address")
            }
            port = rest.dropFirst()
        } else if let colon = text.lastIndex(of: ":") {
            if colon > text.startIndex { host = text[..<colon] }
            guard !host.contains(":") else {
                throw AddressError(text, "an IPv6 address needs brackets; write [::1]:7001")
            }
            port = text[text.index(after: colon)...]
        }
        guard host.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "/") }) else {
            throw AddressError(text, "the host holds characters that no host name has")
        }
        guard port.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let number = UInt16(port) else {
            throw AddressError(text, "the port must be a number from 0 to 65535, not “\(port)”")
        }
        self.host = String(host)
        self.port = number
    }

    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// Whether only processes of this machine can reach it.
    public var isLoopback: Bool { host == "localhost" || host == "::1" || host.hasPrefix("127.") }

    /// Lends the address in the system's form. Looks names up, which may block: use numbers where
    /// that matters. IPv4 is preferred when a name has both.
    func withSystemAddress<Result>(
        _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) throws(SystemError) -> Result {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_NUMERICSERV
        var list: UnsafeMutablePointer<addrinfo>?
        let result = getaddrinfo(host, String(port), &hints, &list)
        guard result == 0, let first = list else {
            throw SystemError("getaddrinfo", "the host \(host) is unknown", code: ENXIO)
        }
        defer { freeaddrinfo(first) }
        var best = first
        var next: UnsafeMutablePointer<addrinfo>? = first
        while let candidate = next {
            if candidate.pointee.ai_family == AF_INET {
                best = candidate
                break
            }
            next = candidate.pointee.ai_next
        }
        guard let address = best.pointee.ai_addr else {
            throw SystemError("getaddrinfo", description, code: ENXIO)
        }
        return body(UnsafePointer(address), best.pointee.ai_addrlen)
    }

    /// From the system's form; nil for families other than IPv4 and IPv6.
    init?(_ storage: sockaddr_storage) {
        var storage = storage
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let family = Int32(storage.ss_family)
        let port: UInt16? = withUnsafeMutablePointer(to: &storage) { pointer in
            let raw = UnsafeMutableRawPointer(pointer)
            switch family {
            case AF_INET:
                let v4 = raw.assumingMemoryBound(to: sockaddr_in.self)
                inet_ntop(AF_INET, &v4.pointee.sin_addr, &text, socklen_t(INET6_ADDRSTRLEN))
                return UInt16(bigEndian: v4.pointee.sin_port)
            case AF_INET6:
                let v6 = raw.assumingMemoryBound(to: sockaddr_in6.self)
                inet_ntop(AF_INET6, &v6.pointee.sin6_addr, &text, socklen_t(INET6_ADDRSTRLEN))
                return UInt16(bigEndian: v6.pointee.sin6_port)
            default: return nil
            }
        }
        guard let port else { return nil }
        let characters = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        self.init(host: String(decoding: characters, as: UTF8.self), port: port)
    }
}

/// Text that should have been an address.
public struct AddressError: Error, Sendable, Equatable, CustomStringConvertible {
    public let description: String

    init(_ text: String, _ why: String) {
        description = "“\(text)” is not an address: \(why)"
    }
}
