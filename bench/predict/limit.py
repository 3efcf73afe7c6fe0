"""How fast `cnnxfer predict` could be: its decoder alone, its engine alone."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from statistics import median

import numpy as np
from rankers import Ranker
from results import Row

import cnnxfer
from cnnxfer.data.decoders import decode_all
from cnnxfer.prediction.classifier import load_classifier
from cnnxfer.prediction.engines.choice import SAMPLES, choose_engine
from cnnxfer.prediction.inputs import find_images
from cnnxfer.prediction.model_choice import choose_model
from cnnxfer.reporting import Reporter


def measure_limit(ranker: Ranker, folder: Path, images: int, rounds: int) -> Row:
    """Measures images a second, several times in turn.

    Decoding alone and the engine alone, each with all cores; the two together as
    `cnnxfer.predict` has them, in this process; `cnnxfer predict` as a process. The
    shares are what the last two reach of 1 / (1 / decoding + 1 / engine), which each
    would reach with all cores by turns; medians of the rounds' shares.

    Args:
        ranker: with a network that has been converted and compared before.
        folder: of the pictures.
        images: how many there are.
        rounds: how often all is done.
    """
    os.environ.update(ranker.environment)
    classifier = load_classifier(choose_model(ranker.model), Reporter())

    def views() -> Iterable[np.ndarray]:
        for decoded in decode_all(find_images([str(folder)]), classifier.see):
            assert decoded.pixels is not None, decoded.error
            yield decoded.pixels

    pixels = np.concatenate(list(views()))
    engine = choose_engine(
        classifier.network,
        engine="auto",
        precision="auto",
        samples=lambda: pixels[:SAMPLES],
        reporter=Reporter(),
    )
    size = engine.batch_size
    batches = [pixels[at : at + size] for at in range(0, images, size)]

    def decode() -> None:
        _drain(views())

    def compute() -> None:
        _drain(engine.run(batches))

    def together() -> None:
        _drain(cnnxfer.predict(folder, model=ranker.model))

    def process() -> None:
        ranker.rank(folder)

    _drain(engine.run(islice(batches, 4)))  # the first time is slower
    works = (decode, compute, together, process)
    laps = [[images / _seconds(work) for work in works] for _ in range(rounds)]
    decoding, computing, both, whole = (
        median(rates) for rates in zip(*laps, strict=True)
    )
    return {
        "backbone": ranker.backbone,
        "engine": f"{engine.name} {engine.precision}",
        "decoding": decoding,
        "computing": computing,
        "together": both,
        "share": median(b * (1 / d + 1 / c) for d, c, b, _ in laps),
        "process": whole,
        "process_share": median(p * (1 / d + 1 / c) for d, c, _, p in laps),
    }


def _seconds(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _drain(items: Iterable[object]) -> None:
    for _ in items:
        pass
