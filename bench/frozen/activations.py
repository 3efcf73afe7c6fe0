"""How long activations at a cut take, and how much room.

EfficientNet-Lite0 after block 10 (activations of 14x14x112), four views of each
training image of tf_flowers in slices, computed and kept.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.frozen.engines import build, choose
from bench.lib.results import Table
from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.config import Config
from cnnxfer.data.prepared import prepare_data
from cnnxfer.data.sources import list_dataset
from cnnxfer.data.views.views import training_views
from cnnxfer.networks.cut import network_before
from cnnxfer.reporting import Reporter
from cnnxfer.training.activations.compute import load_activations
from cnnxfer.training.activations.store import ActivationStore

BACKBONE = "efficientnet-lite0"
CUT = "blocks_10_add"
STORE_BYTES = 10**10


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this benchmark."""
    parser.add_argument("--views", type=int, default=4, help="an image; by default 4")


def measure(options: argparse.Namespace) -> Table:
    """Computes and keeps the activations, once."""
    config = Config(backbone=BACKBONE, data="tf_flowers", split="slices")
    with TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["CNNXFER_CACHE"] = str(folder / "cache")
        examples = (
            prepare_data(list_dataset(config.data, Reporter()), config, Reporter())
            .by_split()
            .train
        )
        backbone = BACKBONES.get(BACKBONE)
        network = network_before(build(backbone), backbone, CUT)
        engine = choose(network, examples)
        store = ActivationStore(folder / "activations", STORE_BYTES)
        started = time.perf_counter()
        load_activations(
            network,
            engine,
            examples,
            [training_views(config, number) for number in range(options.views)],
            store=store,
            reporter=Reporter(),
            title="activations",
        )
        seconds = time.perf_counter() - started
        kept_bytes = sum(entry.size_bytes for entry in store.entries())
    return Table(
        "Activations that are kept at a cut",
        ("backbone", "cut after", "images", "views an image", "seconds", "MB"),
        [[BACKBONE, CUT, len(examples), options.views, seconds, kept_bytes / 1e6]],
        [f"Computed by {engine.name} in {engine.precision}."],
    )
