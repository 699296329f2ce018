/// Written by the Python package hdrhistogram 0.10.8.
enum ReferenceHistogram {
    static let text = "HISTFAAAACt4nJNpmSzMwMDAxQABzFCaEch0M9ixgMH+A0TgPD/TWX6W+f2MIgCNygdY"
}
