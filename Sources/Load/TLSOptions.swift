import Platform
import Workloads

/// What `tls.*` properties say of `rediss://` and `etcds://` targets.
public struct TLSOptions: Sendable, Equatable {
    /// `tls.ca`: a file with the authorities that are trusted; nil: those of the system.
    public var authorities: String?
    /// `tls.verify`: whether the other side must prove who it is.
    public var verifies = true
    /// `tls.cert` and `tls.key`: files by which the client proves who it is.
    public var certificate: String?
    public var key: String?

    public init() {}

    /// Reads the properties; an unknown one that begins with `tls.` is an error.
    public init(_ properties: Properties) throws(PropertyError) {
        for entry in properties.entries where entry.name.hasPrefix("tls.") {
            switch entry.name {
            case "tls.ca": authorities = entry.value
            case "tls.verify": verifies = try entry.boolean()
            case "tls.cert": certificate = entry.value
            case "tls.key": key = entry.value
            default: throw entry.unknown(among: ["tls.ca", "tls.verify", "tls.cert", "tls.key"])
            }
        }
        guard key == nil || certificate != nil else {
            throw PropertyError(origin: "tls.key", problem: "a key needs its tls.cert")
        }
    }

    func context() throws(LoadError) -> TLSContext {
        do {
            return try TLSContext(
                authorities: authorities, verifies: verifies, certificate: certificate, key: key)
        } catch {
            throw .plan("\(error)")
        }
    }
}
