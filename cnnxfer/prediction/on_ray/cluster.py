"""A Ray cluster, and a worker on each of its machines."""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from cnnxfer.data.images.source import ImageSource
from cnnxfer.errors import CnnxferError, RunError, first_line
from cnnxfer.prediction.on_ray.blocks import Answer, Block, Slot
from cnnxfer.prediction.on_ray.place import RAY
from cnnxfer.prediction.on_ray.worker import Order, Worker, environment, portable
from cnnxfer.prediction.prediction import Prediction
from cnnxfer.reporting import Reporter, counted
from cnnxfer.tasks.answer import TaskAnswer

# Of the object store of a Ray that is started here; what it holds is small.
STORE_BYTES = 256 << 20
MOST_FAILED_STARTS = 2  # of workers on one machine, one after the other
DIED = "its worker has ended twice, each time with this image"


@dataclass(eq=False)
class _Machine(Slot):
    """A machine, and the worker on it."""

    node: str = ""
    address: str = ""
    cores: int = 1
    worker: Any = None
    checked: Any = None  # the reference to its settings, until these have come
    failed_starts: int = 0
    sent: deque[Any] = field(default_factory=deque)  # a reference for each block


class Cluster:
    """The machines of a cluster as a `Fleet`.

    Attributes:
        slots: the machines that have a worker.
        variants: the engines that have answered, with their precisions.
    """

    def __init__(
        self,
        place: str,
        order: Order,
        expected: dict[str, Any],
        nothing: TaskAnswer,
        reporter: Reporter,
    ) -> None:
        """Connects to a cluster and starts a worker on each machine with cores.

        Args:
            place: what `check_place` has passed.
            order: what the workers open.
            expected: what their settings are to be; see `Worker.open`.
            nothing: the answer to an image that could not be read.
            reporter: told of workers that end.

        Raises:
            RunError: if it cannot be reached, or has no cores.
        """
        self._ray, self._connected = _connect(place)
        self._order, self._expected = order, expected
        self._nothing, self._reporter = nothing, reporter
        self.variants: set[tuple[str, str]] = set()
        self.slots: Sequence[_Machine] = [
            _Machine(
                node=node["NodeID"],
                address=node["NodeManagerAddress"],
                cores=int(node["Resources"]["CPU"]),
            )
            for node in self._ray.nodes()
            if node["Alive"] and node["Resources"].get("CPU", 0) >= 1
        ]
        if not self.slots:
            self.close()
            raise RunError(f"the cluster {place} has no machine with a core.")
        for machine in self.slots:
            self._start(machine)
        cores = sum(machine.cores for machine in self.slots)
        workers = counted(len(self.slots), "worker")
        reporter.info(f"{place}: {workers} with {counted(cores, 'core')}")

    def send(self, slot: Slot, block: Block) -> None:
        """Sends a block; see `Fleet.send`."""
        assert isinstance(slot, _Machine)
        sources = list(map(portable, block.sources))
        slot.sent.append(slot.worker.answers.remote(sources))

    def wait(self) -> tuple[Slot, list[Answer] | None]:
        """Waits for a worker; see `Fleet.wait`."""
        while True:
            asked = {
                reference: machine
                for machine in self.slots
                for reference in (machine.checked or next(iter(machine.sent), None),)
                if reference is not None
            }
            (ready, *_), _ = self._ray.wait(list(asked))
            machine = asked[ready]
            try:
                found = self._ray.get(ready)
            except self._ray.exceptions.RayTaskError as error:
                raise self._own(error, machine) from error
            except self._ray.exceptions.RayError as error:
                self._replace(machine, error)
                return machine, None
            if ready is machine.checked:
                self._check(machine, found)
                machine.checked, machine.failed_starts = None, 0
                continue
            machine.sent.popleft()
            answers, variant = found
            if variant:
                self.variants.add(variant)
            return machine, answers

    def give_up(self, source: ImageSource) -> Answer:
        """Returns the record of an image that has ended workers."""
        self._reporter.warn(f"{source.name}: {DIED}; it is passed over.")
        return [Prediction(source.name, self._nothing, error=DIED)]

    def close(self) -> None:
        """Ends the workers, and leaves the cluster."""
        for machine in self.slots:
            if machine.worker is not None:
                self._ray.kill(machine.worker)
                machine.worker = None
        if self._connected:
            self._ray.shutdown()
            self._connected = False

    def _start(self, machine: _Machine) -> None:
        strategies = self._ray.util.scheduling_strategies
        there = strategies.NodeAffinitySchedulingStrategy(machine.node, soft=False)
        actor = self._ray.remote(Worker).options(
            num_cpus=machine.cores,
            max_restarts=0,
            max_task_retries=0,
            scheduling_strategy=there,
            runtime_env={"env_vars": environment(machine.cores)},
        )
        machine.sent.clear()
        machine.worker = actor.remote(self._order)
        machine.checked = machine.worker.open.remote()

    def _replace(self, machine: _Machine, error: Exception) -> None:
        """Starts another worker in place of one that has ended, or leaves the machine.

        Raises:
            RunError: if no machine is left.
        """
        name = f"the worker on {machine.address}"
        alive = {node["NodeID"] for node in self._ray.nodes() if node["Alive"]}
        machine.failed_starts += machine.checked is not None
        if machine.node in alive and machine.failed_starts < MOST_FAILED_STARTS:
            self._reporter.info(f"{name} has ended; starting another one")
            self._start(machine)
            return
        self.slots = [other for other in self.slots if other is not machine]
        if not self.slots:
            raise RunError(f"{name} has ended, the last one: {first_line(error)}")
        left = counted(len(self.slots), "worker")
        self._reporter.warn(f"{name} has ended and cannot be replaced; {left} go on.")

    def _check(self, machine: _Machine, settings: dict[str, Any]) -> None:
        for name, value in self._expected.items():
            if settings.get(name) != value:
                raise RunError(
                    f"the worker on {machine.address} has another {name}: "
                    f"{settings.get(name)}, and here it is {value}. Give all machines "
                    "the same cnnxfer and the same model."
                )

    def _own(self, error: Any, machine: _Machine) -> Exception:
        """Returns what a worker has raised, or an error that tells where it was."""
        cause: Exception = error.cause
        if isinstance(cause, CnnxferError):
            return type(cause)(f"on {machine.address}: {cause}")
        return RunError(f"the worker on {machine.address} failed: {first_line(cause)}")


def _connect(place: str) -> tuple[Any, bool]:
    """Returns Ray, and whether it was connected here rather than by the caller."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it reports to its makers
    import ray
    import ray.util.scheduling_strategies  # which `ray` does not import by itself

    if ray.is_initialized():
        return ray, False
    silent = {"logging_level": logging.ERROR, "log_to_driver": False}
    try:
        if place != RAY:
            ray.init(place, **silent)
        elif not _joined(ray, silent):
            own = {"object_store_memory": STORE_BYTES, "include_dashboard": False}
            ray.init("local", **own, **silent)
        # It tells of workers that end on stdout, where results are, and asks nobody.
        ray._private.worker.print_to_stdstream = lambda *_, **__: None
    except Exception as error:  # ConnectionError, RuntimeError, gRPC's, ...
        raise RunError(
            f"the cluster {place} cannot be reached: {first_line(error)}. Is it "
            "running? See: ray status"
        ) from error
    return ray, True


def _joined(ray: Any, silent: dict[str, Any]) -> bool:
    """Connects to the cluster that this machine belongs to, if it does to one."""
    try:
        ray.init("auto", **silent)
    except ConnectionError:
        return False
    return True
