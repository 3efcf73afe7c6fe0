"""How fast `cnnxfer predict` could be: its decoder alone, its engine alone."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import median

import numpy as np

import cnnxfer
from bench.lib.timing import drain, race, share_of_limit
from bench.predict.commands import PredictCommand
from cnnxfer.data.decoding.frames import FrameReader
from cnnxfer.data.decoding.pool import Decoders
from cnnxfer.engines.choice import SAMPLES, choose_engine
from cnnxfer.prediction.classifier import Classifier
from cnnxfer.prediction.inputs import find_images
from cnnxfer.prediction.model_source import find_model
from cnnxfer.reporting import Reporter


@dataclass(frozen=True)
class Limit:
    """How many images a second prediction and its parts handle.

    All speeds are images a second, and medians of the rounds.

    Attributes:
        decoding: the speed of decoding alone, with all cores.
        computing: the speed of the engine alone, with all cores.
        together: the speed of `cnnxfer.predict` in a process that goes on.
        share: how much `together` reaches of the limit that decoding and computing
            set, as a fraction; see `share_of_limit`.
        process: the speed of `cnnxfer predict` as a whole process.
    """

    decoding: float
    computing: float
    together: float
    share: float
    process: float


def measure_limit(
    command: PredictCommand, pictures: Path, images: int, rounds: int
) -> Limit:
    """Measures decoding, the engine, both, and the whole command, in turn.

    Args:
        command: the command, whose network has been converted and compared before.
        pictures: a folder of images.
        images: the number of images in the folder.
        rounds: how often each of the four is measured.
    """
    os.environ.update(command.environment)
    classifier = Classifier(find_model(command.model))

    def views() -> Iterable[np.ndarray]:
        with closing(Decoders(FrameReader(classifier.views))) as decoders:
            for decoded in decoders.decode(find_images([str(pictures)])):
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
        drain(views())

    def compute() -> None:
        drain(engine.run(batches))

    def together() -> None:
        drain(cnnxfer.predict(pictures, model=command.model))

    def process() -> None:
        command.run(pictures)

    drain(engine.run(islice(batches, 4)))  # the first time is slower
    laps = race((decode, compute, together, process), images=images, rounds=rounds)
    decoding, computing, both, whole = (
        median(rates) for rates in zip(*laps, strict=True)
    )
    share = median(share_of_limit(d, c, b) for d, c, b, _ in laps)
    return Limit(decoding, computing, both, share, whole)
