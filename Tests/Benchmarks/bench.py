"""Interleaved runs of redis-benchmark against redis-server and quorumeter serve.

    bench.py redis  EXECUTABLE     one node against Redis, server and client on a processor each
    bench.py quorum EXECUTABLE     three nodes with N = 3, R = W = 2 against Redis, all processors
    bench.py allocations EXECUTABLE
                                   allocations per operation in the steady state, from INFO

RUNS (5), REQUESTS (500000) and CLIENTS (50) in the environment make it shorter or longer. A slow
machine ends with fewer runs, and says so, rather than take more than about LIMIT (260) seconds.
Prints medians, ratios to Redis and the thresholds; ends with 1 when a ratio is below its own.
Everything that it starts is ended by its process number, whatever happens.
"""

import atexit
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

RUNS = int(os.environ.get("RUNS", "5"))
REQUESTS = int(os.environ.get("REQUESTS", "500000"))
CLIENTS = int(os.environ.get("CLIENTS", "50"))
KEYS = 100_000
LIMIT = float(os.environ.get("LIMIT", "260"))
PROCESSORS = sorted(os.sched_getaffinity(0))
TICK = os.sysconf("SC_CLK_TCK")

started = []
folder = tempfile.mkdtemp(prefix="quorumeter-bench-")


def clean():
    for process in started:
        if process.poll() is None:
            process.terminate()
    for process in started:
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    shutil.rmtree(folder, ignore_errors=True)


atexit.register(clean)
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda *_: sys.exit(130))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def pinned(processor, words):
    """The command on one processor, when there are two and taskset is there."""
    if processor is None or len(PROCESSORS) < 2 or not shutil.which("taskset"):
        return words
    return ["taskset", "-c", str(PROCESSORS[processor]), *words]


def ask(port, *words):
    text = f"*{len(words)}\r\n" + "".join(f"${len(w)}\r\n{w}\r\n" for w in words)
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        client.sendall(text.encode())
        reply = b""
        while True:
            reply += client.recv(1 << 16)
            head, _, rest = reply.partition(b"\r\n")
            if not head.startswith(b"$") or len(rest) >= int(head[1:]) + 2:
                return reply.decode()


def information(port):
    fields = {}
    for line in ask(port, "INFO").split("\r\n"):
        name, colon, value = line.partition(":")
        if colon:
            fields[name] = value
    return fields


def start(name, words, port, ready=lambda: True):
    log = open(os.path.join(folder, name + ".log"), "wb")
    process = subprocess.Popen(words, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    started.append(process)
    deadline = time.monotonic() + 20
    while True:
        try:
            if "PONG" in ask(port, "PING") and ready():
                return process
        except OSError:
            pass
        if process.poll() is not None or time.monotonic() > deadline:
            with open(log.name, errors="replace") as text:
                sys.exit(f"{name} did not start: {text.read()}")
        time.sleep(0.02)


def start_redis(processor):
    port = free_port()
    words = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "",
             "--appendonly", "no", "--dir", folder]
    return port, [start("redis-server", pinned(processor, words), port)]


def start_nodes(executable, count, processor, quorum):
    ports = [free_port() for _ in range(count)]
    peers = [free_port() for _ in range(count)]
    nodes = []
    for i in range(count):
        words = [executable, "serve", "--name", f"n{i + 1}", "--listen", f"127.0.0.1:{ports[i]}",
                 "--peer-listen", f"127.0.0.1:{peers[i]}", "--n", str(count), "--r", str(quorum),
                 "--w", str(quorum)]
        for j in range(count):
            words += ["--join", f"n{j + 1}@127.0.0.1:{peers[j]}"]
        nodes.append(start(f"n{i + 1}", pinned(processor, words), ports[i]))
    for port in ports:
        deadline = time.monotonic() + 20
        while information(port)["reachable"] != str(count):
            if time.monotonic() > deadline:
                sys.exit("the nodes do not reach one another")
            time.sleep(0.02)
    return ports[0], nodes


def processor_seconds(processes):
    total = 0
    for process in processes:
        with open(f"/proc/{process.pid}/stat") as status:
            fields = status.read().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICK


def measure(port, servers, test, pipeline, processor):
    """Operations a second, and microseconds of the servers' processor time an operation."""
    before = processor_seconds(servers)
    words = ["redis-benchmark", "-p", str(port), "-t", test, "-n", str(REQUESTS), "-c",
             str(CLIENTS), "-d", "100", "-r", str(KEYS), "-P", str(pipeline), "--csv"]
    output = subprocess.run(pinned(processor, words), capture_output=True, text=True, timeout=120)
    found = re.search(rf'^"{test.upper()}","([0-9.]+)"', output.stdout, re.M)
    if output.returncode != 0 or not found:
        sys.exit(f"redis-benchmark failed: {output.stdout}{output.stderr}")
    spent = processor_seconds(servers) - before
    return float(found[1]), spent / REQUESTS * 1e6


def compare(title, redis, other, thresholds, processor):
    print(f"{title}; {REQUESTS} requests, {CLIENTS} clients, 100 bytes, {KEYS} keys, "
          f"medians of {RUNS} interleaved runs", flush=True)
    print("                     Redis                    Quorumeter             ratio of")
    print("test                 ops/s    CPU us/op       ops/s    CPU us/op     ops/s   "
          "(lowest)  needed   CPU", flush=True)
    missed = []
    for pipeline in (1, 16):
        for test in ("set", "get"):
            rows = []
            begun = time.monotonic()
            for run in range(RUNS):
                order = [redis, other] if run % 2 == 0 else [other, redis]
                results = {side[0]: measure(*side, test, pipeline, processor) for side in order}
                rows.append((results[redis[0]], results[other[0]]))
                if time.monotonic() - begun > LIMIT / 4:
                    break
            ratios = [b[0] / a[0] for a, b in rows]
            cpu = statistics.median(b[1] / a[1] for a, b in rows)
            ratio = statistics.median(ratios)
            needed = thresholds[test, pipeline]
            median = lambda side, value: statistics.median(row[side][value] for row in rows)
            mark = "" if ratio >= needed else "  BELOW"
            if mark:
                missed.append(f"{test} -P {pipeline}")
            print(f"{test.upper()} -P {pipeline:<3}{median(0, 0):>16,.0f}{median(0, 1):>13.2f}"
                  f"{median(1, 0):>12,.0f}{median(1, 1):>13.2f}{ratio:>10.2f}"
                  f"{min(ratios):>11.2f}{needed:>8.2f}{cpu:>6.2f}{mark}"
                  + (f"  ({len(rows)} runs: out of time)" if len(rows) < RUNS else ""), flush=True)
    if missed:
        print("below the threshold: " + ", ".join(missed))
        sys.exit(1)


def bench_redis(executable):
    redis = start_redis(0)
    node = start_nodes(executable, 1, 0, 1)
    compare("One node, memory only, N = R = W = 1, against Redis", redis, node,
            {("set", 1): 0.90, ("get", 1): 0.90, ("set", 16): 1.5, ("get", 16): 1.3}, 1)


def bench_quorum(executable):
    redis = start_redis(None)
    nodes = start_nodes(executable, 3, None, 2)
    compare("Three nodes, memory only, N = 3, R = W = 2, against one Redis", redis, nodes,
            {("set", 1): 0.5, ("get", 1): 0.5, ("set", 16): 0.75, ("get", 16): 0.75}, None)


def allocations(executable):
    """What the allocator was asked for while the same keys are written and read again."""
    failed = False
    for title, count, quorum in (("one node", 1, 1), ("three nodes, R = W = 2", 3, 2)):
        port, nodes = start_nodes(executable, count, None, quorum)
        counter = "allocations_total"
        if counter not in information(port):
            sys.exit(f"INFO shows no {counter}: jemalloc is not the allocator of this build")
        for test in ("set", "get"):
            # Every key is there and every buffer has grown before anything is counted.
            for _ in range(2):
                measure(port, nodes, test, 16, None)
            before = int(information(port)[counter])
            measure(port, nodes, test, 16, None)
            made = int(information(port)[counter]) - before
            # INFO itself, the connections of redis-benchmark and their buffers are in it too.
            each = made / REQUESTS
            # A SET may allocate the record that it stores, and nothing else.
            allowed = 1.05 if test == "set" else 0.05
            verdict = "" if each <= allowed else "  ABOVE"
            failed = failed or each > allowed
            print(f"{title}: {test.upper()} {each:.4f} allocations an operation on the node that "
                  f"coordinates (at most {allowed:.2f}){verdict}", flush=True)
        for process in nodes:
            process.terminate()
            process.wait()
    sys.exit(1 if failed else 0)


def main():
    benches = {"redis": bench_redis, "quorum": bench_quorum, "allocations": allocations}
    if len(sys.argv) != 3 or sys.argv[1] not in benches:
        sys.exit(__doc__)
    if not os.access(sys.argv[2], os.X_OK):
        sys.exit(f"{sys.argv[2]} is not there: build it with 'make build'")
    benches[sys.argv[1]](sys.argv[2])


main()
