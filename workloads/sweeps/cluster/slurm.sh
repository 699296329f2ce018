#!/bin/sh
# A sweep as a Slurm array: every task measures its part of the cells into one shared folder.
#
#   sbatch --array=0-7 workloads/sweeps/cluster/slurm.sh workloads/sweeps/quorums-n5.yaml
#   quorumeter report results/quorums-n5        # when the array has ended
#
# The part of a task follows from SLURM_ARRAY_TASK_ID, _MIN and _COUNT; the array must be without
# gaps. A task that is run again goes on where it was. Cells of real processes need a node of
# their own, hence --exclusive; simulated ones do not.
#SBATCH --job-name=quorumeter-sweep
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --exclusive
#SBATCH --time=02:00:00
set -eu
file=${1:?usage: slurm.sh SWEEP-FILE [FOLDER]}
name=$(basename "$file" .yaml)
exec quorumeter sweep "$file" --out "${2:-results/$name}"
