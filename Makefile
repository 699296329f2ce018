# Everything a developer types. `make check` is what must pass before a commit.
SWIFT    ?= swift
# Jobs of the compiler; the machine need not have more than two cores.
JOBS     ?= 2
# Random cases of the tests follow from it: SEED=... draws others. The swarm draws new runs for
# every commit, whose hash is a valid seed, so that each failure can be repeated.
SEED     ?= 0x5eed
SWARM    := $(if $(filter file undefined,$(origin SEED)),$(shell git rev-parse --verify -q HEAD),$(SEED))
# Random histories a model that `make models` compares with brute force.
CASES    ?= 100000
# Where builds go; give another to keep two builds apart.
SCRATCH  ?= .build
# Decides what strikes in soaks.
SOAK_SEED ?= 8
PACKAGES := libjemalloc-dev libuv1-dev libyaml-dev libxxhash-dev zlib1g-dev libpq-dev \
            libcurl4-openssl-dev libssl-dev pkg-config redis-server redis-tools python3-redis \
            etcd-server postgresql memcached openssl nghttp2-client iproute2 e2fsprogs
# Installed where the distribution has them (Ubuntu has no such Chromium): the test of the report's page
# needs it, and says SKIPPED without.
OPTIONAL := chromium-headless-shell
SOURCES  := Package.swift Sources Tests
RELEASE  := $(SCRATCH)/release/quorumeter

.DEFAULT_GOAL := help
.PHONY: help deps build demo reports test check format lint simulate verify guarantees mutants \
        bench-redis bench-quorum bench-etcd bench-load bench-allocations bench-check \
        bench-cluster bench-micro bench-storage simulate-cp episodes-cp coverage \
        models test-slurm test-kubernetes reports-measured bench-relay bench-recovery soak kills partitions \
        both-worlds clean

help:              ## list the targets
	@grep -E '^[a-z-]+:.*##' $(firstword $(MAKEFILE_LIST)) | sed 's/:.*## /\t/' | expand -t 20

deps:              ## install the Debian packages that are missing (asks for sudo unless root)
	@command -v dpkg-query >/dev/null 2>&1 || { \
	  echo "make deps: this is not Debian or Ubuntu (there is no dpkg-query)." >&2; \
	  echo "Install what these packages hold, then build with 'swift build':" >&2; \
	  echo "  $(PACKAGES)" >&2; exit 4; }; \
	missing=; optional=; for package in $(PACKAGES); do \
	  dpkg-query -W -f='$${db:Status-Status}' "$$package" 2>/dev/null | grep -qx installed \
	    || missing="$$missing $$package"; done; \
	for package in $(OPTIONAL); do \
	  dpkg-query -W -f='$${db:Status-Status}' "$$package" 2>/dev/null | grep -qx installed \
	    || optional="$$optional $$package"; done; \
	sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	known() { apt-cache policy "$$1" 2>/dev/null | grep -q 'Candidate: [0-9]'; }; \
	apt() { $$sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq -y "$$@"; }; \
	if [ -n "$$missing" ]; then \
	  echo "make deps: installing$$missing"; \
	  [ -z "$$sudo" ] || command -v sudo >/dev/null 2>&1 || { \
	    echo "make deps: not root, and there is no sudo. As root: apt-get install$$missing" >&2; \
	    exit 4; }; \
	  apt install --no-install-recommends $$missing >/dev/null 2>&1 \
	    || { apt update && apt install --no-install-recommends $$missing >/dev/null; } || exit 4; \
	fi; \
	for package in $$optional; do \
	  known "$$package" || continue; \
	  echo "make deps: installing $$package"; \
	  apt install --no-install-recommends "$$package" >/dev/null 2>&1 \
	    || echo "make deps: going on without $$package" >&2; done

build: deps        ## build the release executable
	$(SWIFT) build -c release --jobs $(JOBS) --scratch-path $(SCRATCH) --product quorumeter

demo: build        ## measure and check nine quorums of a real cluster, under three minutes
	$(RELEASE) sweep workloads/sweeps/demo.yaml

reports: build     ## make the simulated reference reports again; fails when a byte differs
	@for name in quorums-n3 quorums-n5; do \
	  rm -rf reports/$$name/cells; \
	  $(RELEASE) sweep workloads/sweeps/$$name.yaml >/dev/null || exit $$?; done
	git diff --exit-code --stat -- reports

reports-measured: build  ## measure the reference reports of real processes anew (ten minutes)
	@for name in faults peers; do \
	  rm -rf reports/$$name/cells; \
	  $(RELEASE) sweep workloads/sweeps/$$name.yaml || exit $$?; done

test-slurm: build  ## the array job on a Slurm that is started here (root; slurmctld, slurmd, munge)
	Tests/Benchmarks/slurm.sh $(RELEASE)

test-kubernetes: build  ## the indexed job's manifest, validated, and its pods by hand (PyPI)
	python3 -B Tests/Benchmarks/kubernetes.py $(RELEASE)

test: deps         ## unit, property, golden, scripted simulation, tidy and integration tests
	$(SWIFT) build --jobs $(JOBS) --scratch-path $(SCRATCH) --product quorumeter
	SEED=$(SEED) $(SWIFT) test --jobs $(JOBS) --scratch-path $(SCRATCH)

check: lint build test simulate  ## before every commit: format, no warning, tests, a minute of seeds

simulate: build    ## swarm simulation for SECONDS (60); SEED=... repeats one
	python3 -B Tests/Benchmarks/swarm.py $(RELEASE) $(SWARM)

verify: build      ## try the claims that ship with the store
	$(RELEASE) verify workloads/claims/smoke.yaml workloads/claims/quorums.yaml \
	  workloads/claims/textbook.yaml

guarantees: build  ## write docs/GUARANTEES.md from a run of its claims
	QUORUMETER_COMMIT=$$(git rev-parse --short HEAD) $(RELEASE) verify \
	  workloads/claims/guarantees.yaml --guarantees docs/GUARANTEES.md

mutants: deps      ## plant every known bug and print the seeds that find it
	@$(SWIFT) test --jobs $(JOBS) --scratch-path $(SCRATCH) --filter MutantTests 2>&1 \
	  | awk '/^mutant /{printf "%-36s %6s seeds  %s %s %s\n",$$2,$$3,$$4,$$5,$$6; n++} \
	         /✘/{print; bad=1} END{print n " mutants found by random search"; exit bad || !n}'

models: deps       ## CASES (100,000) random histories a model against brute force; SEED=... others
	CASES=$(CASES) SEED=$(SEED) $(SWIFT) test -c release --jobs $(JOBS) --scratch-path $(SCRATCH) --filter \
	  'ConsistencyTests[.](Linear|Refut|Several|Register|CrossKey|Sibling|Online|Metamorphic|JSON|Event|Binary)'

bench-redis: build       ## one node against redis-server: ratios and thresholds
	Tests/Benchmarks/redis.sh $(RELEASE)

bench-quorum: build      ## three nodes, N = 3, R = W = 2, against redis-server
	Tests/Benchmarks/quorum.sh $(RELEASE)

bench-etcd: build        ## three durable nodes in mode cp against a three-node etcd, thresholds
	python3 -B Tests/Benchmarks/etcd.py $(RELEASE)

simulate-cp: build       ## 200,000 seeds each of the linearizable modes (minutes)
	$(RELEASE) verify workloads/claims/linearizable.yaml

episodes-cp: build       ## EPISODES (200) of kills, pauses, partitions, clock steps in mode cp
	python3 -B Tests/Benchmarks/episodes.py $(RELEASE) cp

bench-allocations: build ## allocations per operation in the steady state
	Tests/Benchmarks/allocations.sh $(RELEASE)

bench-micro: deps        ## simulator, checker and hot path in one process, with their goals
	$(SWIFT) run -c release --jobs $(JOBS) --scratch-path $(SCRATCH) benchmarks

bench-cluster: deps      ## membership of 1,000 nodes; mending a replica that missed 100,000 writes
	$(SWIFT) run -c release --jobs $(JOBS) --scratch-path $(SCRATCH) benchmarks cluster

bench-storage: deps      ## memory a key, table, index and recovery (a minute, 3 GiB)
	$(SWIFT) run -c release --jobs $(JOBS) --scratch-path $(SCRATCH) benchmarks storage

bench-check: deps        ## the checker on 10^7 operations, with its goals (two minutes)
	$(SWIFT) run -c release --jobs $(JOBS) --scratch-path $(SCRATCH) benchmarks check

coverage: deps     ## line coverage of the sources by the tests
	$(SWIFT) test --jobs $(JOBS) --scratch-path $(SCRATCH)/coverage --enable-code-coverage
	@python3 -B Tests/Benchmarks/coverage.py \
	  "$$($(SWIFT) test --scratch-path $(SCRATCH)/coverage --show-codecov-path)"

bench-load: build  ## the load generator against redis-benchmark, and its exactness
	python3 Tests/Benchmarks/load.py $(RELEASE)

format:            ## rewrite the sources to the format
	$(SWIFT) format --in-place --parallel --recursive $(SOURCES)

lint:              ## check format and naming, change nothing
	$(SWIFT) format lint --strict --parallel --recursive $(SOURCES)

bench-relay: deps        ## what the relay between nodes of a local cluster costs
	$(SWIFT) run -c release --jobs $(JOBS) --scratch-path $(SCRATCH) benchmarks relay

bench-recovery: build    ## how long a node takes to recover 1 GiB of log
	python3 -B Tests/Benchmarks/recovery.py $(RELEASE)

soak: build        ## ten minutes of mixed faults on a local cluster; summary in reports/soak
	$(RELEASE) soak --duration 10m --seed $(SOAK_SEED) --out reports/local/soak
	mkdir -p reports/soak
	cp reports/local/soak/summary.txt reports/local/soak/soak.json reports/local/soak/plan.yaml \
	  reports/soak/
	sed -i 's#reports/local/soak/#reports/soak/#g' reports/soak/summary.txt reports/soak/soak.json

kills: build       ## 500 times kill -9 of one to all nodes under load (seven minutes)
	$(RELEASE) soak --duration 360s --seed $(SOAK_SEED) --faults workloads/faults/kills.yaml \
	  --target 1000 --out reports/local/kills

partitions: build  ## EPISODES (100) of partitions: cp linearizable, lww agrees within 30 s
	python3 -B Tests/Benchmarks/episodes.py $(RELEASE) partitions

both-worlds: build ## the same claims and faults in simulation and on real processes
	$(RELEASE) verify workloads/claims/both-worlds.yaml
	$(RELEASE) verify workloads/claims/both-worlds.yaml --where processes

clean:             ## remove what was built
	rm -rf $(SCRATCH)
