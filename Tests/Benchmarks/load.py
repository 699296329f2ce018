#!/usr/bin/env python3
"""The load generator against redis-benchmark, on one redis-server, in turns.

Prints operations a second of both and their ratio for GET and SET at several depths of pipeline,
then what an operation costs without a store, and how exactly an open loop keeps its schedule
without a store and with one. Exit code 1 when a goal is missed.
Both sides use the same number of connections and values of 100 bytes; ours draws Zipfian keys,
makes unique values and records every operation as a history.

usage: load.py QUORUMETER [--rounds 3] [--seconds 2] [--clients 50]
"""
import argparse
import re
import socket
import statistics
import subprocess
import tempfile
import time

RECORDS = 10_000
MISSED = []


def judge(what, value, holds, goal):
    """Prints a figure with its goal, and keeps what missed it."""
    print(f"{what}: {value}  [goal {goal}: {'held' if holds else 'MISSED'}]")
    if not holds:
        MISSED.append(what)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_redis(folder):
    port = free_port()
    server = subprocess.Popen(
        ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "",
         "--appendonly", "no", "--dir", folder], stdout=subprocess.DEVNULL)
    for _ in range(100):
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return server, port
        time.sleep(0.05)
    raise SystemExit("redis-server did not start")


def run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}\nexit {done.returncode}\n{done.stderr}")
    return done.stdout


def theirs(port, command, depth, clients, operations):
    text = run(["redis-benchmark", "-p", str(port), "-t", command, "-c", str(clients), "-P",
                str(depth), "-n", str(operations), "-r", str(RECORDS), "-d", "100", "--csv"])
    return float(text.splitlines()[-1].split(",")[1].strip('"'))


def workload(command):
    read = 1 if command == "get" else 0
    return ["-p", f"recordcount={RECORDS}", "-p", "fieldcount=1", "-p", f"readproportion={read}",
            "-p", f"updateproportion={1 - read}", "-p", "requestdistribution=zipfian"]


def throughput(text):
    return float(re.search(r"Throughput\(ops/sec\), ([0-9.e+]+)", text).group(1))


def ours(program, port, command, depth, clients, operations, folder):
    return throughput(run(
        [program, "run", f"redis://127.0.0.1:{port}", *workload(command), "-threads",
         str(clients), "--pipeline", str(depth), "-p", f"operationcount={operations}",
         "--history", f"{folder}/history.qh"]))


def against_redis_benchmark(options, port, folder):
    run([options.program, "load", f"redis://127.0.0.1:{port}", *workload("get")])
    # Its keys, too, must be there: a GET of what is absent moves no value.
    theirs(port, "set", 16, options.clients, RECORDS * 30)
    missing = RECORDS * 2 - int(run(["redis-cli", "-p", str(port), "DBSIZE"]))
    if missing > RECORDS // 100:
        raise SystemExit(f"{missing} of redis-benchmark's {RECORDS} keys are missing")
    for command in ("get", "set"):
        for depth in (1, 16):
            guess = theirs(port, command, depth, options.clients, 20_000 * depth)
            operations = int(guess * options.seconds)
            ratios, rates = [], []
            for _ in range(options.rounds):
                a = theirs(port, command, depth, options.clients, operations)
                b = ours(options.program, port, command, depth, options.clients, operations,
                         folder)
                ratios.append(b / a)
                rates.append((a, b))
            a, b = (statistics.median(side) for side in zip(*rates))
            ratio = statistics.median(ratios)
            judge(f"{command.upper()} -P {depth}",
                  f"redis-benchmark {a:,.0f}/s, quorumeter {b:,.0f}/s, ratio {ratio:.2f} "
                  f"({min(ratios):.2f} to {max(ratios):.2f})", ratio >= 1, "1.0")


def alone(options, folder):
    for name, extra, goal in (("generation and timing", [], None),
                              ("with recording", ["--history", f"{folder}/h.qh"], 250)):
        costs = [1e9 / throughput(run(
            [options.program, "run", "null:", *workload("set"), "-threads", "8", "-p",
             "operationcount=2000000", *extra])) for _ in range(options.rounds)]
        cost = statistics.median(costs)
        figure = f"{cost:.0f} ns an operation ({min(costs):.0f} to {max(costs):.0f})"
        if goal:
            judge(f"null: {name}", figure, cost <= goal, f"{goal} ns")
        else:
            print(f"null: {name}: {figure}")


def schedule(options, target, goal):
    """How late operations start at 10,000 a second: the median of the rounds' p99."""
    lates = []
    for _ in range(options.rounds):
        text = run([options.program, "run", target, *workload("get"), "-threads", "8", "-target",
                    "10000", "--arrivals", "constant", "--duration", f"{options.seconds + 1}s"])
        lates.append(int(re.search(r"SCHEDULE\], 99thPercentileLatency\(us\), (\d+)",
                                   text).group(1)))
    late = statistics.median(lates)
    judge(f"schedule error at p99, {target.split(':')[0]}:",
          f"{late} us ({min(lates)} to {max(lates)})", late < goal, f"{goal} us")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--clients", type=int, default=50)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server, port = start_redis(folder)
        try:
            against_redis_benchmark(options, port, folder)
            alone(options, folder)
            schedule(options, "null:", 50)
            schedule(options, f"redis://127.0.0.1:{port}", 1_000)
        finally:
            server.terminate()
            server.wait()
    if MISSED:
        raise SystemExit(f"missed: {'; '.join(MISSED)}")


if __name__ == "__main__":
    main()
