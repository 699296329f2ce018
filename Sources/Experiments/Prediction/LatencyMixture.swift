import Basics

/// A latency distribution: a mixture of simple shapes, in milliseconds.
public struct LatencyMixture: Codable, Sendable, Equatable {
    /// One part of the mixture.
    public struct Component: Codable, Sendable, Equatable {
        /// Its share; shares of a mixture are scaled to a sum of 1.
        public var weight: Double
        public var shape: Shape

        public init(_ weight: Double, _ shape: Shape) {
            self.weight = weight
            self.shape = shape
        }
    }

    /// A distribution in closed form, in milliseconds.
    public enum Shape: Codable, Sendable, Equatable {
        /// P(X > x) = (minimum / x)^exponent.
        case pareto(minimum: Double, exponent: Double)
        /// Exponential with this many events a millisecond.
        case exponential(rate: Double)
        /// Exponential on top of a fixed time.
        case shifted(by: Double, rate: Double)
        case uniform(low: Double, high: Double)
        case constant(Double)
    }

    public var components: [Component]

    public init(_ components: [Component]) { self.components = components }

    /// The time that a share `u` of all draws does not exceed, for a mixture of one component;
    /// for several, u picks the component first. A draw is `value(at:)` of a uniform `u`.
    public func value(at u: Double) -> Double { Sampler(self).value(u) }

    /// What is wrong with it, as a sentence; nil when it can be drawn from.
    public var problem: String? {
        if components.isEmpty { return "a distribution needs at least one component" }
        if components.count > 16 { return "a distribution has at most 16 components" }
        for component in components {
            guard component.weight > 0, component.weight.isFinite else {
                return "the weight of a component must be above 0"
            }
            let isValid =
                switch component.shape {
                case .pareto(let minimum, let exponent):
                    minimum > 0 && minimum < 1e6 && exponent >= 0.1 && exponent < 1e6
                case .exponential(let rate): rate > 1e-6 && rate < 1e9
                case .shifted(let by, let rate): by >= 0 && by < 1e6 && rate > 1e-6 && rate < 1e9
                case .uniform(let low, let high): low >= 0 && high >= low && high < 1e6
                case .constant(let value): value >= 0 && value < 1e6
                }
            if !isValid {
                return "\(component.shape) is out of range: expected positive parameters below "
                    + "1,000,000 ms, and a Pareto exponent of at least 0.1"
            }
        }
        return nil
    }

    /// The mixture as numbers ready for drawing.
    struct Sampler: Sendable {
        /// A component as `offset + scale · f(u)`, f being −ln, exp(−ln / a) or u itself.
        struct Part: BitwiseCopyable {
            var end: Double
            var inverseWeight: Double
            var offset: Double
            var scale: Double
            var inverseExponent: Double
            var kind: Kind
        }
        enum Kind: UInt8 { case linear, exponential, pareto }

        private let parts: [Part]

        init(_ mixture: LatencyMixture) {
            let total = mixture.components.reduce(0) { $0 + $1.weight }
            var end = 0.0
            parts = mixture.components.map { component in
                let weight = component.weight / total
                end += weight
                var part = Part(
                    end: end, inverseWeight: 1 / weight, offset: 0, scale: 0, inverseExponent: 0,
                    kind: .linear)
                switch component.shape {
                case .pareto(let minimum, let exponent):
                    part.kind = .pareto
                    part.scale = minimum
                    part.inverseExponent = 1 / exponent
                case .exponential(let rate):
                    part.kind = .exponential
                    part.scale = 1 / rate
                case .shifted(let by, let rate):
                    part.kind = .exponential
                    part.offset = by
                    part.scale = 1 / rate
                case .uniform(let low, let high):
                    part.offset = low
                    part.scale = high - low
                case .constant(let value): part.offset = value
                }
                return part
            }
        }

        /// The draw that a uniform `u` in 0 ..< 1 stands for: what is left of `u` after the choice
        /// of the component is as uniform as `u`. O(components), no allocation.
        @inline(__always)
        func value(_ u: Double) -> Double {
            var start = 0.0
            var index = 0
            while index &+ 1 < parts.count, u >= parts[index].end {
                start = parts[index].end
                index &+= 1
            }
            let part = parts[index]
            let rest = min(max((u - start) * part.inverseWeight, 0), 0x1.fffffffffffffp-1)
            switch part.kind {
            case .linear: return part.offset + part.scale * rest
            case .exponential: return part.offset - part.scale * Elementary.logarithm(1 - rest)
            case .pareto:
                let nats = -Elementary.logarithm(1 - rest)
                return part.scale * Elementary.exponential(nats * part.inverseExponent)
            }
        }
    }
}
