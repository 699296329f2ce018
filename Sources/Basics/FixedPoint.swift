extension Double {
    /// The number with exactly `places` digits after the point, rounded half away from zero;
    /// for tables and files. `places` is at most 15; what exceeds 64 bits prints as the standard
    /// library prints it.
    public func fixed(_ places: Int) -> String {
        precondition((0...15).contains(places), "at most 15 places")
        var scale = 1.0
        for _ in 0..<places { scale *= 10 }
        let scaled = magnitude * scale
        guard scaled < 0x1p63 else { return "\(self)" }
        let whole = UInt64(scaled)
        let digits = scaled - Double(whole) >= 0.5 ? whole + 1 : whole
        let sign = self < 0 && digits > 0 ? "-" : ""
        guard places > 0 else { return "\(sign)\(digits)" }
        let unit = UInt64(scale)
        return "\(sign)\(digits / unit)." + String(digits % unit).leftPadded(to: places, with: "0")
    }
}

extension String {
    /// The text with `filler` before it until it has `width` characters.
    public func leftPadded(to width: Int, with filler: Character = " ") -> String {
        let missing = width - count
        return missing > 0 ? String(repeating: filler, count: missing) + self : self
    }
}
