#!/bin/bash
# One job with many ranks: sbatch cluster/slurm-one-job.sh SWEEP.toml OUTPUT
# After a lost node, a time limit or a full disk, submit the same command again; no case is solved twice.
#SBATCH --job-name=spinepnp
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=32
#SBATCH --cpus-per-task=1
#SBATCH --mem-per-cpu=3G
#SBATCH --time=08:00:00
#SBATCH --signal=TERM@120
#SBATCH --output=spinepnp-%j.log
set -euo pipefail

sweep=${1:?the sweep file} output=${2:?the directory of the results}
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}

# The locked MPICH uses the protocol PMI-2; without it each rank may act as a separate job (docs/cluster.md).
srun --mpi="${SLURM_MPI_TYPE:-pmi2}" --cpu-bind=cores spinepnp batch "$sweep" --output "$output"
