#!/bin/bash
# Runs workloads/sweeps/cluster/slurm.sh as an array on a Slurm of one machine that is started here in a folder of
# its own and ended by process id, and compares the shards' results with those of one run, byte for byte.
#
#   Tests/Benchmarks/slurm.sh PATH-TO-QUORUMETER
#
# Needs root, and Debian's slurmctld, slurmd, slurm-client and munge. Exit code 4 when one is missing.
set -euo pipefail
program=$(realpath "${1:?usage: slurm.sh PATH-TO-QUORUMETER}")
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
PATH=$PATH:/usr/sbin
for tool in munged slurmctld slurmd sbatch sinfo; do
  command -v "$tool" >/dev/null || { echo "slurm.sh: there is no $tool" >&2; exit 4; }
done
[ "$(id -u)" = 0 ] || { echo "slurm.sh: slurmd must be started by root" >&2; exit 4; }

folder=$(mktemp -d)
pids=()
finish() {
  for ((i = ${#pids[@]} - 1; i >= 0; i--)); do kill "${pids[i]}" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$folder"
}
trap finish EXIT
chmod 755 "$folder"
mkdir -m 755 "$folder/bin" "$folder/munge" "$folder/state" "$folder/spool"
ln -s "$program" "$folder/bin/quorumeter"
dd if=/dev/urandom of="$folder/munge/key" bs=1024 count=1 status=none
chmod 400 "$folder/munge/key"
munged --foreground --force --socket "$folder/munge/socket" --key-file "$folder/munge/key" \
  --log-file "$folder/munge/log" --pid-file "$folder/munge/pid" --seed-file "$folder/munge/seed" \
  >/dev/null 2>&1 &
pids+=($!)

port() { python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])'; }
host=$(hostname -s)
cat >"$folder/slurm.conf" <<EOF
ClusterName=quorumeter
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$(port)
SlurmdPort=$(port)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/munge/socket
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/ctld.pid
SlurmdPidFile=$folder/d.pid
SlurmctldLogFile=$folder/ctld.log
SlurmdLogFile=$folder/d.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
EOF
export SLURM_CONF=$folder/slurm.conf
for _ in $(seq 100); do [ -S "$folder/munge/socket" ] && break; sleep 0.1; done
slurmctld -D -c >/dev/null 2>&1 &
pids+=($!)
slurmd -D -c >/dev/null 2>&1 &
pids+=($!)
for _ in $(seq 200); do sinfo -h -t idle -o %n 2>/dev/null | grep -q . && break; sleep 0.1; done
sinfo -h -t idle -o %n | grep -q . || { tail -5 "$folder"/*.log >&2; exit 4; }
echo "slurm $(slurmd -V | cut -d' ' -f2) is up with $(sinfo -h -o '%D node(s), %c core(s)')"

cat >"$folder/sweep.yaml" <<EOF
nodes: 5
where: simulation
seed: 42
matrix: {n: 3, r: all, w: all, network: wan, workload: $PWD/workloads/workloada}
load: {clients: 16, target: 1000, duration: 2s, operations: 2000, records: 20}
EOF
PATH=$folder/bin:$PATH sbatch --wait --array=0-3 --output="$folder/job-%a.log" --export=ALL \
  workloads/sweeps/cluster/slurm.sh "$folder/sweep.yaml" "$folder/array"
grep -h "cells; about" "$folder"/job-*.log
"$program" sweep "$folder/sweep.yaml" --out "$folder/alone" >/dev/null 2>&1
for cell in "$folder"/alone/cells/*; do
  cmp "$cell/result.json" "$folder/array/cells/$(basename "$cell")/result.json"
done
"$program" report "$folder/array" --format csv --out - | tail -n +2 | wc -l | grep -qx 9
echo "9 cells in 4 tasks: the same as those of one run, byte for byte"
