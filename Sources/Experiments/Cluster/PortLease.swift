import Basics
import Platform

/// The right to choose ports on this machine, of one process at a time: two clusters that come up
/// at once must not find the same ports free. It ends with the value, or with the process.
final class PortLease {
    private let socket: Socket

    /// An address that nothing else listens on; who does so has the lease.
    private static let address = SocketAddress(host: "127.77.0.1", port: 7_000)

    /// Waits for its turn.
    init(patience: Instant.Duration = .seconds(60)) throws(ClusterError) {
        let deadline = Clocks.monotonic() + patience
        while true {
            do {
                socket = try Socket.listen(on: PortLease.address)
                return
            } catch {
                guard Clocks.monotonic() < deadline else {
                    throw ClusterError("another cluster has been choosing its ports for too long")
                }
            }
            Clocks.sleep(until: Clocks.monotonic() + .milliseconds(10))
        }
    }

    deinit { socket.close() }
}
