/// Takes typed values out of properties; every error names the property and what was expected.
struct PropertyReader {
    let properties: Properties

    func text(_ name: String) -> String? { properties[name]?.value }

    func error(_ name: String, _ problem: String) -> PropertyError {
        PropertyError(origin: properties[name]?.origin ?? "", problem: problem)
    }

    func integer<Value: FixedWidthInteger>(
        _ name: String, into value: inout Value, _ range: ClosedRange<Value>
    ) throws(PropertyError) {
        guard let text = text(name) else { return }
        guard let number = Value(text), range.contains(number) else {
            throw error(
                name,
                "\(name)=\(text) is not a whole number from \(range.lowerBound) to "
                    + "\(range.upperBound)")
        }
        value = number
    }

    func number(
        _ name: String, into value: inout Double, _ range: ClosedRange<Double>
    ) throws(PropertyError) {
        guard let text = text(name) else { return }
        guard let number = Double(text), range.contains(number) else {
            throw error(
                name,
                "\(name)=\(text) is not a number from \(range.lowerBound) to \(range.upperBound)")
        }
        value = number
    }

    func boolean(_ name: String, into value: inout Bool) throws(PropertyError) {
        guard let text = text(name) else { return }
        switch text.lowercased() {
        case "true": value = true
        case "false": value = false
        default: throw error(name, "\(name)=\(text) is neither true nor false")
        }
    }

    func word<Value: RawRepresentable & CaseIterable>(
        _ name: String, into value: inout Value
    ) throws(PropertyError) where Value.RawValue == String {
        guard let text = text(name) else { return }
        guard let word = Value(rawValue: text.lowercased()) else {
            let words = Value.allCases.map(\.rawValue)
            let meant = Spelling.nearest(to: text, among: words)
                .map { " (did you mean '\($0)'?)" }
            throw error(
                name,
                "\(name)=\(text) is none of \(words.joined(separator: ", "))\(meant ?? "")")
        }
        value = word
    }
}
