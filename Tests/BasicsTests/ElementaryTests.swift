import Basics
import Glibc
import TestSupport
import Testing

@Suite struct ElementaryTests {
    @Test func logarithmAgreesWithTheCLibrary() {
        Seeds.forAll(20_000, "logarithm") { random in
            let x = Double(bitPattern: random.within(1...0x7fef_ffff_ffff_ffff))
            let exact = log(x)
            return abs(Elementary.logarithm(x) - exact) <= max(abs(exact), 1) * 4e-16
        }
        #expect(Elementary.logarithm(1) == 0)
    }

    @Test func logarithmNearOneKeepsItsRelativePrecision() {
        Seeds.forAll(20_000, "logarithm near one") { random in
            let x = 1 + (random.unit() - 0.5) * 0x1p-10
            let exact = log(x)
            return abs(Elementary.logarithm(x) - exact) <= abs(exact) * 1e-15
        }
    }

    @Test func exponentialAgreesWithTheCLibrary() {
        Seeds.forAll(20_000, "exponential") { random in
            let x = (random.unit() - 0.5) * 1_400
            let exact = exp(x)
            return abs(Elementary.exponential(x) - exact) <= exact * 1e-15
        }
        #expect(Elementary.exponential(0) == 1)
        #expect(Elementary.exponential(-800) == 0)
        #expect(Elementary.exponential(710) == .infinity)
    }

    @Test func squareRootAgreesWithTheCLibrary() {
        Seeds.forAll(5_000, "square root") { random in
            let x = Double(bitPattern: random.within(1...0x7fef_ffff_ffff_ffff))
            return abs(Elementary.squareRoot(x) - sqrt(x)) <= sqrt(x) * 1e-15
        }
    }
}
