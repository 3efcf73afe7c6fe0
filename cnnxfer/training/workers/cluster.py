"""Which processes train together, as the variables of the environment say.

What starts processes on several machines tells each of them its number, how many there
are, and where the first one is: `TF_CONFIG` (TensorFlow, Kubeflow, Ray Train), `RANK`
and its companions (torchrun, and whatever else sets them), or the variables of SLURM.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from cnnxfer.errors import ConfigError
from cnnxfer.records import parse_json

# SLURM reserves no port for a step, so it follows from the numbers of job and step, far
# from those of the next job. From 32768 on, Linux hands out ports by itself.
SLURM_PORTS = range(20_000, 30_000)
STEP_PORTS = 97
RANKS = (("RANK", "WORLD_SIZE"), ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"))
LOCAL_RANKS = ("LOCAL_RANK", "SLURM_LOCALID", "OMPI_COMM_WORLD_LOCAL_RANK")


@dataclass(frozen=True)
class Cluster:
    """The processes that train together, as one of them sees it.

    Attributes:
        rank: the number of this process, from 0.
        count: how many there are, at least 2.
        host: the name or the address of the machine of the first one.
        port: where the first one listens.
        addresses: `host:port` of each, in order, for TensorFlow; empty if each chooses
            a port of its own.
        local_rank: the number of this process among those of its machine; None if
            nothing tells it.
        name: what tells these workers from others at the same place; "" if nothing.
    """

    rank: int
    count: int
    host: str
    port: int
    addresses: tuple[str, ...] = ()
    local_rank: int | None = None
    name: str = ""


def find_cluster(environment: Mapping[str, str] = os.environ) -> Cluster | None:
    """Returns what the environment says; None if this process trains alone.

    Raises:
        ConfigError: if the variables contradict each other, or name no such process.
    """
    cluster = _found(environment)
    if cluster is None:
        return None
    # Where nothing is trained together, these may be whatever they are.
    name = next((name for name in LOCAL_RANKS if name in environment), None)
    local = _number(environment, name) if name else None
    return replace(cluster, local_rank=local)


def _found(environment: Mapping[str, str]) -> Cluster | None:
    """Returns what the variables of a launcher say, but for `local_rank`."""
    if text := environment.get("TF_CONFIG"):
        return _of_tensorflow(text)
    for rank, count in RANKS:
        if rank in environment and count in environment:
            return _of_ranks(environment, rank, count)
    # A batch script has the variables of its job, too; those of a step are of `srun`.
    if "SLURM_STEP_NUM_TASKS" in environment:
        return _of_slurm(environment)
    return None


def _of_tensorflow(text: str) -> Cluster | None:
    """Reads https://www.tensorflow.org/guide/distributed_training#TF_CONFIG."""
    expected = (
        'expected {"cluster": {"worker": ["host:port", ...]}, '
        '"task": {"type": "worker", "index": 0}}'
    )
    try:
        document: Any = parse_json(text)
        jobs = document.get("cluster") or {}
        chief, workers = jobs.get("chief", []), jobs.get("worker", [])
        addresses = tuple(str(address) for address in (*chief, *workers))
        if len(addresses) < 2:
            return None
        kind, index = document["task"]["type"], int(document["task"]["index"])
        rank = {"chief": index, "worker": len(chief) + index}[kind]
        host, _, port = addresses[0].rpartition(":")
        cluster = Cluster(rank, len(addresses), host.strip("[]"), int(port), addresses)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"TF_CONFIG is {text!r}; {expected}.") from error
    return _checked(cluster, "TF_CONFIG")


def _of_ranks(environment: Mapping[str, str], rank: str, count: str) -> Cluster | None:
    """Reads https://docs.pytorch.org/docs/stable/elastic/run.html and the like."""
    processes = _number(environment, count)
    if processes < 2:
        return None
    for name in ("MASTER_ADDR", "MASTER_PORT"):
        if not environment.get(name):
            raise ConfigError(
                f"{rank} is {environment[rank]} of {count} {processes}, and {name} is "
                "not set. Set MASTER_ADDR to the machine of number 0, and MASTER_PORT "
                "to a port that is free there."
            )
    port = _number(environment, "MASTER_PORT")
    if "TORCHELASTIC_RUN_ID" in environment:  # torchrun itself listens there
        port += 1
    cluster = Cluster(
        _number(environment, rank),
        processes,
        environment["MASTER_ADDR"],
        port,
    )
    return _checked(cluster, f"{rank} and {count}")


def _of_slurm(environment: Mapping[str, str]) -> Cluster | None:
    """Reads https://slurm.schedmd.com/srun.html#SECTION_OUTPUT-ENVIRONMENT-VARIABLES."""
    processes = _number(environment, "SLURM_STEP_NUM_TASKS")
    if processes < 2:
        return None
    nodes = environment.get("SLURM_STEP_NODELIST", "")
    job, step = _number(environment, "SLURM_JOB_ID"), environment.get("SLURM_STEP_ID")
    of_step = STEP_PORTS * int(step) if step and step.isdecimal() else 0
    cluster = Cluster(
        _number(environment, "SLURM_PROCID"),
        processes,
        first_host(nodes),
        SLURM_PORTS[(job + of_step) % len(SLURM_PORTS)],
        name=f"{job}.{step}",
    )
    return _checked(cluster, "SLURM_PROCID and SLURM_STEP_NUM_TASKS")


def first_host(nodes: str) -> str:
    """Returns the first machine of a list of SLURM, such as `gpu[003-010,12],big`.

    Raises:
        ConfigError: if it is not such a list.
    """
    found = re.match(r"([^\s,\[\]]*)(?:\[(\w+)[^\]]*\]([^\s,\[\]]*))?(?:,|$)", nodes)
    if not found or not found[0].strip(","):
        raise ConfigError(
            f"SLURM_STEP_NODELIST is {nodes!r}; expected names such as gpu[003-010]. "
            "Start cnnxfer with srun."
        )
    return "".join(part or "" for part in found.groups())


def _checked(cluster: Cluster, source: str) -> Cluster:
    if not 0 <= cluster.rank < cluster.count:
        raise ConfigError(
            f"this is worker {cluster.rank} of {cluster.count}, as {source} say; "
            f"expected a number from 0 to {cluster.count - 1}."
        )
    if not cluster.host or not 0 < cluster.port < 2**16:
        raise ConfigError(
            f"worker 0 is at {cluster.host}:{cluster.port}, as {source} say; expected "
            "the name of a machine and a port from 1 to 65535."
        )
    return cluster


def _number(environment: Mapping[str, str], name: str) -> int:
    text = environment.get(name, "")
    if not text.isdecimal():
        raise ConfigError(f"{name} is {text!r}; expected a whole number.")
    return int(text)
