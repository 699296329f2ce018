#!/usr/bin/env bash
# make bench-quorum: see bench.py.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
exec python3 -B Tests/Benchmarks/bench.py quorum "${1:-.build/release/quorumeter}"
