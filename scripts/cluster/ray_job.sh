#!/bin/bash
# Trains one run on the machines of a Ray cluster, a worker each:
#
#   WORKERS=4 CPUS=16 ./ray_job.sh train /shared/photos --devices all
#   WORKERS=4 GPUS=1 ./ray_job.sh resume photos-1 --devices all
#
# Ray places the processes and tells where the first one is; cnnxfer does the rest.
# RAY_ADDRESS names the cluster. A folder that all machines see has data and runs.
set -euo pipefail

program=$(cat <<'PYTHON'
import os, socket, subprocess, sys
import ray, ray.util.scheduling_strategies

def place():
    with socket.create_server(("", 0)) as free:
        return ray.util.get_node_ip_address(), free.getsockname()[1]

def work(rank, count, host, port, words, directory):
    variables = {"RANK": rank, "WORLD_SIZE": count, "MASTER_ADDR": host, "MASTER_PORT": port}
    environment = {**os.environ, **{name: str(value) for name, value in variables.items()}}
    return subprocess.run(["cnnxfer", *words], env=environment, cwd=directory).returncode

count, cpus, gpus, directory, *words = sys.argv[1:]
ray.init()
bundle = {"CPU": float(cpus), **({"GPU": float(gpus)} if float(gpus) else {})}
group = ray.util.placement_group([bundle] * int(count), strategy="SPREAD")
ray.get(group.ready())
def on(rank, function, **options):
    strategy = ray.util.scheduling_strategies.PlacementGroupSchedulingStrategy(group, rank)
    return ray.remote(function).options(scheduling_strategy=strategy, max_retries=0, **options)
needs = {"num_cpus": float(cpus), "num_gpus": float(gpus)}
host, port = ray.get(on(0, place, num_cpus=0).remote())
jobs = [on(rank, work, **needs).remote(rank, count, host, port, words, directory) for rank in range(int(count))]
sys.exit(max(ray.get(jobs)))
PYTHON
)
exec ray job submit -- python -c "$program" "${WORKERS:?how many}" "${CPUS:-1}" "${GPUS:-0}" "$PWD" "$@"
