@main
struct Quorumeter {
    static func main() { print("quorumeter") }
}
