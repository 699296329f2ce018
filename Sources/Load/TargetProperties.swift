import Basics
import Platform
import Workloads

/// Values of properties that targets have of their own; errors say what was expected.
extension Properties.Entry {
    func problem(_ expected: String) -> PropertyError {
        PropertyError(
            origin: origin, problem: "\(name)=\(value) is not what was expected: \(expected)")
    }

    func number(in range: ClosedRange<Int>) throws(PropertyError) -> Int {
        guard let number = Int(value), range.contains(number) else {
            throw problem("a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    func boolean() throws(PropertyError) -> Bool {
        switch value.lowercased() {
        case "true": return true
        case "false": return false
        default: throw problem("true or false")
        }
    }

    func word<Value: RawRepresentable & CaseIterable>(
        _ type: Value.Type
    ) throws(PropertyError) -> Value where Value.RawValue == String {
        guard let word = Value(rawValue: value.lowercased()) else {
            throw problem(type.allCases.map(\.rawValue).joined(separator: ", "))
        }
        return word
    }

    func addresses() throws(PropertyError) -> [SocketAddress] {
        var addresses: [SocketAddress] = []
        for part in value.split(separator: ",", omittingEmptySubsequences: false) {
            do {
                addresses.append(try SocketAddress(String(part)))
            } catch {
                throw PropertyError(origin: origin, problem: "\(name): \(error)")
            }
        }
        return addresses
    }

    func unknown(among names: [String]) -> PropertyError {
        let list = names.joined(separator: ", ")
        return PropertyError(
            origin: origin, problem: "unknown property '\(name)'; those of its target are \(list)")
    }
}
