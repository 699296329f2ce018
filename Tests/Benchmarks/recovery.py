"""How long a node takes to be ready again with 1 GiB of log.

    recovery.py EXECUTABLE

Writes values of 1,000 bytes, kills the node, and measures from its start to its first answer, as
the median of three. Fails above the goal.
"""

import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

GOAL = 5.0
BYTES = 1 << 30


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(executable, port, folder):
    words = [executable, "serve", "--name", "n1", "--listen", f"127.0.0.1:{port}", "--data",
             f"{folder}/data", "--fsync", "never"]
    return subprocess.Popen(words, stderr=subprocess.DEVNULL)


def wait(port, process):
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
                client.sendall(b"PING\r\n")
                if client.recv(16).startswith(b"+PONG"):
                    return
        except OSError:
            time.sleep(0.005)
    sys.exit("the node does not answer")


def log_bytes(folder):
    return sum(entry.stat().st_size for entry in os.scandir(f"{folder}/data"))


def main(executable):
    folder = tempfile.mkdtemp(prefix="quorumeter-recovery")
    port = free_port()
    node = start(executable, port, folder)
    try:
        wait(port, node)
        while log_bytes(folder) < BYTES:
            subprocess.run(
                ["redis-benchmark", "-p", str(port), "-t", "set", "-n", "200000", "-d", "1000",
                 "-r", "1000000", "-P", "64", "-q"], stdout=subprocess.DEVNULL, check=True)
        times = []
        for _ in range(3):
            node.kill()
            node.wait()
            began = time.monotonic()
            node = start(executable, port, folder)
            wait(port, node)
            times.append(time.monotonic() - began)
        median = statistics.median(times)
        print(f"recovery of {log_bytes(folder) / 2**30:.2f} GiB of log: median {median:.2f} s of "
              f"{', '.join(f'{t:.2f}' for t in times)}, goal {GOAL:.0f} s")
        return 0 if median <= GOAL else 1
    finally:
        node.kill()
        node.wait()
        shutil.rmtree(folder)


sys.exit(main(sys.argv[1]))
