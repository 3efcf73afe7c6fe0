"""How backbones compare on the same pictures: accuracy of both phases, time, speed.

`cnnxfer train` and `cnnxfer unfreeze` with their default settings and ImageNet weights,
each a whole process, from an empty cache for each backbone and data set. The seconds of
the second phase include those of the first. Everything that training chooses it chooses
on validation; the test pictures are read once, when `unfreeze` ends. How fast the
networks are is measured with their ImageNet heads: they answer for photographs, in
turn.

`flowers12`, 12 species with 60 pictures each to learn from and 20 for the test, is in
the shared folder.
"""

from __future__ import annotations

import argparse
import os
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import astuple, dataclass
from functools import partial
from itertools import product
from pathlib import Path
from statistics import mean, median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from bench.lib.options import add_backbones, add_rounds, add_seeds
from bench.lib.photographs import find_photographs, write_links
from bench.lib.results import Table, show
from bench.lib.shared import shared_dir
from bench.lib.timing import race
from bench.lib.trainings import Training, Workplace

if TYPE_CHECKING:
    from cnnxfer.prediction.classifier import Classifier

FLOWERS12 = "flowers12"
PICTURES = 400


@dataclass(frozen=True)
class Figures:
    """What a run came to after one of its phases.

    Attributes:
        validation: the accuracy on its validation pictures, a fraction.
        test: the accuracy on its test pictures, a fraction.
        seconds: from an empty cache to the end of the phase.
        cpu_seconds: those of all cores together in this time.
    """

    validation: float
    test: float
    seconds: float
    cpu_seconds: float


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this benchmark."""
    add_backbones(
        parser,
        *(f"efficientnet-lite{number}" for number in range(3)),
        "mobilenet-0.25",
    )
    parser.add_argument(
        "--data",
        nargs="+",
        default=("tf_flowers", FLOWERS12),
        metavar="SPEC",
        help=f"as `cnnxfer train` takes it; by default tf_flowers and {FLOWERS12}",
    )
    add_seeds(parser)
    add_rounds(parser, 5)


def measure(options: argparse.Namespace) -> Table:
    """Trains each backbone on each data set; means of the seeds."""
    found: dict[tuple[str, str, str], list[Figures]] = defaultdict(list)
    for data, backbone, seed in product(options.data, options.backbones, options.seeds):
        for phase, figures in _train(data, backbone, seed).items():
            show(f"{data}, {backbone}, {phase}", seed=seed, **vars(figures))
            found[data, backbone, phase].append(figures)
    speeds = _measure_speeds(options.backbones, options.rounds)
    return Table(
        "Backbones side by side, ImageNet weights, default settings",
        (
            "data",
            "backbone",
            "phase",
            "validation",
            "test",
            "seconds",
            "CPU seconds",
            "predict, pictures a second",
        ),
        [
            [data, backbone, phase, *_means(all_seeds), speeds[backbone]]
            for (data, backbone, phase), all_seeds in found.items()
        ],
        [
            f"Means of {len(options.seeds)} seed(s); fine-tuning's seconds include "
            "those of the frozen phase.",
            f"Speeds are medians of {options.rounds} round(s) in which the networks "
            f"take turns, {PICTURES} photographs each, in a process that goes on.",
        ],
    )


def _train(data: str, backbone: str, seed: int) -> dict[str, Figures]:
    """Trains in both phases; returns the figures of each, by its name."""
    options = ("--backbone", backbone, "--seed", str(seed))
    with TemporaryDirectory() as folder:
        place = Workplace(Path(folder))
        frozen = place.run("train", *_spec(data), *options)
        tuned = place.run("unfreeze", frozen.document["run"])
    after = [tuned.document["metrics"][part] for part in ("validation", "test")]
    before = [part["before"] for part in after]
    return {
        "frozen": _figures(before, frozen),
        "fine-tuned": _figures(after, frozen, tuned),
    }


def _figures(evaluations: Sequence[dict[str, Any]], *commands: Training) -> Figures:
    """Returns the figures of the evaluations, after these commands."""
    validation, test = (part["top1"]["value"] for part in evaluations)
    return Figures(
        validation,
        test,
        sum(command.process.wall_seconds for command in commands),
        sum(command.process.cpu_seconds for command in commands),
    )


def _means(figures: Sequence[Figures]) -> list[float]:
    return [mean(part) for part in zip(*map(astuple, figures), strict=True)]


def _spec(data: str) -> tuple[str, str]:
    """Returns the arguments of cnnxfer that name a data set."""
    shared = shared_dir()
    if data != FLOWERS12:
        return "--data", data
    if shared is None:
        raise SystemExit(
            f"{FLOWERS12} is in the shared folder (CNNXFER_SHARED), which is not here; "
            "leave it out: --data tf_flowers"
        )
    return "--data", str(shared / "data" / FLOWERS12)


def _measure_speeds(backbones: Sequence[str], rounds: int) -> dict[str, float]:
    """Returns how many pictures a second each network answers for, by its name."""
    # Loads TensorFlow into this process, so it waits until others have run.
    import cnnxfer

    with TemporaryDirectory() as name, ExitStack() as stack:
        os.environ["CNNXFER_CACHE"] = str(Path(name) / "cache")
        originals = find_photographs(Path(name) / "originals")
        pictures = write_links(Path(name) / "pictures", originals, PICTURES)

        def answer(classifier: Classifier) -> None:
            for prediction in classifier.predict(pictures):
                assert prediction.error is None, prediction

        works = [
            partial(answer, stack.enter_context(cnnxfer.open_classifier(backbone)))
            for backbone in backbones
        ]
        race(works, images=PICTURES, rounds=1)  # engines are chosen and compared
        laps = race(works, images=PICTURES, rounds=rounds)
    return dict(zip(backbones, map(median, zip(*laps, strict=True)), strict=True))
