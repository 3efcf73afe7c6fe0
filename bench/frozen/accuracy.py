"""How good a head on ImageNet weights is, beside the textbook's, by number of views.

tf_flowers in slices of 75/15/10. The textbook's script keeps its last epoch, cnnxfer
its best one on validation, where it finds its learning rate too. A seed of
EfficientNet-Lite0 takes 5 minutes of the textbook and 3 of cnnxfer.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory

from bench.lib.options import add_backbones, add_seeds, add_textbook_epochs
from bench.lib.results import Table, show
from bench.lib.trainings import Workplace, run_textbook

VIEWS = (1, 2, 4, 8)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this benchmark."""
    add_backbones(parser, "efficientnet-lite0")
    add_textbook_epochs(parser)
    add_seeds(parser)


def measure(options: argparse.Namespace) -> Table:
    """Trains with each backbone and seed; means of the seeds."""
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for backbone in options.backbones:
        for seed in options.seeds:
            for what, val, test in _train(backbone, options.textbook_epochs, seed):
                show(f"{backbone}, {what}", seed=seed, validation=val, test=test)
                found.setdefault((backbone, what), []).append((val, test))
    return Table(
        "Accuracy of the frozen phase, ImageNet weights, tf_flowers",
        ("backbone", "frozen phase", "validation", "test"),
        [
            [*key, *(mean(part) for part in zip(*accuracies, strict=True))]
            for key, accuracies in found.items()
        ],
        [f"Means of {len(options.seeds)} seed(s)."],
    )


def _train(backbone: str, epochs: int, seed: int) -> Iterator[tuple[str, float, float]]:
    """Yields what was trained, and its accuracy on validation and test."""
    textbook = run_textbook(backbone, weights="imagenet", epochs=epochs, seed=seed)
    frozen = textbook.document["frozen"]
    what = f"textbook's script, {epochs} epochs"
    yield what, frozen["val_accuracy"][-1], frozen["test_accuracy"]
    options = ["--data", "tf_flowers", "--split", "slices", "--backbone", backbone]
    options += ["--weights", "imagenet", "--seed", str(seed)]
    with TemporaryDirectory() as folder:
        place = Workplace(Path(folder))
        for views in VIEWS:
            document = place.run("train", *options, "--views", str(views)).document
            tested = place.run("evaluate", document["run"]).document
            yield (
                f"cnnxfer train --views {views}",
                document["metrics"]["frozen"]["val_accuracy"],
                tested["top1"]["value"],
            )
