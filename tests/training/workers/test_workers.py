"""What workers tell each other, and what they do when one of them is lost."""

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from loopback_workers import free_port

from cnnxfer.errors import ConfigError, RunError
from cnnxfer.training.workers import workers as module
from cnnxfer.training.workers.cluster import Cluster
from cnnxfer.training.workers.workers import Workers


def together(
    count: int, work: Callable[[Workers], Any], wait: float = 20.0
) -> list[Any]:
    """Returns what workers return, which are threads here; or the error of each."""
    port = free_port()

    def run(rank: int) -> Any:
        try:
            workers = Workers(Cluster(rank, count, "127.0.0.1", port), wait)
            return work(workers)
        except Exception as error:
            return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


@pytest.fixture(autouse=True)
def _no_process_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "end_at_once", lambda message, code: None)


def test_the_first_worker_decides_and_all_know_what_all_say() -> None:
    def work(workers: Workers) -> list[Any]:
        return [
            workers.agreed({"size": 32 + workers.rank}),
            workers.gathered([workers.rank, 0.1 * workers.rank]),
            [part.tolist() for part in workers.collect(np.arange(workers.rank + 1))],
            workers.collect(np.empty((0, 3))) == [],
        ]

    first, *others = together(3, work)
    values = [[0, 0.0], [1, 0.1], [2, 0.2]]
    assert first == [{"size": 32}, values, [[0], [0, 1], [0, 1, 2]], False]
    assert others == [[{"size": 32}, values, [], True]] * 2


def test_large_arrays_arrive_as_they_were_sent() -> None:
    array = np.random.default_rng(0).normal(size=(3, 700_001)).astype(np.float32)

    def work(workers: Workers) -> bool:
        parts = workers.collect(array + workers.rank)
        return all(np.array_equal(part, array + i) for i, part in enumerate(parts))

    assert together(2, work) == [True, True]


def test_memory_that_runs_out_for_one_runs_out_for_all() -> None:
    def work(workers: Workers) -> str:
        def compute() -> int:
            if workers.rank == 1:
                raise MemoryError
            return workers.rank

        with pytest.raises(MemoryError) as caught:
            workers.computed(compute)
        return str(caught.value)

    assert together(3, work) == ["out of memory: worker 1"] * 3


def test_a_difference_between_workers_is_named() -> None:
    def work(workers: Workers) -> None:
        workers.require_same("a" if workers.rank < 2 else "b", "the images")

    errors = together(3, work)
    message = "the images of worker 2 are not those of worker 0."
    assert [str(error) for error in errors] == [message] * 3


def test_the_others_learn_of_a_worker_that_is_gone_and_what_to_type() -> None:
    def work(workers: Workers) -> Any:
        workers.retry = "cnnxfer resume runs/a"
        workers.gathered(None)
        if workers.rank == 2:
            workers.links[0]._connection.shutdown(socket.SHUT_RDWR)
            return None
        return workers.gathered(None)

    started = time.monotonic()
    *errors, _ = together(3, work)
    assert time.monotonic() - started < 5
    for error in errors:
        assert isinstance(error, RunError)
        assert str(error) == (
            "worker 2 on 127.0.0.1 is gone. Go on with: cnnxfer resume runs/a"
        )


def test_a_worker_that_fails_says_why() -> None:
    def work(workers: Workers) -> Any:
        if workers.rank == 1:
            workers.leave("rose.jpg cannot be decoded.")
            return None
        return workers.gathered(None)

    first, _, third = together(3, work)
    message = "worker 1 has ended: rose.jpg cannot be decoded."
    assert [str(first), str(third)] == [message, message]


def test_one_that_ends_after_the_work_is_no_loss_and_is_missed_if_more_begins() -> None:
    def work(workers: Workers) -> list[Any]:
        found = [workers.gathered(workers.rank)]
        workers.part()
        found.append(workers.gathered(workers.rank))  # they begin something else
        workers.part()
        if workers.rank == 1:
            workers.links[0]._connection.shutdown(socket.SHUT_RDWR)
            return found
        while not workers.links[0].has_ended:
            time.sleep(0.02)
        assert workers._failure is None
        with pytest.raises(RunError, match="have ended"):
            workers.check()
        with pytest.raises(RunError, match="have ended"):
            workers.gathered(workers.rank)
        return found

    assert together(2, work) == [[[0, 1], [0, 1]]] * 2


def test_memory_that_runs_out_in_an_exchange_ends_the_worker() -> None:
    def work(workers: Workers) -> str:
        with pytest.raises(RunError) as caught, workers.in_tensorflow():
            raise MemoryError
        return str(caught.value)

    first, second = together(2, work)
    assert first.startswith("out of memory on worker 0,")
    assert second.startswith("out of memory on worker 1,")


def test_workers_on_the_machine_of_the_first_are_found_by_its_name() -> None:
    port = free_port()

    def run(rank: int) -> tuple[int, str]:
        workers = Workers(Cluster(rank, 3, "localhost", port), 20.0)
        return workers.local_rank, workers.addresses[rank].rpartition(":")[0]

    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(run, range(3)))
    assert found == [(0, "localhost"), (1, "localhost"), (2, "localhost")]


def test_a_worker_that_says_nothing_is_taken_for_dead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "SILENCE_SECONDS", 1.0)
    monkeypatch.setattr(module, "SIGN_OF_LIFE_SECONDS", 0.2)
    silent = threading.Event()

    def work(workers: Workers) -> Any:
        workers.gathered(None)
        if workers.rank == 1:
            monkeypatch.setattr(
                type(workers.links[0]), "send_sign_of_life", lambda link: None
            )
            silent.wait(10)
            return None
        try:
            return workers.gathered(None)
        finally:
            silent.set()

    error, _ = together(2, work)
    assert "worker 1 on 127.0.0.1 has said nothing for" in str(error)


def test_a_worker_that_does_not_come_is_named() -> None:
    cluster = Cluster(0, 3, "127.0.0.1", free_port())
    with pytest.raises(RunError) as caught:
        Workers(cluster, 0.2)
    assert "worker 1 and worker 2 of 3 have not come within 0.2 s" in str(caught.value)
    assert "wait='10m' waits longer" in str(caught.value)
    with pytest.raises(RunError) as caught:
        Workers(Cluster(2, 3, "127.0.0.1", cluster.port), 0.2)
    assert "worker 0 of 3 has not come within 0.2 s; nobody answers at" in str(
        caught.value
    )


def test_two_workers_of_the_same_number() -> None:
    port = free_port()

    def run(rank: int) -> Any:
        try:
            return Workers(Cluster(rank, 3, "127.0.0.1", port), 5.0)
        except Exception as error:
            return error

    with ThreadPoolExecutor(3) as pool:
        first, *_ = pool.map(run, [0, 1, 1])
    assert isinstance(first, ConfigError)
    assert "two processes are worker 1" in str(first)


def test_whatever_else_connects_is_not_listened_to() -> None:
    port = free_port()

    def knock() -> None:
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            try:
                with socket.create_connection(("127.0.0.1", port)) as connection:
                    connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
                    return
            except OSError:
                time.sleep(0.02)

    def run(rank: int) -> Any:
        if rank == 2:
            return knock()
        if rank == 1:
            time.sleep(0.5)
        return Workers(Cluster(rank, 2, "127.0.0.1", port), 10.0).gathered(rank)

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(run, range(3))) == [[0, 1], [0, 1], None]
