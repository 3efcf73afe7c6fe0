"""The textbook's script and commands of cnnxfer, each as a whole process."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.lib.processes import Finished, run_process
from bench.lib.shared import shared_dir

# As the shared script calls what it knows.
SHARED_NAMES = {
    "mobilenet-0.25": "mobilenet_0.25",
    "resnet50": "resnet50",
    "vgg16": "vgg16",
    "xception": "xception",
}


@dataclass(frozen=True)
class Training:
    """A training that has ended well.

    Attributes:
        process: the whole process.
        document: the JSON that it printed.
    """

    process: Finished
    document: dict[str, Any]


@dataclass(frozen=True)
class Workplace:
    """A folder with a cache and runs of cnnxfer's own.

    Attributes:
        folder: the folder.
        module: what is run with commands of cnnxfer.
    """

    folder: Path
    module: str = "cnnxfer"

    def run(self, command: str, *arguments: str) -> Training:
        """Runs a command of cnnxfer with `--json`."""
        process = run_process(
            [sys.executable, "-m", self.module, command, "--json", *arguments],
            {
                "CNNXFER_CACHE": str(self.folder / "cache"),
                "CNNXFER_RUNS": str(self.folder / "runs"),
            },
        )
        return Training(process, json.loads(process.output))


def run_textbook(
    backbone: str, *, weights: str, epochs: int, seed: int, tune_epochs: int = 0
) -> Training:
    """Trains in the textbook's way with tf_flowers.

    The shared script does this if it is on this machine, knows the backbone and the
    weights are random. Otherwise `textbook_training.py` does it, which prints the same
    document.

    Args:
        backbone: the name of a backbone of the catalog.
        weights: "imagenet" or "none".
        epochs: the number of epochs in which the head alone learns.
        seed: the seed of everything that is random.
        tune_epochs: the number of epochs of fine-tuning, in which all layers learn; 0
            for no fine-tuning.
    """
    shared = shared_dir()
    if shared and weights == "none" and backbone in SHARED_NAMES:
        command = [str(shared / "bench" / "textbook.py")]
        command += ["--backbone", SHARED_NAMES[backbone]]
        command += ["--data-dir", os.environ["TFDS_DATA_DIR"]]
    else:
        command = ["-m", "bench.lib.textbook_training", "--backbone", backbone]
    command += ["--weights", weights, "--epochs", str(epochs), "--seed", str(seed)]
    command += ["--tune-epochs", str(tune_epochs)]
    process = run_process([sys.executable, *command])
    return Training(process, json.loads(process.output.splitlines()[-1]))
