#!/usr/bin/env bash
#SBATCH --job-name=eqflow
#SBATCH --array=0-15
#SBATCH --cpus-per-task=4
#SBATCH --mem=4G
#SBATCH --time=02:00:00
#SBATCH --requeue
#SBATCH --output=eqflow-%A-%a.log
#SBATCH --signal=B:TERM@60

# A job array draws a million samples, one shard in each task:
#
#   id=$(sbatch --parsable docker/campaign/slurm.sh)
#   sbatch --dependency=afterok:"$id" \
#     --wrap 'eqflow merge campaign/samples-*.npz --out campaign/samples.npz'
#
# To submit tasks again that failed or ran out of time: sbatch --array=3,7 docker/campaign/slurm.sh
# A task whose shard exists ends at once.
set -euo pipefail

# Every shard depends on the number of shards. SLURM_ARRAY_TASK_COUNT would be 2 when tasks 3 and 7
# are submitted again.
shards=${SHARDS:-16}

# For the image of docker/Dockerfile set EQFLOW='apptainer exec eqflow.sif eqflow'.
read -ra eqflow <<<"${EQFLOW:-eqflow}"

out=${OUT:-campaign}
mkdir -p "$out"
exec "${eqflow[@]}" sample --model "${MODEL:-model}" -n "${SAMPLES:-1000000}" --seed "${SEED:-1}" \
  --shard "$SLURM_ARRAY_TASK_ID/$shards" --out "$out/samples-$SLURM_ARRAY_TASK_ID.npz"
