"""How fast JPEGs become features, against decoding alone and the engine alone.

512 JPEGs of 500x375 pixels to pooled features at 224 pixels, in turn: decoding, the
engine, and both together, which is what `cnnxfer train` does: decode, compute and keep.
A minute a backbone. Backbones have ImageNet weights where this machine has them.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench.frozen.engines import CENTRAL, build, central_batches, choose, write_examples
from bench.lib.options import add_backbones, add_rounds
from bench.lib.results import Cell, Table, show
from bench.lib.timing import drain, race, share_of_limit
from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.data.dataset import Example
from cnnxfer.networks.cut import network_before
from cnnxfer.reporting import Reporter
from cnnxfer.tasks.class_task import POOLED
from cnnxfer.training.activations.compute import load_activations
from cnnxfer.training.activations.store import ActivationStore

STORE_BYTES = 10**9


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this benchmark."""
    add_backbones(parser, "resnet50", "xception", "efficientnet-lite0")
    parser.add_argument("--images", type=int, default=512, help="by default 512")
    add_rounds(parser, 3)


def measure(options: argparse.Namespace) -> Table:
    """Measures each backbone; medians of the rounds."""
    rows: list[list[Cell]] = []
    with TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["CNNXFER_CACHE"] = str(folder / "cache")
        written = write_examples(folder / "photographs", options.images)
        examples = list(islice(cycle(written), options.images))
        for backbone in options.backbones:
            rows.append(_measure(backbone, examples, folder, options.rounds))
    return Table(
        "From 500x375 JPEGs to features, images a second",
        ("backbone", "decoding", "engine", "together", "share of the limit"),
        rows,
        [f"Medians of {options.rounds} round(s) of {options.images} images."],
    )


def _measure(
    name: str, examples: Sequence[Example], folder: Path, rounds: int
) -> list[Cell]:
    backbone = BACKBONES.get(name)
    network = network_before(build(backbone), backbone, POOLED)
    engine = choose(network, examples)
    ready = list(central_batches(examples, engine.batch_size))

    def decode() -> None:
        drain(central_batches(examples, engine.batch_size))

    def compute() -> None:
        drain(engine.run(ready))

    def together() -> None:
        with TemporaryDirectory(dir=folder) as empty:
            load_activations(
                network,
                engine,
                examples,
                [CENTRAL],
                store=ActivationStore(Path(empty), STORE_BYTES),
                reporter=Reporter(),
                title="features",
            )

    compute()  # the first time is slower
    laps = race((decode, compute, together), images=len(examples), rounds=rounds)
    decoding, computing, both = (median(rates) for rates in zip(*laps, strict=True))
    share = median(share_of_limit(*lap) for lap in laps)
    show(name, decoding=decoding, engine=computing, together=both, share=share)
    return [name, decoding, computing, both, share]
