import Basics
import Platform
import Testing

@Suite struct AddressTests {
    @Test(arguments: [
        ("127.0.0.1:7001", "127.0.0.1", 7_001), ("[::1]:7001", "::1", 7_001),
        ("example.org:80", "example.org", 80), (":7002", "127.0.0.1", 7_002),
        ("7003", "127.0.0.1", 7_003), ("0.0.0.0:0", "0.0.0.0", 0),
    ])
    func anAddressIsRead(text: String, host: String, port: UInt16) throws {
        let address = try SocketAddress(text)
        #expect(address == SocketAddress(host: host, port: port))
        #expect(try SocketAddress(address.description) == address)
    }

    @Test(arguments: [
        ("::1:7001", "an IPv6 address needs brackets; write [::1]:7001"),
        ("[::1", "the bracket is not closed; write [::1]:7001"),
        ("[::1]7001", "there is no port after the bracket; write [::1]:7001"),
        ("[zz]:1", "zz is not an IPv6 address"),
        ("host:70000", "the port must be a number from 0 to 65535, not “70000”"),
        ("host:", "the port must be a number from 0 to 65535, not “”"),
        ("host:+1", "the port must be a number from 0 to 65535, not “+1”"),
        ("a b:1", "the host holds characters that no host name has"),
    ])
    func aWrongAddressSaysWhatIsWrong(text: String, why: String) {
        let error = #expect(throws: AddressError.self) { try SocketAddress(text) }
        #expect(error?.description == "“\(text)” is not an address: \(why)")
    }

    @Test func ipv6Listens() throws {
        let socket: Socket
        do {
            socket = try Socket.listen(on: SocketAddress(host: "::1", port: 0))
        } catch {
            return  // This machine has no IPv6.
        }
        #expect(socket.localAddress?.host == "::1")
        socket.close()
    }
}
