"""Point 4: a network cut at a block is the whole network, and its front is fast."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from engines import IMAGE_SIZE, build, central_batches, choose, write_examples
from results import Results, Row

from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.config import Config
from cnnxfer.data.dataset import Example
from cnnxfer.data.views import training_views
from cnnxfer.reporting import Reporter
from cnnxfer.training.activation_store import ActivationStore
from cnnxfer.training.activations import load_activations
from cnnxfer.training.cut import behind, boundaries, network_at
from cnnxfer.training.model import backbone_of
from cnnxfer.data.preparing.prepared import read_data

LITE = "efficientnet-lite0"
LITE_CUT = "blocks_10_add"  # activations of 14x14x112
IMAGES = 64
VIEWS = 4
STORE_BYTES = 10**10


def compare_halves(results: Results, backbones: Sequence[str]) -> None:
    """Compares whole networks in Keras with engine-before and Keras-behind, float32.

    Args:
        results: where the figures go.
        backbones: of the catalog; EfficientNet-Lite0 is cut after block 10, others two
            thirds of the way.
    """
    table = []
    with TemporaryDirectory() as folder:
        examples = write_examples(Path(folder), IMAGES)
        for backbone in backbones:
            table.append(_compare(backbone, examples))
            results.add("halves", table[-1])
    results.table(
        f"4a. Logits of {IMAGES} pictures, whole network against its halves: the "
        "largest difference, and its share of the largest logit.",
        table,
    )


def _compare(name: str, examples: Sequence[Example]) -> Row:
    backbone = BACKBONES.get(name)
    model = build(backbone)
    places = boundaries(backbone_of(model))
    cut = LITE_CUT if name == LITE else places[len(places) * 2 // 3]
    engine = choose(network_at(model, backbone, cut), examples, "float32")
    batches = list(central_batches(examples, engine.batch_size))
    activations = np.concatenate(list(engine.run(batches)))
    halves = behind(model, cut).predict(activations, verbose=0)
    whole = model.predict(np.concatenate(batches), verbose=0)
    difference = float(np.abs(whole - halves).max())
    return {
        "backbone": name,
        "cut": cut,
        "activations": "x".join(map(str, activations.shape[1:])),
        "engine": f"{engine.name} {engine.precision}",
        "difference": difference,
        # Logits of random networks may be tiny.
        "relative": difference / float(np.abs(whole).max()),
    }


def time_activations(results: Results) -> None:
    """Times activations of EfficientNet-Lite0 after block 10, four views an image.

    They are computed and kept, of the training images of tf_flowers in slices.

    Args:
        results: where the figures go.
    """
    config = Config(backbone=LITE, data="tf_flowers", split="slices")
    examples = read_data(config, Reporter()).split().train
    backbone = BACKBONES.get(LITE)
    network = network_at(build(backbone), backbone, LITE_CUT)
    started = time.perf_counter()
    engine = choose(network, examples)
    chosen = time.perf_counter()
    with TemporaryDirectory() as folder:
        store = ActivationStore(Path(folder), STORE_BYTES)
        load_activations(
            network,
            engine,
            examples,
            [training_views(config, i) for i in range(VIEWS)],
            store=store,
            reporter=Reporter(),
            title="activations",
        )
        ended = time.perf_counter()
        kept_bytes = sum(entry.size_bytes for entry in store.entries())
    row = {
        "backbone": LITE,
        "cut": LITE_CUT,
        "engine": f"{engine.name} {engine.precision}",
        "images": len(examples),
        "views": VIEWS,
        "engine_seconds": chosen - started,
        "activations_seconds": ended - chosen,
        "views_per_second": len(examples) * VIEWS / (ended - chosen),
        "kept_mb": kept_bytes / 1e6,
    }
    results.add("activations", row)
    results.table(
        "4b. Activations of tf_flowers' training images, computed and kept; before, "
        f"the engine is converted and checked; {IMAGE_SIZE} pixels.",
        [row],
    )
