import Basics
import Experiments
import Faults
import Foundation
import Platform

/// `quorumeter network`.
let networkCommand = Command(
    syntax: CommandSyntax(
        name: "network",
        abstract: "Hold a network namespace for each member of a local cluster.",
        discussion: """
            Started by cluster and soak with --network namespaces; of little use by hand. Joins \
            the namespaces by a bridge, and cuts links as the file of links says, which it reads \
            again on SIGUSR1. Needs root or user namespaces, and the program ip. Ends on SIGTERM; \
            the networks end with the last process that is in them.
            """,
        options: [
            Option("--links", takes: .value("FILE"), help: "The settings of all links."),
            Option("--members", takes: .value("COUNT"), help: "How many."),
            Option("--paths", takes: .value("FILE"), help: "Where to say where the networks are."),
            Option(
                "--with-parent", takes: .value("PID"),
                help: "End at once when this process, which must be the parent, ends."),
        ],
        examples: [
            "quorumeter network --links /tmp/demo/links --members 3 --paths /tmp/demo/networks"
        ]),
    run: { arguments in
        guard let links = arguments.value("--links"), let paths = arguments.value("--paths"),
            let members = try arguments.integer("--members", in: 1...LinkTable.memberLimit)
        else {
            throw ArgumentError.missingArgument(
                command: "network", expected: "--links FILE --members COUNT --paths FILE")
        }
        do {
            let network = try VirtualNetwork(LinkTable(links, members: members))
            // After the last change of who this process is, which would make the system forget it.
            if let parent = try arguments.integer("--with-parent", in: 1...Int(Int32.max)) {
                try Lifetime.endWithParent(Int32(parent))
            }
            try network.announce(in: paths)
            try network.run(stop: [SIGTERM, SIGINT], poke: SIGUSR1)
            return .held
        } catch let error as VirtualNetwork.Refusal {
            throw CommandFailure(.environment, error.description)
        } catch let error as SystemError {
            throw CommandFailure(.environment, "the network cannot work: \(error)")
        }
    })
