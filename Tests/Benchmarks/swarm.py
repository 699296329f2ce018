"""Swarm simulation: seeds by the hundred, each another scenario, for SECONDS (60).

    swarm.py EXECUTABLE [SEED]

SEED is a number or a commit hash; the seeds that follow from it are printed first. Ends with 1,
and the command that replays the run, when a node breaks an invariant, when an acknowledged write
is lost or replicas stay apart although all clocks are right, or when one seed prints two digests
in two processes. Stale reads are no failure here: overlapping quorums do not promise to be
linearizable, and with wrong clocks last-writer-wins may drop acknowledged writes.
"""

import json
import os
import subprocess
import sys
import time

SECONDS = float(os.environ.get("SECONDS", "60"))
STEP = 25
RIGHT_CLOCKS = "delay,loss,duplicate,partition,crash,pause"


def simulate(executable, first, faults):
    words = [executable, "simulate", "--seeds", f"{first}..{first + STEP - 1}", "--faults", faults,
             "--json"]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=600)
    if ended.returncode not in (0, 1):
        sys.exit(f"{' '.join(words)}: exit code {ended.returncode}: {ended.stderr}")
    return json.loads(ended.stdout)["runs"]


def failure(run, faults):
    if run["invariant_violations"]:
        return f"an invariant is broken: {run['invariant_violations']}"
    for model in run["models"]:
        if (faults == RIGHT_CLOCKS and model["model"] in ("durable", "convergent")
                and model["verdict"] == "violated"):
            return f"{model['model']}: {model['counterexample']['explanation']}"
    return None


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    text = sys.argv[2] if len(sys.argv) == 3 else "0"
    first = int(text) if text.isdigit() else int(text[:8], 16)
    print(f"swarm from seed {first} for {SECONDS:.0f} s", flush=True)
    deadline = time.monotonic() + SECONDS
    count = events = 0
    while count == 0 or time.monotonic() < deadline:
        for faults in (RIGHT_CLOCKS, "all"):
            runs = simulate(sys.argv[1], first + count, faults)
            events += sum(run["events"] for run in runs)
            for run in runs:
                wrong = failure(run, faults)
                if wrong:
                    sys.exit(f"seed {run['seed']}: {wrong}\nreplay it: {run['command']}")
            if count == 0:
                digests = [run["digest"] for run in runs]
                again = [run["digest"] for run in simulate(sys.argv[1], first, faults)]
                if digests != again:
                    sys.exit(f"one seed, two digests, from seed {first} on, faults {faults}")
        count += STEP
    print(f"{2 * count} runs, {events} events: every invariant held, no acknowledged write lost "
          "with right clocks, digests repeat")


main()
