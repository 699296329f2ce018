"""Episodes of faults on a real cluster, each with its history checked.

    episodes.py EXECUTABLE cp          make episodes-cp: three nodes in mode cp; kills, pauses,
                                       partitions in both directions or one, and clock steps
    episodes.py EXECUTABLE partitions  make partitions: five nodes with a keyspace of mode cp and
                                       one of mode lww; partitions of every kind

In each episode clients read, write, delete and compare-and-set two keys of the cp keyspace while a
fault strikes; the history is checked by `quorumeter check --model linearizable`. Whoever is cut off
from a majority, or has lost it, must acknowledge nothing meanwhile. With `partitions` others write
keys of the lww keyspace, whose replicas must agree, unread, within 30 s of healing.

EPISODES (200, or 100), SEED (1). Exit code 1 at the first violation, whose history stays.
"""
import json, os, random, socket, statistics, subprocess, sys, tempfile, threading, time

SEED = int(os.environ.get("SEED", "1"))
SECONDS = 1.5
CONVERGENCE_GOAL = 30.0


class Connection:
    """Just enough RESP2."""

    def __init__(self, port, keyspace=None):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=3)
        self.file = self.socket.makefile("rb")
        if keyspace and self.ask("KEYSPACE", "USE", keyspace) != "+OK":
            raise OSError("no such keyspace yet")

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
            return None if rest == "-1" else [self.reply() for _ in range(int(rest))]
        return line[:-2].decode()

    def close(self):
        self.file.close()
        self.socket.close()


class Client(threading.Thread):
    def __init__(self, number, cluster, keys, until, history, lock, seed):
        super().__init__()
        self.process = number
        self.step = 1000
        self.cluster, self.keys, self.until = cluster, keys, until
        self.history, self.lock = history, lock
        self.random = random.Random(seed)
        self.connection = None
        self.node = None
        self.written = 0
        self.seen = {}

    def run(self):
        while time.monotonic() < self.until:
            self.operate()
            time.sleep(self.random.uniform(0, 0.01))
        self.disconnect()

    def disconnect(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def connect(self):
        self.node = self.random.randrange(len(self.cluster.ports))
        try:
            self.connection = Connection(self.cluster.ports[self.node], self.cluster.keyspace)
        except OSError:
            time.sleep(0.05)
        return self.connection

    def operate(self):
        if not self.connection and not self.connect():
            return
        key = self.random.choice(self.keys)
        kind = self.random.choices(["read", "write", "cas", "delete"], [5, 3, 4, 1])[0]
        entry = {"process": self.process, "op": kind, "key": key, "value": None,
                 "node": f"n{self.node + 1}"}
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
            self.disconnect()
        entry["completed_ns"] = time.monotonic_ns()
        self.note(entry, kind, key, reply)

    def note(self, entry, kind, key, reply):
        entry["outcome"] = "ok"
        if isinstance(reply, str) and reply.startswith("-"):
            entry["outcome"] = "fail" if reply.startswith("-UNAVAILABLE") else "unknown"
            if self.random.random() < 0.5:
                self.disconnect()
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


class Writer(threading.Thread):
    """Writes keys of the keyspace whose replicas must come to agree."""

    def __init__(self, ports, keys, until, seed):
        super().__init__()
        self.ports, self.keys, self.until = ports, keys, until
        self.random = random.Random(seed)
        self.acknowledged = set()

    def run(self):
        connections = {}
        number = 0
        while time.monotonic() < self.until:
            port = self.random.choice(self.ports)
            number += 1
            try:
                connection = connections.get(port) or Connection(port)
                connections[port] = connection
                key = self.random.choice(self.keys)
                if connection.ask("SET", key, f"v{number}") == "+OK":
                    self.acknowledged.add(key)
            except OSError:
                connections.pop(port, None)
            time.sleep(self.random.uniform(0, 0.01))
        for connection in connections.values():
            connection.close()


class Cluster:
    def __init__(self, program, folder, nodes, keyspace, *shape):
        self.program, self.folder, self.keyspace = program, folder, keyspace
        self.shape = ["--nodes", str(nodes), "--n", "3", "--relay", *shape]
        self.ports = []
        self.up()
        self.names = [f"n{i + 1}" for i in range(nodes)]

    def command(self, *words):
        done = subprocess.run([self.program, "cluster", words[0], "--dir", self.folder,
                               *words[1:]], capture_output=True, text=True)
        if done.returncode and words[0] != "status":
            raise RuntimeError(f"cluster {' '.join(words)}: {done.stderr}")
        return done

    def up(self):
        done = self.command("up", *([] if self.ports else self.shape))
        self.ports = [int(line.rsplit(":", 1)[1]) for line in done.stdout.split("\n") if line]


class Outage:
    """Who could not reach a majority between two times: nothing may be acknowledged there."""

    def __init__(self, nodes, begin, end):
        self.nodes, self.begin, self.end = nodes, begin, end

    def violation(self, history):
        for entry in history:
            if (entry["outcome"] == "ok" and entry["op"] != "read"
                    and entry["node"] in self.nodes and entry["invoked_ns"] > self.begin
                    and entry["completed_ns"] < self.end):
                return entry
        return None


def wait_a_while(chance, low, high):
    time.sleep(chance.uniform(low, high))


def kill_or_pause(cluster, chance, kind, log):
    count = 2 if chance.random() < 0.25 else 1
    nodes = chance.sample(cluster.names, count)
    cluster.command(kind, *nodes)
    begin = time.monotonic_ns()
    wait_a_while(chance, 0.2, 0.6)
    end = time.monotonic_ns()
    if kind == "kill":
        cluster.up()
    else:
        cluster.command("resume", *nodes)
    log.append(f"{kind} {' '.join(nodes)}")
    return Outage(cluster.names, begin, end) if count * 2 > len(cluster.names) else None


def step_clocks(cluster, chance, log):
    nodes = chance.sample(cluster.names, chance.choice([1, 1, 2]))
    by = chance.choice(["10m", "-10m", "500ms", "-500ms", "3s", "-3s"])
    cluster.command("skew", f"--by={by}", *nodes)
    wait_a_while(chance, 0.2, 0.6)
    cluster.command("skew", "--by=0", *nodes)
    log.append(f"clocks of {' '.join(nodes)} by {by}")
    return None


def partition(cluster, chance, log, lasting=(0.3, 0.8)):
    names = cluster.names[:]
    chance.shuffle(names)
    size = 1 if len(names) < 4 else chance.randint(1, len(names) // 2)
    few, many = names[:size], names[size:]
    sides = [few, many]
    one_way = chance.random() < 0.4
    if one_way and chance.random() < 0.5:
        sides.reverse()
    words = [",".join(sides[0]), "/", ",".join(sides[1])]
    how = "drop" if one_way else chance.choice(["drop", "drop", "reset", "stall"])
    options = ["--how", how] + (["--one-way"] if one_way else [])
    cluster.command("partition", *options, *words)
    begin = time.monotonic_ns()
    wait_a_while(chance, *lasting)
    end = time.monotonic_ns()
    cluster.command("heal")
    log.append(f"partition {how}{' one-way' if one_way else ''} {' '.join(words)}")
    # Of a key's three replicas the smaller side may hold two when there are five nodes.
    return Outage(few, begin, end) if len(cluster.names) == 3 else None


def replicas_agree(cluster, keys):
    """Whether all three replicas of every key hold one version, asked one by one."""
    held = {key: [] for key in keys}
    for name, port in zip(cluster.names, cluster.ports):
        connection = Connection(port)
        for key in keys:
            answer = connection.ask("QGET", key, "R", "1", "REPAIR", "none")
            if isinstance(answer, list):
                found = dict(zip(answer[::2], answer[1::2]))
                if found.get("replicas") == [name]:
                    held[key].append(found.get("version"))
        connection.close()
    return all(len(versions) == 3 and len(set(versions)) == 1 for versions in held.values())


def await_agreement(cluster, keys):
    """Seconds until it is so; None when it takes too long."""
    began = time.monotonic()
    while time.monotonic() - began < 2 * CONVERGENCE_GOAL:
        try:
            if replicas_agree(cluster, keys):
                return time.monotonic() - began
        except OSError:
            pass  # a node that does not answer yet is asked again
        time.sleep(0.05)
    return None


class Run:
    def __init__(self, program, mode, folder):
        self.program, self.mode, self.folder = program, mode, folder
        self.chance = random.Random(SEED)
        self.totals = {"ok": 0, "fail": 0, "unknown": 0, "cas": 0}
        self.kinds = {}
        self.agreed = []
        if mode == "cp":
            self.cluster = Cluster(program, f"{folder}/cluster", 3, None, "--mode", "cp")
        else:
            self.cluster = Cluster(program, f"{folder}/cluster", 5, "linear")
            done = Connection(self.cluster.ports[0]).ask(
                "KEYSPACE", "CREATE", "linear", "N", "3", "MODE", "cp")
            if done != "+OK":
                raise RuntimeError(f"KEYSPACE CREATE: {done}")

    def strike(self, log):
        wait_a_while(self.chance, 0.1, 0.4)
        if self.mode == "partitions":
            return partition(self.cluster, self.chance, log)
        kind = self.chance.choice(["kill", "pause", "partition", "partition", "clocks"])
        if kind == "partition":
            return partition(self.cluster, self.chance, log)
        if kind == "clocks":
            return step_clocks(self.cluster, self.chance, log)
        return kill_or_pause(self.cluster, self.chance, kind, log)

    def episode(self, number):
        """What is wrong with one, or None."""
        history, lock, log = [], threading.Lock(), []
        keys = [f"e{SEED}-{number}-{i}" for i in range(2)]
        until = time.monotonic() + SECONDS
        clients = [Client(i, self.cluster, keys, until, history, lock,
                          SEED * 1_000_003 + number * 101 + i) for i in range(6)]
        plain = [f"p{SEED}-{number}-{i}" for i in range(20)]
        writers = [] if self.mode == "cp" else [
            Writer(self.cluster.ports, plain, until, SEED * 7 + number * 11 + i)
            for i in range(3)]
        for thread in clients + writers:
            thread.start()
        outage = self.strike(log)
        healed = time.monotonic()
        for thread in clients + writers:
            thread.join()
        self.read_for_the_last_time(keys, history, lock, number)
        word = log[0].split(" ")[0]
        self.kinds[word] = self.kinds.get(word, 0) + 1
        for entry in history:
            self.totals[entry["outcome"]] += 1
            self.totals["cas"] += entry["op"] == "cas"
        wrong = outage and outage.violation(history)
        if wrong:
            return f"{log[0]}: acknowledged without a majority: {wrong}"
        return self.check(history, number, log[0]) or self.check_agreement(
            writers, healed, log[0])

    def read_for_the_last_time(self, keys, history, lock, number):
        final = Client(999_999, self.cluster, keys, 0, history, lock, number)
        final.random.choices = lambda *_: ["read"]
        for key in keys:
            final.keys = [key]
            final.operate()
        final.disconnect()

    def check(self, history, number, what):
        path = f"{self.folder}/episode-{number}.jsonl"
        with open(path, "w") as out:
            for entry in sorted(history, key=lambda e: e["invoked_ns"]):
                out.write(json.dumps(entry) + "\n")
        check = subprocess.run([self.program, "check", "--model", "linearizable", path],
                               capture_output=True, text=True)
        if check.returncode:
            return (f"{what}: exit {check.returncode}, {path}\n" + check.stdout[-2000:]
                    + check.stderr[-500:])
        os.unlink(path)
        return None

    def check_agreement(self, writers, healed, what):
        if not writers:
            return None
        known = sorted(set().union(*(writer.acknowledged for writer in writers)))
        if not known:
            return f"{what}: no write of mode lww was acknowledged"
        if await_agreement(self.cluster, known) is None:
            return f"{what}: replicas differ {2 * CONVERGENCE_GOAL:.0f} s after healing"
        self.agreed.append(time.monotonic() - healed)
        return None

    def summary(self, episodes):
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self.kinds.items()))
        print(f"{episodes} episodes ({kinds}): {self.totals['ok']} operations succeeded, of "
              f"{sum(self.totals[w] for w in ('ok', 'fail', 'unknown'))}, "
              f"{self.totals['cas']} compare-and-set; all linearizable; nothing acknowledged "
              "without a majority", flush=True)
        if self.agreed:
            print(f"replicas of mode lww agreed at most {max(self.agreed):.2f} s after healing "
                  f"(median {statistics.median(self.agreed):.2f} s, goal "
                  f"{CONVERGENCE_GOAL:.0f} s)", flush=True)


def main():
    program = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else ".build/release/quorumeter")
    mode = sys.argv[2] if len(sys.argv) > 2 else "cp"
    episodes = int(os.environ.get("EPISODES", "200" if mode == "cp" else "100"))
    folder = tempfile.mkdtemp(prefix="quorumeter-episodes-")
    run = Run(program, mode, folder)
    try:
        for number in range(episodes):
            wrong = run.episode(number)
            if wrong:
                print(f"episode {number}: {wrong}", flush=True)
                return 1
            if (number + 1) % 20 == 0 or number + 1 == episodes:
                run.summary(number + 1)
    finally:
        run.cluster.command("down")
    subprocess.run(["rm", "-rf", folder], check=False)
    return 1 if run.agreed and max(run.agreed) > CONVERGENCE_GOAL else 0


sys.exit(main())
