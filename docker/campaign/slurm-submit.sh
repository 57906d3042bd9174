#!/usr/bin/env bash
# Submits a campaign to Slurm: the tasks of slurm.sh whose shards are missing, and their merge.
# First it checks what Slurm would refuse without a reason, or hold for ever without a word.
#
#   docker/campaign/slurm-submit.sh MODEL=model SAMPLES=1000000 --partition=cpu --time=2:00:00
#
# Settings, from the environment or as arguments:
#
#   MODEL    the model's folder (model)           SHARDS   number of tasks (16)
#   SAMPLES  number of all samples (1000000)      OUT      folder for the shards (campaign)
#   SEED     (1)                                  EQFLOW   the program (eqflow)
#   BACKEND  (auto)
#
# Other arguments go to sbatch, for the tasks and for the merge. After a failure the same command
# submits again what is missing.
set -uo pipefail

refuse() {
  echo "slurm-submit: $*" >&2
  exit 2
}

again=$(printf ' %q' "$0" "$@")
here=$(cd "$(dirname "$0")" && pwd)
options=()
for argument; do
  case $argument in
    -h | --help)
      sed -n '2,/^set/s/^# \{0,1\}//p' "$0"
      exit 0
      ;;
    MODEL=* | SAMPLES=* | SEED=* | SHARDS=* | OUT=* | EQFLOW=* | BACKEND=*) export "${argument?}" ;;
    -a* | --array*) refuse "$argument: the tasks are those whose shards are missing; set SHARDS, as SHARDS=8" ;;
    -*) options+=("$argument") ;;
    *=*)
      refuse "$argument is no setting; give MODEL, SAMPLES, SEED, SHARDS, OUT, EQFLOW or BACKEND" ;;
    *) options+=("$argument") ;;
  esac
done
model=${MODEL:-model} samples=${SAMPLES:-1000000} seed=${SEED:-1} shards=${SHARDS:-16} out=${OUT:-campaign}

# option prints the value of an option of sbatch: its long name, its letter, its variable.
option() {
  local value=${!3:-} i
  for ((i = 0; i < ${#options[@]}; i++)); do
    case ${options[i]} in
      "--$1="*) value=${options[i]#*=} ;;
      "--$1" | "-$2") value=${options[i + 1]:-} ;;
      "-$2"*) value=${options[i]#-"$2"} ;;
    esac
  done
  echo "$value"
}

# minutes converts a time of Slurm: minutes, minutes:seconds, hours:minutes:seconds,
# days-hours[:minutes[:seconds]]. It prints nothing for no limit.
minutes() {
  local days='' fields
  case $1 in *-*) days=${1%%-*} ;; esac
  IFS=: read -ra fields <<<"${1#*-}"
  case $days:${#fields[@]}:$1 in
    *[!0-9:-]*) ;; # infinite, or no time
    :1:*) echo $((10#${fields[0]})) ;;
    :2:*) echo $((10#${fields[0]} + (10#${fields[1]} > 0))) ;;
    :3:*) echo $((60 * 10#${fields[0]} + 10#${fields[1]} + (10#${fields[2]} > 0))) ;;
    *)
      echo $((1440 * 10#$days + 60 * 10#${fields[0]} + 10#${fields[1]:-0} + (10#${fields[2]:-0} > 0))) ;;
  esac
}

check_settings() {
  local name
  command -v sbatch >/dev/null || refuse "there is no sbatch here; run this on a machine that submits to Slurm"
  for name in samples shards; do
    [[ ${!name} =~ ^[1-9][0-9]{0,8}$ ]] || refuse "${name^^}=${!name}: give a number from 1 to 999999999"
  done
  [[ $seed =~ ^[0-9]+$ ]] || refuse "SEED=$seed: give a whole number, 0 or more"
  [ "$samples" -ge "$shards" ] || refuse "SAMPLES=$samples leave some of SHARDS=$shards empty; give fewer shards"
  [ -f "$model/model.npz" ] || refuse "there is no model in $model; train one, or name its folder: MODEL=/path/model"
  model=$(cd "$model" && pwd)
  read -ra eqflow <<<"${EQFLOW:-eqflow}"
  program=$(command -v "${eqflow[0]}") ||
    refuse "there is no program ${eqflow[0]} in PATH; build it with go build -o eqflow ./cmd/eqflow, and give" \
      "EQFLOW=$PWD/eqflow"
  case $program in /*) ;; */*) program=$(cd "$(dirname "$program")" && pwd)/$(basename "$program") ;; esac
  eqflow[0]=$program
  if ! mkdir -p "$out" || [ ! -w "$out" ]; then
    refuse "nothing can be written to the folder $out; choose another: OUT=/path/campaign"
  fi
  out=$(cd "$out" && pwd)
}

# check_cluster compares the job with what the cluster takes.
check_cluster() {
  local config partition partitions time most
  partitions=$(sinfo --noheader --format=%R | sort -u | paste -sd' ')
  config=$(scontrol show config) || refuse "Slurm's controller does not answer; ask the cluster's administrators"
  most=$(awk '$1 == "MaxArraySize" {print $3}' <<<"$config")
  if [ "${most:-0}" -gt 0 ] && [ "$shards" -gt "$most" ]; then
    refuse "SHARDS=$shards, and job arrays here have at most $most tasks (MaxArraySize); give SHARDS=$most or fewer"
  fi
  partition=$(option partition p SBATCH_PARTITION)
  if [ -z "$partition" ]; then
    partition=$(sinfo --noheader --format=%P | sed -n 's/\*$//p' | head -n 1)
    [ -n "$partition" ] || refuse "this cluster has no default partition; give --partition, one of: $partitions"
  fi
  time=$(option time t SBATCH_TIMELIMIT)
  most=$(sinfo --noheader --partition="$partition" --format=%l | sort -u | head -n 1)
  [ -n "$most" ] || refuse "there is no partition $partition; give --partition, one of: $partitions"
  if [ -n "$time" ] && [ -n "$(minutes "$time")" ] && [ -n "$(minutes "$most")" ] &&
    [ "$(minutes "$time")" -gt "$(minutes "$most")" ]; then
    refuse "--time=$time, and the partition $partition allows $most; give --time=$most or less, or none for its" \
      "default. A task that reaches its limit keeps its samples and queues again"
  fi
}

# explain says what to do about a refusal of sbatch, or about a reason why Slurm holds tasks.
explain() {
  local nodes
  nodes=$(sinfo --noheader --format='%R: %c processors, %m MB, %l' | sort -u | paste -sd';')
  case $1 in
    *QOS* | *qos*) echo "give --qos, --time or fewer SHARDS; what you may use: sacctmgr show qos" ;;
    *ccount*)
      echo "give --account; yours: sacctmgr show associations user=$(id -un) format=account,partition" ;;
    *artitionTimeLimit* | *"time limit"*) echo "give a smaller --time; partitions: $nodes" ;;
    *onfiguration* | *artitionNodeLimit* | *artitionConfig* | *emory* | *Mem* | *CPU*)
      echo "give a smaller --mem (4G by default) or --cpus-per-task (4), or --partition; partitions: $nodes" ;;
    *Down* | *DOWN* | *Inactive* | *NotAvail*) echo "see sinfo, and give another --partition" ;;
    *) echo "see man sbatch, and squeue --start" ;;
  esac
}

# The indices of the missing shards, as sbatch --array takes them: 3,7-9.
missing_shards() {
  local i last=-2 start='' before='' missing=''
  for ((i = 0; i < shards; i++)); do
    if [ -e "$out/samples-$i.npz" ]; then continue; fi
    if [ "$i" != $((last + 1)) ]; then start=$i before=$missing; fi
    missing=${before:+$before,}$start
    if [ "$i" != "$start" ]; then missing+=-$i; fi
    last=$i
  done
  echo "$missing"
}

# submit submits a job and prints its number, without the name of the cluster, and without what a
# cluster's filters print.
submit() {
  sbatch --parsable "$@" | tail -n 1 | sed -n 's/^\([0-9]\{1,\}\).*/\1/p' | grep .
}

check_settings
check_cluster
earlier=$(cat "$out/.slurm-job" 2>/dev/null)
if [ -n "$earlier" ] && [ -n "$(squeue --noheader --jobs="$earlier" 2>/dev/null)" ]; then
  refuse "tasks of job $earlier still draw shards into $out; wait for them, or end them with scancel $earlier"
fi
settings=("MODEL=$model" "SAMPLES=$samples" "SEED=$seed" "SHARDS=$shards" "OUT=$out" "EQFLOW=${eqflow[*]}"
  "BACKEND=${BACKEND:-auto}" "SUBMITTED_ON=$(uname -n)")
missing=$(missing_shards)
array='' after=()
if [ -n "$missing" ]; then
  tasks=("${options[@]}" --array="$missing" "$here/slurm.sh" "${settings[@]}")
  if ! said=$(sbatch --test-only "${tasks[@]}" 2>&1); then
    refuse "Slurm refuses the tasks: $(tail -n 1 <<<"$said"); $(explain "$said")"
  fi
  array=$(submit "${tasks[@]}") || refuse "Slurm refuses the tasks; its words stand above"
  echo "$array" >"$out/.slurm-job"
  after=(--dependency=afterany:"$array")
fi
merge=$(submit "${after[@]}" "${options[@]}" --cpus-per-task=1 \
  "$here/slurm-merge.sh" "${settings[@]}" ARRAY="$array" AGAIN="${again# }") ||
  refuse "Slurm refuses the merge; its words stand above. The tasks are submitted: ${array:-none}. After them" \
    "the same command submits the merge alone"
echo "tasks ${array:-none}: shards ${missing:-none, all are there}, logs eqflow-$array-*.log"
echo "merge $merge, after them: $out/samples.npz, log eqflow-merge-$merge.log"

# A task that Slurm holds for good looks like one that waits for its turn.
[ -n "$array" ] || exit 0
sleep 5
for reason in $(squeue --noheader --jobs="$array" --states=PENDING --format=%r | sort -u); do
  case $reason in
    None | Priority | Resources | Dependency | BeginTime | JobArrayTaskLimit | Reservation | Licenses) ;;
    *)
      echo "slurm-submit: Slurm holds the tasks: $reason; $(explain "$reason")." \
        "scancel $array $merge removes them" >&2 ;;
  esac
done
