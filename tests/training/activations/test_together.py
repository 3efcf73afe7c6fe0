"""Which workers see the same store of activations."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from loopback_workers import free_port

from cnnxfer.training.activations.store import ActivationStore
from cnnxfer.training.activations.together import _leaders
from cnnxfer.training.workers.cluster import Cluster
from cnnxfer.training.workers.workers import Workers


def test_of_those_that_see_a_store_the_first_one_leads(tmp_path: Path) -> None:
    port = free_port()
    stores = [ActivationStore(tmp_path / name) for name in "abab"]

    def run(rank: int) -> list[int]:
        workers = Workers(Cluster(rank, 4, "127.0.0.1", port), 60.0)
        return _leaders(workers, stores[rank])

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(run, range(4))) == [[0, 1, 0, 1]] * 4
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
