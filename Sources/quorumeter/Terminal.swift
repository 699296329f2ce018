import Foundation

/// The two streams of a command: results on standard output, everything else on standard error.
enum Terminal {
    /// Whether standard error is a terminal that may be redrawn.
    static let isLive = isatty(2) == 1

    /// Whether results may be coloured: a terminal, and `NO_COLOR` is unset or empty.
    static let hasColour: Bool = {
        if let value = getenv("NO_COLOR"), value.pointee != 0 { return false }
        return isatty(1) == 1
    }()

    /// The same of standard error.
    static let hasLiveColour: Bool = {
        if let value = getenv("NO_COLOR"), value.pointee != 0 { return false }
        return isLive
    }()

    /// Of the terminal on standard error; 80 by 24 when it does not say.
    static var size: (columns: Int, rows: Int) {
        var size = winsize()
        guard ioctl(2, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else {
            return (80, 24)
        }
        return (Int(size.ws_col), Int(size.ws_row))
    }

    static func result(_ text: String) { write(text, to: 1) }

    static func note(_ text: String) { write(text, to: 2) }

    static func error(_ text: String) { write("quorumeter: \(text)\n", to: 2) }

    private static func write(_ text: String, to descriptor: Int32) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes {
                Foundation.write(descriptor, $0.baseAddress, $0.count)
            }
            if count < 0 {
                if errno == EINTR { continue }
                return  // A reader that has gone away: nobody is left to tell.
            }
            bytes = bytes.dropFirst(count)
        }
    }
}
