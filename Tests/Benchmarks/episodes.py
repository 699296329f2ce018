"""make episodes-cp: a real three-node cluster in mode cp, whose nodes are killed and paused.

Each episode runs six clients that read, write, delete and compare-and-set two keys while a node
is killed with SIGKILL and started again, or stopped and let go on, or two of them at once. Its
history is checked by `quorumeter check --model linearizable`. While a majority is gone nothing may
be acknowledged. EPISODES (200), SEED (1). Exit code 1 at the first violation, whose history stays.
"""
import json, os, random, socket, subprocess, sys, tempfile, threading, time

EPISODES = int(os.environ.get("EPISODES", "200"))
SEED = int(os.environ.get("SEED", "1"))
SECONDS = 1.5


class Connection:
    """Just enough RESP2."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=3)
        self.file = self.socket.makefile("rb")

    def ask(self, *words):
        out = b"*%d\r\n" % len(words)
        for word in words:
            out += b"$%d\r\n%s\r\n" % (len(word), word.encode())
        self.socket.sendall(out)
        return self.reply()

    def reply(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise OSError("closed")
        kind, rest = line[:1], line[1:-2].decode()
        if kind == b"$":
            return None if rest == "-1" else self.file.read(int(rest) + 2)[:-2].decode()
        if kind == b":":
            return int(rest)
        if kind == b"*":
            return [self.reply() for _ in range(int(rest))]
        return line[:-2].decode()

    def close(self):
        self.file.close()
        self.socket.close()


class Client(threading.Thread):
    def __init__(self, number, ports, keys, until, history, lock, seed):
        super().__init__()
        self.process = number
        self.step = 1000
        self.ports, self.keys, self.until = ports, keys, until
        self.history, self.lock = history, lock
        self.random = random.Random(seed)
        self.connection = None
        self.written = 0
        self.seen = {}

    def run(self):
        while time.monotonic() < self.until:
            self.operate()
            time.sleep(self.random.uniform(0, 0.01))
        if self.connection:
            self.connection.close()

    def operate(self):
        if not self.connection:
            try:
                self.connection = Connection(self.random.choice(self.ports))
            except OSError:
                time.sleep(0.05)
                return
        key = self.random.choice(self.keys)
        kind = self.random.choices(["read", "write", "cas", "delete"], [5, 3, 4, 1])[0]
        entry = {"process": self.process, "op": kind, "key": key, "value": None}
        if kind in ("write", "cas"):
            self.written += 1
            entry["value"] = f"{self.process}-{self.written}"
        expected = self.seen.get(key)
        words = {"read": ["GET", key], "write": ["SET", key, entry["value"]],
                 "delete": ["DEL", key]}.get(kind)
        if kind == "cas":
            entry["expected"] = expected
            words = (["QCAS", key, expected, entry["value"]] if expected is not None
                     else ["SET", key, entry["value"], "NX"])
        entry["invoked_ns"] = time.monotonic_ns()
        try:
            reply = self.connection.ask(*words)
        except OSError:
            reply = "-TIMEOUT connection lost"
            self.connection.close()
            self.connection = None
        entry["completed_ns"] = time.monotonic_ns()
        entry["outcome"] = "ok"
        if isinstance(reply, str) and reply.startswith("-"):
            entry["outcome"] = "fail" if reply.startswith("-UNAVAILABLE") else "unknown"
            if self.random.random() < 0.5 and self.connection:
                self.connection.close()
                self.connection = None
        elif kind == "read":
            entry["value"] = reply
            self.seen[key] = reply
        elif kind == "cas" and (reply is None or isinstance(reply, list) and reply[1] == 0):
            entry["outcome"] = "fail"
            entry["refuted"] = True
        elif kind in ("write", "cas"):
            self.seen[key] = entry["value"]
        else:
            self.seen[key] = None
        if entry["outcome"] == "unknown":
            entry["completed_ns"] = None
            self.process += self.step
        with self.lock:
            self.history.append(entry)


class Cluster:
    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        self.ports = []
        self.up()

    def command(self, *words):
        return subprocess.run([self.program, "cluster", words[0], "--dir", self.folder,
                               *words[1:]], capture_output=True, text=True)

    def up(self):
        shape = [] if self.ports else ["--nodes", "3", "--n", "3", "--mode", "cp"]
        done = self.command("up", *shape)
        if done.returncode:
            raise RuntimeError(done.stderr)
        self.ports = [int(l.rsplit(":", 1)[1]) for l in done.stdout.split("\n") if l]


def strike(cluster, chance, log):
    """One fault and its end; returns the times between which no majority was there."""
    count = 2 if chance.random() < 0.25 else 1
    nodes = [f"n{i + 1}" for i in chance.sample(range(3), count)]
    kind = chance.choice(["kill", "pause"])
    time.sleep(chance.uniform(0.1, 0.4))
    cluster.command(kind, *nodes)
    begin = time.monotonic_ns()
    time.sleep(chance.uniform(0.2, 0.6))
    end = time.monotonic_ns()
    if kind == "kill":
        cluster.up()
    else:
        cluster.command("resume", *nodes)
    log.append(f"{kind} {' '.join(nodes)}")
    return (begin, end) if count == 2 else None


def main():
    program = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else ".build/release/quorumeter")
    chance = random.Random(SEED)
    folder = tempfile.mkdtemp(prefix="quorumeter-episodes-")
    cluster = Cluster(program, f"{folder}/cluster")
    totals = {"ok": 0, "fail": 0, "unknown": 0, "cas": 0, "struck": 0}
    try:
        for episode in range(EPISODES):
            history, lock, log = [], threading.Lock(), []
            keys = [f"e{SEED}-{episode}-{i}" for i in range(2)]
            until = time.monotonic() + SECONDS
            clients = [Client(i, cluster.ports, keys, until, history, lock,
                              SEED * 1_000_003 + episode * 101 + i) for i in range(6)]
            for client in clients:
                client.start()
            outage = strike(cluster, chance, log)
            for client in clients:
                client.join()
            final = Client(999_999, cluster.ports, keys, 0, history, lock, episode)
            for key in keys:
                final.keys = [key]
                final.random.choices = lambda *_: ["read"]
                final.operate()
            path = f"{folder}/episode-{episode}.jsonl"
            with open(path, "w") as out:
                for entry in sorted(history, key=lambda e: e["invoked_ns"]):
                    out.write(json.dumps(entry) + "\n")
            for entry in history:
                totals[entry["outcome"]] += 1
                totals["cas"] += entry["op"] == "cas"
            totals["struck"] += 1
            if outage:
                wrong = [e for e in history if e["outcome"] == "ok"
                         and e["op"] in ("write", "cas", "delete")
                         and e["invoked_ns"] > outage[0] and e["completed_ns"] < outage[1]]
                if wrong:
                    print(f"episode {episode} ({log[0]}): acknowledged without a majority: "
                          f"{wrong[0]}")
                    return 1
            check = subprocess.run([program, "check", "--model", "linearizable", path],
                                   capture_output=True, text=True)
            if check.returncode:
                print(f"episode {episode} ({log[0]}): exit {check.returncode}, {path}\n"
                      + check.stdout[-2000:] + check.stderr[-500:])
                return 1
            os.unlink(path)
            if (episode + 1) % 20 == 0 or episode + 1 == EPISODES:
                print(f"{episode + 1} episodes hold: {totals}", flush=True)
    finally:
        cluster.command("down")
    subprocess.run(["rm", "-rf", folder], check=False)
    return 0


sys.exit(main())
