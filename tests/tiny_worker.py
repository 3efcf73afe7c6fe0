"""Trains a tiny phase as one of several workers, or alone: a process of its own.

    python tiny_worker.py DIRECTORY [SETTING=VALUE ...]

It trains where the variables of the environment name other workers, together with them.
`DIRECTORY/0` is the run of the first worker. Besides settings of the phase, there are
`wait`, and `sleep`, which makes each update take so many seconds.
"""

import json
import shutil
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from cnnxfer.cli.terminal import print_error
from cnnxfer.errors import CnnxferError
from cnnxfer.keras_backend import import_tensorflow_quietly


def main(directory: Path, settings: dict[str, Any]) -> None:
    from tiny_phase import SETTINGS, VALIDATION, TinyNetwork, tiny_setup

    from cnnxfer.runs import Run
    from cnnxfer.training.loop.loop import fit
    from cnnxfer.training.loop.recorders import recorder_for
    from cnnxfer.training.loop.session import Session
    from cnnxfer.training.optimization.devices import prepare_devices
    from cnnxfer.training.workers.cluster import find_cluster
    from cnnxfer.training.workers.joining import join, part

    wait, sleep = settings.pop("wait", 60), settings.pop("sleep", 0)
    if cluster := find_cluster():
        join(cluster, wait)
    devices = prepare_devices("all", together=True)
    rank = devices.workers.rank if devices.workers else 0
    path = directory / str(rank)
    if devices.workers:
        devices.workers.retry = "cnnxfer resume runs/tiny"
        devices.workers.gathered("there")
        if rank and (directory / "0" / "checkpoints").exists():  # as `share` does it
            shutil.copytree(directory / "0", path, dirs_exist_ok=True)
        devices.workers.gathered("copied")
    setup = replace(tiny_setup(path, batch=12), devices=devices)
    if not (path / "receipt.json").exists():
        Run(path).update_receipt(phase="fine_tune")
    trained = TinyNetwork(setup)
    recorder = recorder_for(setup, Run(path), trained.classifier)
    checkpoint = recorder.last_checkpoint()
    session = Session(
        setup,
        "fine_tune",
        replace(SETTINGS, epochs=4, **settings),
        trained,
        recorder,
        checkpoint=checkpoint,
    )
    update = session.stepper.update

    def slow_update(number: int, rate: float) -> tuple[float, float]:
        time.sleep(sleep)
        return update(number, rate)

    session.stepper.update = slow_update  # type: ignore[method-assign]
    if not checkpoint:
        session.set_initial_score(replace(session.score(0), figures={"accuracy": 0.0}))
    fit(session)
    assert len(session.validation_targets) == VALIDATION
    part()


if __name__ == "__main__":
    import_tensorflow_quietly()
    typed = (argument.split("=") for argument in sys.argv[2:])
    try:
        main(Path(sys.argv[1]), {name: json.loads(text) for name, text in typed})
    except CnnxferError as error:
        print_error(str(error))
        sys.exit(error.exit_code)
