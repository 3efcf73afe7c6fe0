"""A prediction by one process, or by two workers of Ray with half of the cores each.

    python -m bench.predict.ray_run pictures/ --on ray --kill worker

The one line that it prints is JSON: the seconds until the cluster stood, those until
the first answer and until the last, and a hash of all answers. With `--kill`, the
oldest worker or decoder is killed by SIGKILL once a third is answered.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.lib.process_tree import PROC, family

WORKERS = 2
STORE_BYTES = 100 << 20
NAMES = {"worker": "ray::Worker", "decoder": "cnnxfer.data.decoding.child"}


@contextmanager
def two_machines() -> Iterator[None]:
    """Has Ray run here as if the cores were those of two machines."""
    import ray
    from ray.cluster_utils import Cluster

    cores = max(1, len(os.sched_getaffinity(0)) // WORKERS)
    node = {"num_cpus": cores, "object_store_memory": STORE_BYTES}
    head = {**node, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    for _ in range(WORKERS - 1):
        cluster.add_node(**node)
    ray.init(cluster.address, logging_level=logging.ERROR, log_to_driver=False)
    yield
    ray.shutdown()
    cluster.shutdown()


def kill_oldest(name: str) -> None:
    """Kills the oldest process below this one whose command has a name in it."""
    found = [
        pid
        for pid in family(os.getpid())
        if name in (PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace")
    ]
    os.kill(min(found), signal.SIGKILL)


def predict(folder: Path, model: str, on: str, killed: str) -> dict[str, float | str]:
    """Answers for all pictures, and returns what is printed."""
    import cnnxfer

    total = len(list(folder.iterdir()))
    digest = hashlib.sha256()
    first = 0.0
    started = time.perf_counter()
    predictions = cnnxfer.predict(folder, model=model, on=on, reporter=None)
    for number, prediction in enumerate(predictions, start=1):
        first = first or time.perf_counter()
        digest.update(json.dumps(prediction.as_json()).encode())
        if number == total // 3 and killed != "none":
            kill_oldest(NAMES[killed])
    ended = time.perf_counter()
    return {
        "images": total,
        "first_seconds": first - started,
        "answering_seconds": ended - first,
        "sha256": digest.hexdigest(),
    }


def main() -> None:
    """Runs it, and prints its line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="cnnxfer:efficientnet-lite0")
    parser.add_argument("--on", default="here", choices=("here", "ray"))
    parser.add_argument("--kill", default="none", choices=("none", *NAMES))
    options = parser.parse_args()
    started = time.perf_counter()
    if options.on == "here":
        said = predict(options.folder, options.model, "here", options.kill)
    else:
        with two_machines():
            cluster_seconds = time.perf_counter() - started
            said = predict(options.folder, options.model, "ray", options.kill)
        said["cluster_seconds"] = cluster_seconds
    print(json.dumps(said))


if __name__ == "__main__":
    main()
