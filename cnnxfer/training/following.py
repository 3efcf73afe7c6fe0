"""Several workers that train one run: the first leads, and the others follow.

The first worker has the run. The others get a copy of what the run has begun with, in
a temporary folder, train as a process that resumes it would, and record nothing.
"""

import dataclasses
import hashlib
import tempfile
from pathlib import Path

from cnnxfer.config import Config
from cnnxfer.errors import CnnxferError
from cnnxfer.reporting import Reporter, SilentReporter
from cnnxfer.runs import Run
from cnnxfer.spelling import command
from cnnxfer.stopping import interrupted_by_sigterm
from cnnxfer.training.optimization.devices import prepare_devices
from cnnxfer.training.phase import PHASES
from cnnxfer.training.setup import Setup
from cnnxfer.training.start import set_up
from cnnxfer.training.workers.cluster import Cluster
from cnnxfer.training.workers.files import receive_files, send_files
from cnnxfer.training.workers.joining import END, join, part, reason_to_leave
from cnnxfer.training.workers.workers import Workers

INITIAL = "initial"  # what the run is called whose layers a network begins with
TRAIN = "train"


def share(setup: Setup, run: Run) -> None:
    """Has the other workers, if there are any, train the phase of a run, too.

    Raises:
        RunError: if a worker is lost, or has other images.
    """
    workers = setup.devices.workers
    if not workers:
        return
    workers.retry = command("resume", run.path, devices="all")
    files = _files(run, run.path.name)
    if parent := run.parent:
        files |= _files(parent, parent.path.name)
    initial = run.config.scratch.init
    if initial != "none":
        files |= _files(Run(Path(initial)), INITIAL)
    order = {
        "order": TRAIN,
        "run": run.name,
        "path": str(run.path),
        "retry": workers.retry,
    }
    setup.reporter.info(f"{workers.count} workers train together")
    send_files(workers, order, files)
    workers.require_same(_images_of(setup), "the images")


def follow(cluster: Cluster, wait_seconds: float, reporter: Reporter) -> Path:
    """Takes part in what the first worker trains, until that ends.

    Returns:
        The path of the last run, as the first worker calls it.

    Raises:
        CnnxferError: of any kind, if this worker fails; RunError if another is lost.
    """
    rank = cluster.rank
    reporter.info(
        f"worker {rank} of {cluster.count}: what comes of it is told by worker 0"
    )
    workers = join(cluster, wait_seconds)
    try:
        prepare_devices("all", together=True)
        with tempfile.TemporaryDirectory(prefix="cnnxfer-") as directory:
            path = Path()
            while found := _obey(workers, Path(directory)):
                path = found
        part()
    except BaseException as error:
        workers.leave(reason_to_leave(error))
        if isinstance(error, CnnxferError):
            raise type(error)(f"worker {rank}: {error}") from error
        raise
    return path


def _obey(workers: Workers, directory: Path) -> Path | None:
    """Trains a phase as the first worker says; returns its run, or None at the end."""
    with interrupted_by_sigterm():
        order = receive_files(workers, directory)
        if order["order"] == END:
            return None
        workers.retry = order["retry"]
        run = Run(directory / order["run"])
        config = _without_places(run.config, directory)
        precision = run.receipt.get("precision", config.precision)
        setup, _ = set_up(run, config, precision, SilentReporter(), retry=workers.retry)
        workers.require_same(_images_of(setup), "the images")
        PHASES.get(run.phase).train(setup, run)
    return Path(order["path"])


def _without_places(config: Config, directory: Path) -> Config:
    """Returns the settings with the places that files have on this worker."""
    if config.scratch.init == "none":
        return dataclasses.replace(config, devices="all")
    scratch = dataclasses.replace(config.scratch, init=str(directory / INITIAL))
    return dataclasses.replace(config, devices="all", scratch=scratch)


def _files(run: Run, name: str) -> dict[str, Path]:
    """Returns what a phase of a run begins with, by the names under a directory."""
    return {
        f"{name}/{path.relative_to(run.path).as_posix()}": path
        for path in run.files_of_training
    }


def _images_of(setup: Setup) -> str:
    """Returns what tells the images that are learned from, and their order."""
    digest = hashlib.sha256()
    for example in (*setup.splits.train, *setup.splits.validation):
        digest.update(example.sha256.encode())
    return digest.hexdigest()
