#!/bin/bash
# Trains one run on several machines of SLURM, a worker for each GPU (or each machine):
#
#   sbatch --nodes 4 slurm.sh train /shared/photos --backbone resnet50
#   sbatch --nodes 2 slurm.sh resume photos-1        # also on another number of nodes
#
# srun starts the same command everywhere; cnnxfer finds the others by the variables of
# SLURM. Runs and what is computed once lie in a folder that all machines see.
#SBATCH --job-name=cnnxfer
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --time=24:00:00
#SBATCH --signal=TERM@120
#SBATCH --output=cnnxfer-%j.log
# With GPUs, a worker each: --ntasks-per-node=8 --gpus-per-task=1
set -euo pipefail

shared=${CNNXFER_SHARED_DIR:-$SLURM_SUBMIT_DIR}
export CNNXFER_RUNS=${CNNXFER_RUNS:-$shared/runs}
export CNNXFER_CACHE=${CNNXFER_CACHE:-$shared/cache}
export OMP_NUM_THREADS=${SLURM_CPUS_PER_TASK:-1}

# Two minutes before the time is up SLURM sends SIGTERM, and cnnxfer saves its state.
exec srun --kill-on-bad-exit=1 cnnxfer "$@" --devices all --wait 10m
