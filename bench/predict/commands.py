"""The textbook's loop and `cnnxfer predict`, each as a whole process."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from photographs import shared_dir
from processes import Finished, run_process

from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.backbones.weights import find_weights

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Textbook:
    """What the textbook's loop took.

    Attributes:
        process: the whole process.
        loop_seconds: from the first picture to the last answer.
        first_seconds: of these, until the first `model.predict` has answered.
        answers: the best class of each picture.
    """

    process: Finished
    loop_seconds: float
    first_seconds: float
    answers: list[str]

    @property
    def startup_seconds(self) -> float:
        """All that is not the loop: imports, the network, the end."""
        return self.process.wall_seconds - self.loop_seconds


def run_textbook(
    backbone: str, folder: Path, *, images: int, batch: int = 1
) -> Textbook:
    """Runs `textbook_predict.py` on the first pictures of a folder."""
    script = str(HERE / "textbook_predict.py")
    options = ["--backbone", backbone, "--images", str(images), "--batch", str(batch)]
    process = run_process([sys.executable, script, str(folder), *options])
    said = json.loads(process.output)
    return Textbook(
        process, said["loop_seconds"], said["first_seconds"], said["answers"]
    )


def is_pretrained(backbone: str) -> bool:
    """Tells whether this machine has the backbone's ImageNet weights."""
    return find_weights(BACKBONES.get(backbone), include_top=True) is not None


@dataclass(frozen=True)
class Ranker:
    """`cnnxfer predict` with a network, and a cache of its own.

    Attributes:
        folder: of the cache, the run and the output.
        backbone: of the catalog; with ImageNet weights if this machine has them, else
            with random ones.
    """

    folder: Path
    backbone: str

    @property
    def environment(self) -> dict[str, str]:
        """Variables that `cnnxfer` finds its cache by."""
        return {"CNNXFER_CACHE": str(self.folder / "cache")}

    @property
    def output(self) -> Path:
        """The file that `predict` writes."""
        return self.folder / "ranked.jsonl"

    @cached_property
    def model(self) -> str:
        """What `--model` is."""
        if is_pretrained(self.backbone):
            return self.backbone
        script, runs_dir = str(HERE / "random_run.py"), str(self.folder / "runs")
        process = run_process([sys.executable, script, self.backbone, runs_dir])
        return process.output.strip()

    def command(self, pictures: Path, *options: str) -> list[str]:
        """Returns the command that ranks a picture or a folder of them."""
        command = [sys.executable, "-m", "cnnxfer", "predict", str(pictures)]
        command += ["--model", self.model, "--format", "jsonl"]
        return [*command, "--out", str(self.output), *options]

    def rank(self, pictures: Path, *options: str) -> Finished:
        """Runs it to its end.

        Args:
            pictures: a file or a folder.
            options: further ones.
        """
        return run_process(self.command(pictures, *options), self.environment)

    def records(self) -> Iterator[dict[str, Any]]:
        """Yields what it wrote the last time: an object a picture, in order."""
        with self.output.open(encoding="utf-8") as lines:
            yield from map(json.loads, lines)


@contextmanager
def lend_weights() -> Iterator[None]:
    """Has KERAS_HOME be a copy of the shared folder's, unless it is set already.

    A copy, as Keras passes over a folder that it may not write to.
    """
    shared = shared_dir()
    if shared is None or "KERAS_HOME" in os.environ:
        yield
        return
    with TemporaryDirectory() as copy:
        shutil.copytree(shared / "weights" / "keras", copy, dirs_exist_ok=True)
        os.environ["KERAS_HOME"] = copy
        yield
