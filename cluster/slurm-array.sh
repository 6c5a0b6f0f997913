#!/bin/bash
# A job array whose tasks share one directory: sbatch cluster/slurm-array.sh SWEEP.toml OUTPUT
# Every task runs the same command and takes cases that no other task has taken; a lost task loses only its current case.
#SBATCH --job-name=spinepnp
#SBATCH --array=1-16
#SBATCH --ntasks=4
#SBATCH --cpus-per-task=1
#SBATCH --mem-per-cpu=3G
#SBATCH --time=04:00:00
#SBATCH --signal=TERM@120
#SBATCH --output=spinepnp-%A-%a.log
set -euo pipefail

sweep=${1:?the sweep file} output=${2:?the directory of the results}
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}

# The locked MPICH uses the protocol PMI-2; without it each rank may act as a separate job (docs/cluster.md).
srun --mpi="${SLURM_MPI_TYPE:-pmi2}" --cpu-bind=cores spinepnp batch "$sweep" --output "$output"
