#!/usr/bin/env python3
"""The load generator against redis-benchmark, on one redis-server, in turns.

Prints operations a second of both and their ratio for GET and SET at several depths of pipeline,
then what an operation costs without a store, and how exactly an open loop keeps its schedule.
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
            print(f"{command.upper()} -P {depth:<2}  redis-benchmark {a:>10,.0f}/s  "
                  f"quorumeter {b:>10,.0f}/s  ratio {statistics.median(ratios):.2f} "
                  f"({min(ratios):.2f} to {max(ratios):.2f})")


def alone(options, folder):
    for name, extra in (("no history", []), ("recorded", ["--history", f"{folder}/h.qh"])):
        text = run([options.program, "run", "null:", *workload("set"), "-threads", "8", "-p",
                    "operationcount=2000000", *extra])
        print(f"null: {name}: {1e9 / throughput(text):.0f} ns an operation")
    text = run([options.program, "run", "null:", *workload("get"), "-threads", "8", "-target",
                "10000", "--arrivals", "constant", "--duration", f"{options.seconds + 1}s"])
    for line in text.splitlines():
        if line.startswith("[SCHEDULE]"):
            print(line)


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
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
