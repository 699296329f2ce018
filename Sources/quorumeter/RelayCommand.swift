import Basics
import Experiments
import Faults
import Foundation
import Platform

/// `quorumeter relay`.
let relayCommand = Command(
    syntax: CommandSyntax(
        name: "relay",
        abstract: "Carry the links of a local cluster, as faults ask for it.",
        discussion: """
            Started by cluster, soak, sweep and verify; of little use by hand. Listens at an \
            address of 127.77.0.0/16 for every ordered pair of members, passes bytes on to the \
            member that is meant, and treats them as the file of links says, which it reads \
            again on SIGUSR1. Ends on SIGTERM.
            """,
        options: [
            Option("--links", takes: .value("FILE"), help: "The settings of all links."),
            Option(
                "--member", takes: .value("HOST:PORT"),
                help: "Peer address of a member, in the order of the list.", repeatable: true),
            Option(
                "--with-parent", takes: .value("PID"),
                help: "End at once when this process, which must be the parent, ends."),
        ],
        examples: [
            "quorumeter relay --links /tmp/demo/links --member 127.0.0.1:17001 "
                + "--member 127.0.0.1:17002"
        ]),
    run: { arguments in
        guard let path = arguments.value("--links") else {
            throw ArgumentError.missingArgument(command: "relay", expected: "--links FILE")
        }
        var members: [SocketAddress] = []
        for text in arguments.values("--member") {
            do { members.append(try SocketAddress(text)) } catch {
                throw CommandFailure(.misuse, "--member: \(error)")
            }
        }
        guard (1...LinkTable.memberLimit).contains(members.count) else {
            throw CommandFailure(
                .misuse,
                "\(members.count) members: expected 1 to \(LinkTable.memberLimit) --member")
        }
        if let parent = try arguments.integer("--with-parent", in: 1...Int(Int32.max)) {
            try Lifetime.endWithParent(Int32(parent))
        }
        do {
            _ = Lifetime.raiseDescriptorLimit()
            let relay = try Relay(LinkTable(path, members: members.count), targets: members)
            try relay.watch(stop: [SIGTERM, SIGINT], poke: SIGUSR1)
            relay.run()
            return .held
        } catch let error as SystemError {
            throw CommandFailure(.environment, "the relay cannot work: \(error)")
        }
    })
