// swift-tools-version: 6.2
import PackageDescription

// The targets stand in the order of docs/ARCHITECTURE.md: pure rooms first, then those that
// touch Linux, then the command line. SwiftPM enforces the arrows between them; Tests/TidyTests
// enforces what SwiftPM cannot (imports of system modules, banned calls).

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

/// Bugs that tests plant in the node to show that they are found; never in a release build.
let mutants: SwiftSetting = .define("MUTANTS", .when(configuration: .debug))

let package = Package(
    name: "quorumeter",
    products: [.executable(name: "quorumeter", targets: ["quorumeter"])],
    targets: [
        // Pure: standard library only, deterministic.
        .target(name: "Basics", swiftSettings: strict),
        .target(name: "Causality", dependencies: ["Basics"], swiftSettings: strict),
        .target(name: "Partitioning", dependencies: ["Basics"], swiftSettings: strict),
        .target(name: "Membership", dependencies: ["Basics"], swiftSettings: strict),
        .target(name: "Storage", dependencies: ["Basics", "Causality"], swiftSettings: strict),
        .target(
            name: "Replication",
            dependencies: ["Basics", "Causality", "Partitioning", "Storage"],
            swiftSettings: strict + [mutants]),
        .target(
            name: "Wire", dependencies: ["Basics", "Causality", "Partitioning", "Replication"],
            swiftSettings: strict),
        .target(name: "Workloads", dependencies: ["Basics"], swiftSettings: strict),
        .target(name: "Consistency", dependencies: ["Basics"], swiftSettings: strict),
        .target(
            name: "Simulation",
            dependencies: [
                "Basics", "Causality", "Partitioning", "Membership", "Storage", "Replication",
                "Wire", "Workloads", "Consistency",
            ],
            swiftSettings: strict + [mutants]),

        // Libraries of the system.
        .systemLibrary(name: "CLinux"),
        .systemLibrary(
            name: "CUV", pkgConfig: "libuv", providers: [.apt(["libuv1-dev"])]),
        .systemLibrary(
            name: "CJemalloc", pkgConfig: "jemalloc", providers: [.apt(["libjemalloc-dev"])]),
        .systemLibrary(
            name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(
            name: "CPostgres", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(
            name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(
            name: "COpenSSL", pkgConfig: "libssl", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(
            name: "CXXHash", pkgConfig: "libxxhash", providers: [.apt(["libxxhash-dev"])]),

        // Impure: Linux.
        .target(
            name: "Platform",
            dependencies: [
                "Basics", "CLinux", "CUV", "CJemalloc", "CYAML", "CZlib", "CPostgres", "CCurl",
                "COpenSSL",
            ],
            swiftSettings: strict),
        .target(
            name: "Server",
            dependencies: [
                "Basics", "Causality", "Partitioning", "Membership", "Storage", "Replication",
                "Wire", "Platform",
            ],
            swiftSettings: strict),
        .target(
            name: "Load",
            dependencies: ["Basics", "Workloads", "Consistency", "Wire", "Platform"],
            swiftSettings: strict),
        .target(
            name: "Faults", dependencies: ["Basics", "Wire", "Workloads", "Platform"],
            swiftSettings: strict),
        .target(
            name: "Experiments",
            dependencies: [
                "Basics", "Replication", "Simulation", "Load", "Faults", "Consistency",
                "Workloads", "Platform",
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "quorumeter",
            dependencies: [
                "Basics", "Causality", "Consistency", "Experiments", "Faults", "Load",
                "Partitioning", "Platform", "Replication", "Server", "Simulation", "Storage",
                "Workloads",
            ],
            swiftSettings: strict),

        // Tests.
        .target(
            name: "TestSupport", dependencies: ["Basics"], path: "Tests/TestSupport",
            swiftSettings: strict),
        .testTarget(
            name: "BasicsTests", dependencies: ["Basics", "CXXHash", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "CausalityTests", dependencies: ["Causality", "Basics", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "PartitioningTests", dependencies: ["Basics", "Partitioning", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "MembershipTests", dependencies: ["Basics", "Membership", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "StorageTests", dependencies: ["Basics", "Causality", "Storage", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "ReplicationTests",
            dependencies: [
                "Replication", "Storage", "Partitioning", "Causality", "Basics", "TestSupport",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "WireTests",
            dependencies: ["Wire", "Replication", "Causality", "Basics", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "WorkloadsTests", dependencies: ["Basics", "Workloads", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "ConsistencyTests", dependencies: ["Consistency", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "SimulationTests",
            dependencies: [
                "Basics", "Consistency", "Membership", "Replication", "Simulation", "Storage",
                "TestSupport",
            ],
            swiftSettings: strict + [mutants]),
        .testTarget(
            name: "PlatformTests", dependencies: ["Basics", "Platform", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "ServerTests",
            dependencies: ["Basics", "Platform", "Replication", "Server", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "LoadTests",
            dependencies: [
                "Basics", "Consistency", "Load", "Platform", "TestSupport", "Workloads",
            ], swiftSettings: strict),
        .testTarget(
            name: "FaultsTests",
            dependencies: ["Basics", "Faults", "Platform", "TestSupport", "Wire", "Workloads"],
            swiftSettings: strict),
        .testTarget(
            name: "ExperimentsTests",
            dependencies: [
                "Basics", "Consistency", "Experiments", "Load", "Platform", "Replication",
                "Simulation", "TestSupport", "Workloads", "quorumeter",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "IntegrationTests", dependencies: ["Basics", "Platform", "quorumeter"],
            swiftSettings: strict),
        .executableTarget(
            name: "benchmarks",
            dependencies: [
                "Basics", "Causality", "Consistency", "Experiments", "Faults", "Membership",
                "Partitioning", "Platform", "Replication", "Simulation", "Storage", "Wire",
                "Workloads",
            ],
            path: "Tests/Benchmarks/Micro", swiftSettings: strict),
        .testTarget(name: "TidyTests", dependencies: ["Platform"], swiftSettings: strict),
    ]
)
