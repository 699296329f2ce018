import Basics
import Partitioning
import Platform
import Replication
import Storage
import Wire

/// What a node tells Prometheus.
extension Facts {
    func metrics() -> String {
        var out = Exposition()
        addNode(to: &out)
        addRequests(to: &out)
        addRepair(to: &out)
        addMembers(to: &out)
        addStorage(to: &out)
        addMemory(to: &out)
        return out.text
    }

    private func addNode(to out: inout Exposition) {
        let name = Exposition.escaped(configuration.name)
        let cluster = Exposition.escaped(configuration.clusterName)
        out.add(
            "quorumeter_info", .gauge, "Which node this is; always 1.",
            [
                (
                    "version=\"\(Session.version)\",node=\"\(name)\",cluster=\"\(cluster)\","
                        + "mode=\"\(configuration.replication.mode.rawValue)\"", "1"
                )
            ])
        let uptime = UInt64(max(0, (Clocks.monotonic() - startedAt).nanoseconds))
        out.add(
            "quorumeter_uptime_seconds", .gauge, "Seconds since the node began to serve.",
            [("", Exposition.seconds(uptime))])
        out.add("quorumeter_records", .gauge, "Records held, deletions included.", records)
        out.add("quorumeter_keyspaces", .gauge, "Keyspaces, with the default one.", spaces.count)
        out.add("quorumeter_clients", .gauge, "Connections of clients.", clients)
        out.add(
            "quorumeter_connections_total", .counter,
            "Connections of clients, by what became of them.",
            [("outcome=\"accepted\"", "\(accepted)"), ("outcome=\"refused\"", "\(refused)")])
        out.add(
            "quorumeter_network_bytes_total", .counter, "Bytes read and written.",
            [
                ("peer=\"client\",direction=\"in\"", "\(traffic.fromClients)"),
                ("peer=\"client\",direction=\"out\"", "\(traffic.toClients)"),
                ("peer=\"node\",direction=\"in\"", "\(traffic.fromPeers)"),
                ("peer=\"node\",direction=\"out\"", "\(traffic.toPeers)"),
            ])
    }

    private func addRequests(to out: inout Exposition) {
        out.add(
            "quorumeter_requests_total", .counter,
            "Requests answered, by class and outcome; unknown ones may have had their effect.",
            RequestClass.allCases.flatMap { kind in
                RequestMeter.Outcome.allCases.map { outcome in
                    (
                        "class=\"\(kind.name)\",outcome=\"\(outcome.name)\"",
                        "\(meter.count(kind, outcome))"
                    )
                }
            })
        out.addHistograms(
            "quorumeter_request_seconds",
            "From reading a request to writing its answer, quorums included.",
            bounds: RequestMeter.bounds.map { Exposition.seconds(UInt64($0.nanoseconds)) },
            RequestClass.allCases.map { kind in
                (
                    "class=\"\(kind.name)\"", meter.cumulated(kind),
                    Exposition.seconds(meter.sum(kind))
                )
            })
        out.add(
            "quorumeter_requests_in_flight", .gauge, "Requests that this node coordinates now.",
            inFlight)
        out.add(
            "quorumeter_slow_requests_total", .counter,
            "Requests that took longer than the slow log's threshold.", slowLog.count)
        out.add(
            "quorumeter_retransmissions_total", .counter,
            "Messages sent again to replicas that were silent.", counters.retransmissions)
        out.add(
            "quorumeter_stale_reads_total", .counter,
            "Reads that found nothing as new as their session token.", counters.staleReads)
        out.add(
            "quorumeter_digest_refetches_total", .counter,
            "Values that were asked for because marks of them differed.", counters.digestRefetches)
        out.add(
            "quorumeter_hedged_questions_total", .counter,
            "Replicas that reads asked because others were late.", counters.hedges)
        out.add(
            "quorumeter_scan_rounds_total", .counter, "Rounds of questions that scans took.",
            counters.scanRounds)
        out.add(
            "quorumeter_register_rounds_total", .counter,
            "Ballots of consensus registers, by phases.",
            [
                ("phases=\"1\"", "\(counters.onePhaseRounds)"),
                ("phases=\"2\"", "\(counters.twoPhaseRounds)"),
            ])
        out.add(
            "quorumeter_register_duels_total", .counter, "Ballots that another proposer outbid.",
            counters.duels)
        out.add(
            "quorumeter_clock_rejections_total", .counter,
            "Stamps too far in the future to be merged.", counters.clockRejections)
    }

    private func addRepair(to out: inout Exposition) {
        out.add(
            "quorumeter_read_repairs_total", .counter,
            "Older versions that reads found and replaced.", counters.readRepairs)
        out.add(
            "quorumeter_write_backs_total", .counter,
            "Reads that waited until enough replicas held what they returned.",
            counters.writeBacks)
        let owed = hintsOwed()
        out.add(
            "quorumeter_hints", .gauge, "Writes held for another node.",
            owed.map { ("owner=\"\(Exposition.escaped($0.owner))\"", "\($0.count)") })
        out.add(
            "quorumeter_hint_bytes", .gauge, "Bytes of writes held for another node.",
            owed.map { ("owner=\"\(Exposition.escaped($0.owner))\"", "\($0.bytes)") })
        out.add(
            "quorumeter_hints_total", .counter, "Writes for other nodes, by what came of them.",
            [
                ("outcome=\"kept\"", "\(counters.hintsKept)"),
                ("outcome=\"delivered\"", "\(counters.hintsDelivered)"),
                ("outcome=\"expired\"", "\(counters.hintsExpired)"),
                ("outcome=\"refused\"", "\(counters.hintsRefused)"),
            ])
        out.add(
            "quorumeter_comparisons_total", .counter,
            "Comparisons with other replicas, by what came of them.",
            [
                ("outcome=\"ended\"", "\(counters.comparisons)"),
                ("outcome=\"abandoned\"", "\(counters.comparisonsAbandoned)"),
            ])
        out.add(
            "quorumeter_comparison_bytes_total", .counter, "Bytes of comparisons sent.",
            counters.comparisonBytesSent)
        out.add(
            "quorumeter_mended_records_total", .counter,
            "Records sent to replicas that a comparison found behind.", counters.recordsSent)
        out.add(
            "quorumeter_mended_bytes_total", .counter, "Bytes of such records.",
            counters.recordBytesSent)
    }

    private func addMembers(to out: inout Exposition) {
        let members = members.enumerated()
            .filter {
                $0.element.name != configuration.name && $0.element.role != .removed
                    && $0.offset < min(isReachable.count, memberStatus.count)
            }
            .map { ($0.offset, "member=\"\(Exposition.escaped($0.element.name))\"") }
        out.add(
            "quorumeter_link_up", .gauge, "Whether messages to a member can be delivered.",
            members.map { ($0.1, isReachable[$0.0] ? "1" : "0") })
        out.add(
            "quorumeter_member_status", .gauge, "What the members together think of one; 1 where.",
            members.map { ("\($0.1),status=\"\(memberStatus[$0.0])\"", "1") })
        out.add(
            "quorumeter_peer_messages_total", .counter, "Messages between nodes.",
            [
                ("direction=\"out\"", "\(counters.messagesSent)"),
                ("direction=\"in\"", "\(counters.messagesReceived)"),
            ])
        out.add(
            "quorumeter_peers_refused_total", .counter,
            "Connections between nodes that failed the handshake.", peersRefused)
    }

    private func addStorage(to out: inout Exposition) {
        out.add(
            "quorumeter_log_bytes", .gauge, "Log since the last checkpoint.",
            housekeeping.logBytes)
        out.add("quorumeter_log_syncs_total", .counter, "Times that the log was synced.", syncs())
        out.add(
            "quorumeter_checkpoints_total", .counter, "Checkpoints, by what came of them.",
            [
                ("outcome=\"installed\"", "\(housekeeping.checkpoints)"),
                ("outcome=\"refused\"", "\(housekeeping.checkpointsRefused)"),
            ])
        out.add(
            "quorumeter_read_only", .gauge, "Whether the disk is full and writes are refused.",
            housekeeping.isFull ? 1 : 0)
        out.add(
            "quorumeter_scrubbed_bytes_total", .counter, "Bytes of files read again.", scrub.bytes)
        out.add(
            "quorumeter_damaged_files_total", .counter, "Files that were found damaged.",
            scrub.damaged)
    }

    private func addMemory(to out: inout Exposition) {
        if let jemalloc = JemallocStatistics() {
            out.add(
                "quorumeter_jemalloc_bytes", .gauge, "What the allocator says of its memory.",
                [
                    ("state=\"allocated\"", "\(jemalloc.allocated)"),
                    ("state=\"active\"", "\(jemalloc.active)"),
                    ("state=\"resident\"", "\(jemalloc.resident)"),
                ])
            out.add(
                "quorumeter_allocations_total", .counter, "Allocations of all threads.",
                JemallocStatistics.allocations ?? 0)
        }
        if let resident = ProcessIdentity.own?.residentBytes {
            out.add(
                "process_resident_memory_bytes", .gauge, "Resident memory of the process.",
                resident)
        }
    }
}
