import Basics
import Causality
import Replication
import Wire

/// A connection of a client to a node, both ends in one: the node's session state machine, and
/// what the client has received and not yet understood.
struct ClientConnection: ~Copyable, Reusable {
    /// Rises with every opening; bytes of an earlier life are nobody's.
    private(set) var generation: UInt32 = 0
    private(set) var isOpen = false
    /// False once the node's end has died.
    var isServed = false
    /// R and W that the connection was told, or is being told.
    var quorum = SIMD2<UInt8>(0, 0)
    /// Replies to come that answer no operation.
    var skips = 0
    /// When the last bytes reach the client.
    var lastArrival: UInt64 = 0
    /// Bytes of replies that are not complete.
    var received = ByteBuffer(capacity: 64)

    private var input = ByteBuffer(capacity: 64)
    private var output = ByteBuffer(capacity: 64)
    private var used = 0
    private var seed: UInt64 = 0
    private var outstanding: UInt32 = 0
    private var next: UInt32 = 0
    private var options = RequestOptions()

    init() {}

    mutating func open() {
        generation &+= 1
        isOpen = true
        isServed = true
        quorum = SIMD2(0, 0)
        skips = 0
        received.removeAll()
        input.removeAll()
        output.removeAll()
        used = 0
        next = 0
        outstanding = 0
    }

    mutating func close() {
        isOpen = false
        isServed = false
    }

    mutating func receive(_ bytes: Bytes, seed: UInt64) {
        if used > 0 { input.consume(used) }
        used = 0
        input.append(bytes)
        self.seed = seed
    }

    mutating func nextRequest() -> (Request, UInt32)? {
        while used < input.count {
            let b = input.bytes
            var p = used
            func line() -> Int {
                var v = 0
                p += 1
                while b[p] != 13 {
                    v = v * 10 + Int(b[p] &- 48)
                    p += 1
                }
                p += 2
                return v
            }
            let n = line()
            var args: (Bytes, Bytes, Bytes) = (.empty, .empty, .empty)
            var nums: (Int, Int, Int) = (0, 0, 0)
            for i in 0..<n {
                let l = line()
                let arg = b.slice(p, p + l)
                p += l + 2
                if i == 0 { args.0 = arg }
                if i == 1 { args.1 = arg }
                if i == 2 { args.2 = arg }
                var v = 0
                if i == 2 || i == 4 || i == 6 {
                    for k in 0..<arg.count { v = v * 10 + Int(arg[k] &- 48) }
                    if i == 2 { nums.0 = v }
                    if i == 4 { nums.1 = v }
                    if i == 6 { nums.2 = v }
                }
            }
            used = p
            if args.0[0] == UInt8(ascii: "Q") {
                options.r = UInt8(truncatingIfNeeded: nums.0)
                options.w = UInt8(truncatingIfNeeded: nums.1)
                options.timeoutMilliseconds = UInt32(truncatingIfNeeded: nums.2)
                output.append("+OK\r\n")
                continue
            }
            next &+= 1
            outstanding = next
            let key = HashedKey(args.1, hash: XXH3.hash64(args.1, seed: seed))
            switch args.0[0] {
            case UInt8(ascii: "G"): return (.get(key, options), next)
            case UInt8(ascii: "D"): return (.delete(key, options), next)
            default: return (.put(key, args.2, options), next)
            }
        }
        return nil
    }

    mutating func answer(_ response: Response, _ sequence: UInt32) -> Bool {
        guard outstanding == sequence else { return false }
        outstanding = 0
        switch response {
        case .value(let value, _, _):
            if let value {
                output.append("$")
                output.appendDecimal(UInt64(value.count))
                output.append("\r\n")
                output.append(value)
                output.append("\r\n")
            } else {
                output.append("$-1\r\n")
            }
        case .stored: output.append("+OK\r\n")
        case .deleted(let existed, _, _): output.append(existed ? ":1\r\n" : ":0\r\n")
        case .failed: output.append("-UNAVAILABLE\r\n")
        case .unknown: output.append("-TIMEOUT\r\n")
        }
        return true
    }

    var hasOutput: Bool { !output.isEmpty }

    mutating func takeOutput(into out: inout ByteBuffer) {
        out.append(output.bytes)
        output.removeAll()
    }
}
