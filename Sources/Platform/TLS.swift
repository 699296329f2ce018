import Basics
import COpenSSL
import Glibc

/// What TLS connections of one client have in common: whom they trust and who they are.
public final class TLSContext {
    fileprivate let context: OpaquePointer

    /// Trusts the authorities of the file, or the system's; without `verifies` anybody.
    /// `certificate` and `key` are files that the client shows who it is by.
    public init(
        authorities: String? = nil, verifies: Bool = true, certificate: String? = nil,
        key: String? = nil
    ) throws(TLSError) {
        guard let context = SSL_CTX_new(TLS_client_method()) else {
            throw TLSError("cannot set up TLS: \(TLSError.reason())")
        }
        self.context = context
        _ = tls_demand_modern(context)
        tls_allow_moving_writes(context)
        SSL_CTX_set_verify(context, verifies ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nil)
        let trusted =
            if let authorities { SSL_CTX_load_verify_locations(context, authorities, nil) } else {
                SSL_CTX_set_default_verify_paths(context)
            }
        guard trusted == 1 else {
            throw TLSError(
                "cannot read the authorities in \(authorities ?? "the system's folder"): "
                    + TLSError.reason())
        }
        guard let certificate else { return }
        let own = key ?? certificate
        guard SSL_CTX_use_certificate_chain_file(context, certificate) == 1,
            SSL_CTX_use_PrivateKey_file(context, own, SSL_FILETYPE_PEM) == 1
        else {
            throw TLSError(
                "cannot use the certificate \(certificate) with the key \(own): "
                    + TLSError.reason())
        }
    }

    deinit { SSL_CTX_free(context) }
}

/// A TLS connection over a socket that stands and that somebody else closes.
public final class TLSConnection {
    /// How far the handshake is.
    public enum Handshake: Equatable {
        case wantsRead, wantsWrite, done
        case failed(String)
    }

    private let connection: OpaquePointer
    /// The context must outlive its connections.
    private let context: TLSContext

    /// `host` is who the other side must prove to be: a name or an address.
    public init(_ context: TLSContext, over socket: Socket, host: String) throws(TLSError) {
        guard let connection = SSL_new(context.context),
            SSL_set_fd(connection, socket.descriptor) == 1
        else { throw TLSError("cannot set up TLS: \(TLSError.reason())") }
        self.connection = connection
        self.context = context
        let parameters = SSL_get0_param(connection)
        if X509_VERIFY_PARAM_set1_ip_asc(parameters, host) != 1 {
            _ = tls_set_server_name(connection, host)
            X509_VERIFY_PARAM_set1_host(parameters, host, 0)
        }
        SSL_set_connect_state(connection)
    }

    deinit { SSL_free(connection) }

    /// Goes on with the handshake; call again when the socket is as it wants.
    public func shakeHands() -> Handshake {
        ERR_clear_error()
        let result = SSL_do_handshake(connection)
        if result == 1 { return .done }
        switch SSL_get_error(connection, result) {
        case SSL_ERROR_WANT_READ: return .wantsRead
        case SSL_ERROR_WANT_WRITE: return .wantsWrite
        default:
            let verdict = SSL_get_verify_result(connection)
            if verdict != Int(X509_V_OK) {
                let why = String(cString: X509_verify_cert_error_string(verdict))
                return .failed("its certificate is not accepted: \(why)")
            }
            return .failed("the TLS handshake failed: \(TLSError.reason())")
        }
    }

    /// As a socket reads; what the library has already taken from the socket counts as there.
    public func read(into buffer: UnsafeMutableRawBufferPointer) -> Socket.ReadOutcome {
        ERR_clear_error()
        var count = 0
        if SSL_read_ex(connection, buffer.baseAddress, buffer.count, &count) == 1 {
            return .bytes(count)
        }
        switch SSL_get_error(connection, 0) {
        case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return .wouldBlock
        case SSL_ERROR_ZERO_RETURN: return .closed
        default: return .failed(errno: errno == 0 ? ECONNRESET : errno)
        }
    }

    /// As a socket writes.
    public func write(_ bytes: Bytes) -> Socket.WriteOutcome {
        ERR_clear_error()
        var count = 0
        if SSL_write_ex(connection, bytes.base, bytes.count, &count) == 1 { return .wrote(count) }
        switch SSL_get_error(connection, 0) {
        case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return .wouldBlock
        default: return .failed(errno: errno == 0 ? EPIPE : errno)
        }
    }
}

/// Why TLS could not be had.
public struct TLSError: Error, Equatable, Sendable, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }

    /// The library's last reason, in its words.
    fileprivate static func reason() -> String {
        let code = ERR_get_error()
        guard code != 0, let text = ERR_reason_error_string(code) else { return "no reason given" }
        return String(cString: text)
    }
}
