import Basics
import Platform

// A file of routes, one a line; empty lines and those that begin with # count for nothing:
//
//   NAME HOST:PORT

/// Where to dial members instead of at the addresses of the member list, for example through a
/// relay. May change while the node runs.
public struct Routes: Sendable, Equatable {
    public private(set) var addresses: [String: SocketAddress] = [:]

    public init() {}

    /// Reads a file; one that is not there has no routes.
    public init(_ path: String) throws(ConfigurationError) {
        let text: String
        do throws(SystemError) {
            guard try FileSystem.kind(of: path) != nil else { return }
            text = try FileSystem.text(path)
        } catch {
            throw ConfigurationError("the routes cannot be read: \(error)")
        }
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false)
            .enumerated()
        {
            let words = line.split(separator: " ")
            guard let first = words.first, !first.hasPrefix("#") else { continue }
            guard words.count == 2 else {
                throw ConfigurationError(
                    "\(path):\(index + 1): a route is NAME HOST:PORT, not “\(line)”")
            }
            do {
                addresses[String(first)] = try SocketAddress(String(words[1]))
            } catch {
                throw ConfigurationError("\(path):\(index + 1): \(error)")
            }
        }
    }
}

extension NodeProcess {
    /// Reads the routes; links whose route has changed are dialled anew.
    mutating func reroute(at now: Moment) {
        guard let path = configuration.routes else { return }
        let routes: Routes
        do throws(ConfigurationError) {
            routes = try Routes(path)
        } catch {
            // What was right before is better than nothing.
            log.error("routes-refused", ["reason": error.description])
            return
        }
        for case let link? in links {
            let address = routes.addresses[link.member.name] ?? link.member.address
            guard address != link.address else { continue }
            link.address = address
            guard link.dials, link.socket != nil else { continue }
            lose(link, "its route has changed", at: now)
        }
    }
}
