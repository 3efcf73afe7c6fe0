"""Whether a run that is killed at any moment goes on as if it had not been.

Trains both phases undisturbed, and then again and again while they are killed (SIGKILL)
at random moments, some of them while a file is written, and go on with `cnnxfer
resume`. A third of the kills meets phases that keep what is frozen; another phases that
see new views in every epoch, with averaged weights, batches in parts, two stages; the
last a network that learns from random weights.

Fails if the model or the history is not whole, at any moment, or if a phase's weights,
history or metrics are not those of the undisturbed one, bit for bit.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.lib.results import Table, show
from bench.lib.shared import ROOT
from cnnxfer.data.sample import flowers
from cnnxfer.reporting import Reporter
from cnnxfer.runs import Run

sys.path.insert(0, str(ROOT / "tests"))

from killed_runs import PHASES, Journey, Kill, Moment, end_of, moments

Options = Mapping[str, Sequence[str]]
WAYS: dict[str, Options] = {
    "kept": {
        "train": ["--views", "2"],
        "unfreeze": ["--last", "33%", "--epochs", "6", "--lr", "0.01"],
    },
    "new views": {
        "train": ["--no-cache", "--epochs", "4"],
        "unfreeze": [
            *("--last", "60%", "--gradual", "2", "--epochs", "4", "--lr", "0.01"),
            *("--ema", "0.9", "--accumulate", "2", "--keep", "last"),
        ],
    },
    "from scratch": {
        "train": ["--from-scratch", "--epochs", "4", "--lr", "0.01", "--ema", "0.9"],
        "unfreeze": ["--last", "100%", "--epochs", "2", "--bn", "train"],
    },
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this benchmark."""
    parser.add_argument("--kills", type=int, default=40, help="by default 40")
    parser.add_argument("--seed", type=int, default=1, help="of the moments")
    parser.add_argument("--backbone", default="efficientnet-lite0")
    parser.add_argument("--image-size", type=int, default=64)


def measure(options: argparse.Namespace) -> Table:
    """Kills until there are enough kills, and compares the ends of all phases."""
    chance = random.Random(options.seed)
    kills = 0
    ends: list[bool] = []
    with TemporaryDirectory() as directory:
        root = Path(directory)
        data = drawn_photos(root)
        for place, (way, arguments) in enumerate(WAYS.items(), start=1):
            wanted = options.kills * place // len(WAYS)
            arguments = whole(arguments, options, data)
            undisturbed = Journey(root / way, arguments)
            expected = [end_of(run) for _, run in travelled(undisturbed)]
            while kills < wanted:
                path = root / f"{way} {kills}"
                journey = Journey(path, arguments, undisturbed.spans, show_kill)
                phases = travelled(journey, chance, wanted - kills)
                for (phase, run), end in zip(phases, expected, strict=True):
                    differing = differences(end_of(run), end)
                    ends.append(not differing)
                    show(f"{way}, {phase}", differs=differing or "in nothing")
                kills += len(journey.kills)
    return Table(
        "Runs killed by SIGKILL at random moments of both phases",
        ("kills", "phases", "ended as the undisturbed ones, bit for bit"),
        [[kills, len(ends), sum(ends)]],
        passed=all(ends),
    )


def travelled(
    journey: Journey, chance: random.Random | None = None, kills: int = 0
) -> Iterator[tuple[str, Run]]:
    """Runs both phases to their ends, and yields each with its run.

    Args:
        journey: the journey through both phases.
        chance: draws the moments of the kills; with None, nothing is killed.
        kills: the largest number of kills, in both phases together.
    """
    run = None
    for phase in PHASES:
        at: Iterator[Moment] = iter(())
        if chance:
            left = kills - len(journey.kills)
            at = islice(moments(chance, journey.spans[phase]), left)
        run = journey.complete(phase, at, run)
        yield phase, run


def whole(arguments: Options, options: argparse.Namespace, data: str) -> Options:
    """Returns the arguments of both commands, including those that all trials share."""
    train = [
        *("--backbone", options.backbone, "--data", data, "--limit", "200"),
        *("--image-size", str(options.image_size), "--batch", "8"),
        *("--precision", "float32", "--checkpoint-every", "0.3s"),
    ]
    return {**arguments, "train": [*train, *arguments["train"]]}


def drawn_photos(root: Path) -> str:
    """Draws the sample data set once, for all trials, and returns its folder."""
    path = root / "photos"
    path.mkdir()
    flowers.write_sample(path, Reporter())
    return str(path)


def show_kill(kill: Kill) -> None:
    """Prints when and where a process was killed."""
    show("killed", **asdict(kill))


def differences(found: dict[str, Any], expected: dict[str, Any]) -> str:
    """Returns what differs between two ends; "" if nothing does."""
    return "; ".join(
        f"{name} is {found.get(name)}, not {expected.get(name)}"
        for name in found | expected
        if found.get(name) != expected.get(name)
    )
