#!/usr/bin/env bash
#SBATCH --job-name=eqflow-merge
#SBATCH --cpus-per-task=1
#SBATCH --mem=4G
#SBATCH --output=eqflow-merge-%j.log

# Merges the shards that the tasks of slurm.sh have drawn, with the same settings. It depends on the
# tasks by afterany. With afterok Slurm would never start it after a failed task, and would tell
# nobody. It names the missing shards instead, the last line of their logs, and the command that
# draws them.
set -uo pipefail

wrong_input=2 # eqflow's exit code for what another try would not mend

refuse() {
  echo "eqflow merge on $(uname -n): $*" >&2
  exit "$wrong_input"
}

for setting; do
  case $setting in
    MODEL=* | SAMPLES=* | SEED=* | SHARDS=* | OUT=* | EQFLOW=* | BACKEND=* | SUBMITTED_ON=* | ARRAY=* | AGAIN=*)
      export "${setting?}" ;;
    *) refuse "$setting is no setting; give SHARDS, OUT or EQFLOW, as SHARDS=8" ;;
  esac
done
if [ $# = 0 ] && [ "${SLURM_EXPORT_ENV:-ALL}" = NONE ]; then
  refuse "--export=NONE hides SHARDS, OUT and so on; give them as arguments: slurm-merge.sh SHARDS=16 OUT=campaign"
fi
shards=${SHARDS:-16} out=${OUT:-campaign}

read -ra eqflow <<<"${EQFLOW:-eqflow}"
if ! command -v "${eqflow[0]}" >/dev/null; then
  refuse "there is no program ${eqflow[0]} here (PATH=$PATH); put it on a disk that all nodes share:" \
    "EQFLOW=/path/eqflow"
elif [ ! -d "$out" ]; then
  refuse "the folder $out is ${SUBMITTED_ON:+on $SUBMITTED_ON, and }not here; choose one that all nodes share:" \
    "OUT=/path/campaign"
fi

# Indices as sbatch --array takes them: 3,7-9.
missing='' before='' start='' last=-2 count=0 files=()
for ((i = 0; i < shards; i++)); do
  if [ -e "$out/samples-$i.npz" ]; then
    files+=("$out/samples-$i.npz")
    continue
  fi
  if [ "$i" != $((last + 1)) ]; then start=$i before=$missing; fi
  missing=${before:+$before,}$start
  if [ "$i" != "$start" ]; then missing+=-$i; fi
  last=$i count=$((count + 1))
  log=eqflow-${ARRAY:-}-$i.log
  if [ "$count" -le 10 ] && [ -s "$log" ]; then echo "shard $i, $log: $(tail -n 1 "$log")" >&2; fi
done
if [ "$count" -gt 0 ]; then
  again=${AGAIN:-"sbatch --array=$missing docker/campaign/slurm.sh, and then slurm-merge.sh, both with these settings"}
  refuse "$count of $shards shards are missing: $missing. The others stay. Draw these with: $again"
fi
exec "${eqflow[@]}" merge "${files[@]}" --out "$out/samples.npz" --force
