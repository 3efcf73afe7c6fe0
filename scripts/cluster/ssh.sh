#!/bin/bash
# Trains one run on several machines that ssh reaches, a worker each:
#
#   HOSTS="gpu1 gpu2 gpu3" ./ssh.sh train /shared/photos --devices all
#   HOSTS="gpu1 gpu2" ./ssh.sh resume photos-1 --devices all  # also on another number
#
# The first machine is worker 0, which has the run and says what comes of it. All of
# them have cnnxfer, and the data at the same path. Where /shared is not shared, it is
# enough that each has the images.
set -euo pipefail

read -ra hosts <<<"${HOSTS:?names of machines, the first one with the run}"
port=${PORT:-29500} # free on the first one
ssh=${SSH:-ssh -o BatchMode=yes -tt}
program=${CNNXFER:-cnnxfer}
words=$(printf ' %q' "$program" "$@")

pids=()
stop() { kill "${pids[@]}" 2>/dev/null || true; }
trap stop INT TERM
for rank in "${!hosts[@]}"; do
    variables="RANK=$rank WORLD_SIZE=${#hosts[@]} MASTER_ADDR=${hosts[0]} MASTER_PORT=$port"
    # shellcheck disable=SC2086 # options of ssh are words
    $ssh "${hosts[$rank]}" "cd $(printf %q "$PWD") && $variables exec$words" </dev/null &
    pids+=($!)
done

code=0
for pid in "${pids[@]}"; do
    wait "$pid" || code=$?
done
exit "$code"
