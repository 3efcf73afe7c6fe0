"""Point 3: features from JPEGs, against decoding alone and the engine alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from engines import (
    CENTRAL,
    IMAGE_SIZE,
    PICTURE_SIZE,
    build,
    central_batches,
    choose,
    write_examples,
)
from results import Results, Row

from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.data.dataset import Example
from cnnxfer.reporting import Reporter
from cnnxfer.training.activation_store import ActivationStore
from cnnxfer.training.activations import load_activations
from cnnxfer.training.cut import POOLED, network_at

IMAGES = 512
ROUNDS = 3
STORE_BYTES = 10**9


def measure_throughput(results: Results, backbones: Sequence[str]) -> None:
    """Measures images a second, three times in turn: decoding, engine, both together.

    Both together is what `cnnxfer train` does: decode, compute and keep. The share is
    what that reaches of 1 / (1 / decoding + 1 / engine), which each would reach with
    all cores by turns; the median of the rounds' shares.

    Args:
        results: where the figures go.
        backbones: of the catalog.
    """
    table = []
    with TemporaryDirectory() as folder:
        written = write_examples(Path(folder), IMAGES)
        kilobytes = sum(len(example.read()) for example in written) / len(written) / 1e3
        examples = list(islice(cycle(written), IMAGES))
        for backbone in backbones:
            table.append(_measure(backbone, examples, Path(folder)))
            results.add("throughput", table[-1])
    width, height = PICTURE_SIZE
    results.table(
        f"3. Images a second: {IMAGES} JPEGs of {width}x{height}, {kilobytes:.0f} kB "
        f"each, to pooled features at {IMAGE_SIZE} pixels; median of {ROUNDS} rounds.",
        table,
    )


def _measure(name: str, examples: Sequence[Example], folder: Path) -> Row:
    backbone = BACKBONES.get(name)
    network = network_at(build(backbone), backbone, POOLED)
    engine = choose(network, examples)
    ready = list(central_batches(examples, engine.batch_size))

    def decode() -> None:
        _drain(central_batches(examples, engine.batch_size))

    def compute() -> None:
        _drain(engine.run(ready))

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
    rounds = [
        [_rate(work) for work in (decode, compute, together)] for _ in range(ROUNDS)
    ]
    decoding, computing, both = (median(rates) for rates in zip(*rounds, strict=True))
    return {
        "backbone": name,
        "engine": f"{engine.name} {engine.precision}",
        "decoding": decoding,
        "computing": computing,
        "together": both,
        "share": median(t * (1 / d + 1 / c) for d, c, t in rounds),
    }


def _rate(work: Callable[[], None]) -> float:
    """Returns images a second."""
    started = time.perf_counter()
    work()
    return IMAGES / (time.perf_counter() - started)


def _drain(batches: Iterable[object]) -> None:
    for _ in batches:
        pass
