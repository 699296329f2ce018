"""workloads/sweeps/cluster/kubernetes.yaml without a cluster: is it what Kubernetes accepts, and do its pods do what
one process would?

  python3 -B Tests/Benchmarks/kubernetes.py PATH-TO-QUORUMETER

Validates every document against the schemas of Kubernetes (PyPI's kubernetes-validate, installed into a folder for
temporary files; they come with the package), then runs the container's command once for each index, with the variables that the
manifest and Kubernetes set, into one folder in place of the volume, in any order. The results must be those of one run, byte for byte.
Exit code 4 when the package cannot be installed.
"""

import filecmp
import os
import random
import subprocess
import sys
import tempfile
import venv

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MANIFEST = os.path.join(ROOT, "workloads/sweeps/cluster/kubernetes.yaml")
# Since 1.29 backoffLimitPerIndex needs no feature gate.
VERSIONS = ["1.29", "1.31", "1.33"]


def install(folder):
    """The Python of a new environment that has the validator."""
    venv.create(folder, with_pip=True)
    python = os.path.join(folder, "bin/python")
    done = subprocess.run([python, "-m", "pip", "-q", "install", "kubernetes-validate"])
    if done.returncode != 0:
        print("kubernetes.py: kubernetes-validate cannot be installed", file=sys.stderr)
        sys.exit(4)
    return python


CHECK = """
import json, sys, yaml, kubernetes_validate
documents = list(yaml.safe_load_all(open(sys.argv[1])))
for version in sys.argv[2:]:
    for document in documents:
        kubernetes_validate.validate(document, version, strict=True)
print(json.dumps(documents))
"""


def validate(python):
    """The documents of the manifest, which every version accepts without an unknown field."""
    import json

    done = subprocess.run(
        [python, "-c", CHECK, MANIFEST] + VERSIONS, stdout=subprocess.PIPE, text=True, check=True)
    documents = json.loads(done.stdout)
    print(f"{len(documents)} documents are valid in Kubernetes {', '.join(VERSIONS)}")
    return documents


def sweep(program, words, folder, variables=None):
    """Runs the container's command with the volume at `folder`."""
    assert words[0] == "quorumeter" and words[1] == "sweep", words
    place = words.index("--out") + 1
    words = words[:place] + [folder] + words[place + 1:]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("JOB_COMPLETION")}
    environment.update(variables or {})
    subprocess.run(
        [program] + words[1:], cwd=ROOT, env=environment, check=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def main():
    program = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        documents = validate(install(os.path.join(folder, "venv")))
        spec = next(d for d in documents if d["kind"] == "Job")["spec"]
        container = spec["template"]["spec"]["containers"][0]
        variables = {v["name"]: v["value"] for v in container["env"]}
        mounts = {m["mountPath"] for m in container["volumeMounts"]}
        words = container["command"]
        assert words[words.index("--out") + 1] in mounts, "results go to no volume"
        indices = list(range(spec["completions"]))
        random.Random(7).shuffle(indices)
        shared = os.path.join(folder, "results")
        for index in indices:
            sweep(program, words, shared, dict(variables, JOB_COMPLETION_INDEX=str(index)))
        # A pod that is started again has nothing left to do.
        sweep(program, words, shared, dict(variables, JOB_COMPLETION_INDEX="0"))
        alone = os.path.join(folder, "alone")
        sweep(program, words, alone)
        names = sorted(os.listdir(os.path.join(alone, "cells")))
        assert names == sorted(os.listdir(os.path.join(shared, "cells")))
        for name in names:
            for file in os.listdir(os.path.join(alone, "cells", name)):
                pair = [os.path.join(top, "cells", name, file) for top in (alone, shared)]
                assert filecmp.cmp(*pair, shallow=False), pair
        print(f"{len(names)} cells in {len(indices)} pods: the same as those of one run, byte for byte")


main()
