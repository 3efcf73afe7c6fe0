"""Which workers the variables of launchers name."""

import json

import pytest

from cnnxfer.errors import ConfigError
from cnnxfer.training.workers.cluster import Cluster, find_cluster, first_host

ADDRESSES = ("gpu1:2222", "gpu2:2222", "gpu3:2222")


def tf_config(kind: str, index: int, **jobs: list[str]) -> dict[str, str]:
    task = {"type": kind, "index": index}
    return {"TF_CONFIG": json.dumps({"cluster": jobs, "task": task})}


RANKS = {"RANK": "2", "WORLD_SIZE": "4", "MASTER_ADDR": "gpu1", "MASTER_PORT": "29500"}
STEP = {
    "SLURM_JOB_ID": "4321",
    "SLURM_STEP_ID": "1",
    "SLURM_PROCID": "1",
    "SLURM_LOCALID": "1",
    "SLURM_NTASKS": "8",
    "SLURM_STEP_NUM_TASKS": "2",
    "SLURM_STEP_NODELIST": "gpu[003-010,12]",
}


@pytest.mark.parametrize(
    ("environment", "cluster"),
    [
        ({}, None),
        (
            tf_config("worker", 2, worker=list(ADDRESSES)),
            Cluster(2, 3, "gpu1", 2222, ADDRESSES),
        ),
        (
            tf_config("worker", 1, chief=["gpu1:2222"], worker=list(ADDRESSES[1:])),
            Cluster(2, 3, "gpu1", 2222, ADDRESSES),
        ),
        (tf_config("worker", 0, worker=["gpu1:2222"]), None),
        (
            tf_config("worker", 0, worker=["[::1]:5", "[::1]:6"]),
            Cluster(0, 2, "::1", 5, ("[::1]:5", "[::1]:6")),
        ),
        (RANKS, Cluster(2, 4, "gpu1", 29500)),
        (
            {**RANKS, "TORCHELASTIC_RUN_ID": "a", "LOCAL_RANK": "0"},
            Cluster(2, 4, "gpu1", 29501, local_rank=0),
        ),
        ({**RANKS, "WORLD_SIZE": "1", "RANK": "0"}, None),
        (STEP, Cluster(1, 2, "gpu003", 24418, local_rank=1, name="4321.1")),
        # A plain command, whatever is left in its environment.
        ({"LOCAL_RANK": "-1", "SLURM_LOCALID": ""}, None),
        # A batch script, which starts nothing with srun.
        ({"SLURM_JOB_ID": "4321", "SLURM_PROCID": "0", "SLURM_NTASKS": "8"}, None),
    ],
    ids=lambda value: "",
)
def test_each_launcher_s_variables_name_the_workers(
    environment: dict[str, str], cluster: Cluster | None
) -> None:
    assert find_cluster(environment) == cluster


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"TF_CONFIG": "{"}, "TF_CONFIG is '{'; expected {\"cluster\""),
        (tf_config("ps", 0, worker=list(ADDRESSES)), "TF_CONFIG is"),
        (
            tf_config("worker", 3, worker=list(ADDRESSES)),
            "this is worker 3 of 3, as TF_CONFIG say; expected a number from 0 to 2",
        ),
        ({**RANKS, "MASTER_ADDR": ""}, "MASTER_ADDR is not set"),
        ({**RANKS, "MASTER_PORT": "x"}, "MASTER_PORT is 'x'; expected a whole number"),
        ({**RANKS, "MASTER_PORT": "0"}, "worker 0 is at gpu1:0"),
        ({**STEP, "SLURM_STEP_NODELIST": ""}, "Start cnnxfer with srun"),
    ],
    ids=lambda value: "",
)
def test_variables_that_make_no_sense(
    environment: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        find_cluster(environment)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("nodes", "first"),
    [
        ("gpu1", "gpu1"),
        ("gpu1,gpu2", "gpu1"),
        ("gpu[003-010,12],big", "gpu003"),
        ("rack[1,4]-node", "rack1-node"),
        ("a-b[7]", "a-b7"),
    ],
)
def test_the_first_machine_of_slurm_s_list(nodes: str, first: str) -> None:
    assert first_host(nodes) == first
