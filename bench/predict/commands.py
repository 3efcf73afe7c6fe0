"""The textbook's loop and `cnnxfer predict`, each as a whole process."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from bench.lib.processes import Finished, run_process
from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.backbones.weights import find_weights


@dataclass(frozen=True)
class Textbook:
    """How long the textbook's loop took.

    Attributes:
        process: the whole process.
        images: the number of images that it answered for.
        loop_seconds: the seconds from the first image to the last answer.
        first_seconds: the seconds from the first image to the first answer of
            `model.predict`.
    """

    process: Finished
    images: int
    loop_seconds: float
    first_seconds: float


def run_textbook(
    backbone: str, folder: Path, *, images: int, batch: int = 1
) -> Textbook:
    """Runs `textbook_loop.py` on the first pictures of a folder."""
    process = run_process(
        [
            *(sys.executable, "-m", "bench.predict.textbook_loop", str(folder)),
            *("--backbone", backbone, "--images", str(images), "--batch", str(batch)),
        ]
    )
    said = json.loads(process.output)
    return Textbook(process, images, said["loop_seconds"], said["first_seconds"])


@dataclass(frozen=True)
class PredictCommand:
    """`cnnxfer predict` with a network, and a cache of its own.

    Attributes:
        folder: the folder of the cache, the run and the output.
        backbone: the name of a backbone of the catalog. It has ImageNet weights if
            this machine has them, and random ones otherwise.
    """

    folder: Path
    backbone: str

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that give `cnnxfer` its cache."""
        return {"CNNXFER_CACHE": str(self.folder / "cache")}

    @property
    def output(self) -> Path:
        """The file that `predict` writes."""
        return self.folder / "predictions.jsonl"

    @cached_property
    def model(self) -> str:
        """The value of `--model`: the backbone, or a run with random weights."""
        if find_weights(BACKBONES.get(self.backbone), include_top=True):
            return self.backbone
        command = [sys.executable, "-m", "bench.predict.random_model", self.backbone]
        return run_process([*command, str(self.folder / "runs")]).output.strip()

    def arguments(self, pictures: Path, *options: str) -> list[str]:
        """Returns cnnxfer's arguments for an image or a folder of images."""
        arguments = ["predict", str(pictures), "--model", self.model]
        return [*arguments, "--format", "jsonl", "--out", str(self.output), *options]

    def command(self, pictures: Path, *options: str) -> list[str]:
        """Returns the whole command."""
        return [sys.executable, "-m", "cnnxfer", *self.arguments(pictures, *options)]

    def run(self, pictures: Path, *options: str) -> Finished:
        """Runs the command to its end."""
        return run_process(self.command(pictures, *options), self.environment)

    def records(self) -> Iterator[dict[str, Any]]:
        """Yields what the last run wrote: an object for each image, in order."""
        with self.output.open(encoding="utf-8") as lines:
            yield from map(json.loads, lines)
