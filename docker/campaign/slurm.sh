#!/usr/bin/env bash
#SBATCH --job-name=eqflow
#SBATCH --array=0-15
#SBATCH --cpus-per-task=4
#SBATCH --mem=4G
#SBATCH --time=02:00:00
#SBATCH --requeue
#SBATCH --output=eqflow-%A-%a.log
#SBATCH --signal=B:TERM@60

# A million samples by a job array, a shard for each task:
#
#   id=$(sbatch --parsable docker/campaign/slurm.sh)
#   sbatch --dependency=afterok:"$id" --wrap 'eqflow merge campaign/samples-*.npz --out campaign/samples.npz'
#
# What failed, or ran out of time, is sent again as it is: sbatch --array=3,7 docker/campaign/slurm.sh. Tasks whose shard is
# there end at once.
set -euo pipefail

# The number of shards is part of every shard. SLURM_ARRAY_TASK_COUNT would be 2 when tasks 3 and 7 are sent again.
shards=${SHARDS:-16}

# EQFLOW='apptainer exec eqflow.sif eqflow' for the image of docker/Dockerfile.
read -ra eqflow <<<"${EQFLOW:-eqflow}"

out=${OUT:-campaign}
mkdir -p "$out"
exec "${eqflow[@]}" sample --model "${MODEL:-model}" -n "${SAMPLES:-1000000}" --seed "${SEED:-1}" \
  --shard "$SLURM_ARRAY_TASK_ID/$shards" --out "$out/samples-$SLURM_ARRAY_TASK_ID.npz"
