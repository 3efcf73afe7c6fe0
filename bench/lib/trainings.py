"""The textbook's loop and `cnnxfer train`, each as a whole process."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from photographs import shared_dir
from processes import Finished, run_process

# As the shared script calls what it knows.
TEXTBOOK_NAMES = {
    "mobilenet-0.25": "mobilenet_0.25",
    "resnet50": "resnet50",
    "vgg16": "vgg16",
    "xception": "xception",
}


@dataclass(frozen=True)
class Training:
    """What a training took and came to.

    Attributes:
        process: the whole process.
        val_accuracy: a fraction; the textbook's after its last epoch.
        fit_seconds: of the textbook: without start-up and test.
        test_accuracy: of the textbook: a fraction.
        run: of cnnxfer: its run directory.
        engine: what ran the backbone, and its precision.
    """

    process: Finished
    val_accuracy: float
    fit_seconds: float | None = None
    test_accuracy: float | None = None
    run: str = ""
    engine: str = "keras float32"


def run_textbook(backbone: str, *, weights: str, epochs: int, seed: int) -> Training:
    """Trains a head in the textbook's way with tf_flowers.

    On random weights by the shared script where it is at hand and knows the backbone,
    else by `textbook.py`.

    Args:
        backbone: of the catalog.
        weights: "imagenet" or "none".
        epochs: of the head alone; there is no second phase.
        seed: of all that is random.
    """
    shared = shared_dir()
    if shared and weights == "none" and backbone in TEXTBOOK_NAMES:
        script = shared / "bench" / "textbook.py"
        options = ["--backbone", TEXTBOOK_NAMES[backbone], "--tune-epochs", "0"]
        options += ["--data-dir", os.environ["TFDS_DATA_DIR"]]
    else:
        script = Path(__file__).with_name("textbook.py")
        options = ["--backbone", backbone]
    options += ["--weights", weights, "--epochs", str(epochs), "--seed", str(seed)]
    process = run_process([sys.executable, str(script), *options])
    document: dict[str, Any] = json.loads(process.output.splitlines()[-1])
    frozen = document.get("frozen", document)  # the shared script's name for it
    return Training(
        process,
        frozen["val_accuracy"][-1],
        frozen.get("seconds", frozen.get("fit_seconds")),
        frozen["test_accuracy"],
    )


@dataclass(frozen=True)
class Place:
    """A folder with a cache and runs of cnnxfer's own."""

    folder: Path

    def train(self, *options: str) -> Training:
        """Runs `cnnxfer train`."""
        process = self._run("train", *options)
        document = json.loads(process.output)
        frozen = document["metrics"]["frozen"]
        return Training(
            process,
            frozen["val_accuracy"],
            run=document["run"],
            engine=frozen["engine"],
        )

    def evaluate(self, training: Training) -> float:
        """Returns the accuracy of a run on its test images, a fraction."""
        process = self._run("evaluate", training.run)
        return float(json.loads(process.output)["top1"]["value"])

    def _run(self, command: str, *arguments: str) -> Finished:
        return run_process(
            [sys.executable, "-m", "cnnxfer", command, "--json", *arguments],
            {
                "CNNXFER_CACHE": str(self.folder / "cache"),
                "CNNXFER_RUNS": str(self.folder / "runs"),
            },
        )
