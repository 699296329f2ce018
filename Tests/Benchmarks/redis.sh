#!/usr/bin/env bash
# make bench-redis: see bench.py.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
exec python3 -B Tests/Benchmarks/bench.py redis "${1:-.build/release/quorumeter}"
