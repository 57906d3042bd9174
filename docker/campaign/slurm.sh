#!/usr/bin/env bash
#SBATCH --job-name=eqflow
#SBATCH --array=0-15
#SBATCH --cpus-per-task=4
#SBATCH --mem=4G
#SBATCH --requeue
#SBATCH --signal=B:USR1@120
#SBATCH --open-mode=append
#SBATCH --output=eqflow-%A-%a.log

# The task of a job array that draws a million samples, one shard in each task. slurm-submit.sh
# checks the cluster, submits the tasks that are missing, and submits their merge. By hand:
#
#   id=$(sbatch --parsable docker/campaign/slurm.sh)
#   sbatch --dependency=afterany:"$id" docker/campaign/slurm-merge.sh
#
# Settings come from the environment, or as arguments, which sbatch --export=NONE does not hide:
#
#   sbatch --array=0-7 docker/campaign/slurm.sh SHARDS=8 SAMPLES=500000
#
# Tasks have the time limit of the partition, unless sbatch --time sets one. A task that reaches its
# limit, that is preempted or that fails is queued again, and continues after the samples that it
# has kept. Wrong input is not tried again. A task whose shard exists ends at once.
set -uo pipefail

wrong_input=2 # eqflow's exit code for what another try would not mend
retries=3     # of a task that fails; restarts by Slurm itself count too

refuse() {
  echo "eqflow task ${SLURM_ARRAY_TASK_ID:-?} on $(uname -n): $*" >&2
  exit "$wrong_input"
}

# A signal reaches the script alone, or eqflow too; to eqflow a second SIGTERM is as one.
child='' ending='' signalled=''
pass_on() {
  ending=$1 signalled=yes
  if [ -n "$child" ]; then kill -TERM "$child" 2>/dev/null; fi
}
trap 'pass_on limit' USR1 # the time limit is near
trap 'pass_on stop' TERM

for setting; do
  case $setting in
    MODEL=* | SAMPLES=* | SEED=* | SHARDS=* | OUT=* | EQFLOW=* | BACKEND=* | SUBMITTED_ON=*)
      export "${setting?}" ;;
    *)
      refuse "$setting is no setting; give MODEL, SAMPLES, SEED, SHARDS, OUT, EQFLOW or BACKEND" ;;
  esac
done
if [ $# = 0 ] && [ "${SLURM_EXPORT_ENV:-ALL}" = NONE ]; then
  refuse "--export=NONE hides MODEL, SAMPLES and so on; give them as arguments: slurm.sh MODEL=model SAMPLES=1000"
fi
task=${SLURM_ARRAY_TASK_ID:-}
[ -n "$task" ] || refuse "this is a task of a job array; submit it with docker/campaign/slurm-submit.sh"

# Every shard depends on the number of shards. SLURM_ARRAY_TASK_COUNT would be 2 when tasks 3 and 7
# are submitted again.
shards=${SHARDS:-16}
model=${MODEL:-model}
out=${OUT:-campaign}

# For the image of docker/Dockerfile: EQFLOW='apptainer exec eqflow.sif eqflow'.
read -ra eqflow <<<"${EQFLOW:-eqflow}"
if ! command -v "${eqflow[0]}" >/dev/null; then
  refuse "there is no program ${eqflow[0]} here (PATH=$PATH); put it on a disk that all nodes share:" \
    "EQFLOW=/path/eqflow"
elif [ ! -e "$model" ]; then
  refuse "there is no model $model here, from $PWD; put it on a disk that all nodes share: MODEL=/path/model"
elif [ -n "${SUBMITTED_ON:-}" ] && [ ! -d "$out" ]; then
  refuse "the folder $out is on $SUBMITTED_ON, and not here; choose one that all nodes share: OUT=/path/campaign"
elif ! mkdir -p "$out" || [ ! -w "$out" ]; then
  refuse "nothing can be written to the folder $out; choose another that all nodes share: OUT=/path/campaign"
fi

# Slurm may leave all processors of the node visible.
if [ -n "${SLURM_CPUS_PER_TASK:-}" ]; then export GOMAXPROCS=${GOMAXPROCS:-$SLURM_CPUS_PER_TASK}; fi

shard=$out/samples-$task.npz
kept() { stat -c %Y-%s "$shard.partial" 2>/dev/null; }
kept_before=$(kept)

"${eqflow[@]}" sample --model "$model" -n "${SAMPLES:-1000000}" --seed "${SEED:-1}" \
  --shard "$task/$shards" --out "$shard" --backend "${BACKEND:-auto}" &
child=$!
[ -z "$ending" ] || kill -TERM "$child" # the signal came before the program
while :; do
  signalled=''
  { wait "$child"; } 2>/dev/null # without the shell's own line about a killed program
  code=$?
  [ -n "$signalled" ] || break # a signal ends wait before the program ends
done
if [ "$code" = 0 ] || [ "$code" = "$wrong_input" ]; then exit "$code"; fi

# A task that is cancelled or preempted is no longer running: Slurm itself knows what comes next.
[ "$(squeue --noheader --jobs="$SLURM_JOB_ID" --format=%T 2>/dev/null)" = RUNNING ] || exit "$code"

give_up() {
  echo "eqflow task $task on $(uname -n): exit code $code; $*. Then submit this task again: sbatch --array=$task" >&2
  exit "$code"
}
tries=${SLURM_RESTART_COUNT:-0}
cause='its cause stands above; mend that'
if [ "$code" = 137 ]; then
  cause="it was killed, as out of memory: this task had --mem=${SLURM_MEM_PER_NODE:-?} (MB); give more"
fi
if [ "$ending" = limit ] && [ "$(kept)" = "$kept_before" ]; then
  give_up "the time limit leaves no time for a single block of samples; give a longer --time"
elif [ "$ending" = '' ] && [ "$tries" -ge "$retries" ]; then
  give_up "$cause"
fi
echo "eqflow task $task on $(uname -n): exit code $code after $tries restarts; it is queued again" >&2
scontrol requeue "$SLURM_JOB_ID" || give_up "Slurm does not queue it again"
exec sleep 600 # until Slurm ends this run
