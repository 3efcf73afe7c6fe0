"""Computes the activations of each image and view once, and caches them."""

import hashlib
import itertools
import math
import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cnnxfer.data.dataset import Example
from cnnxfer.data.images.decode import DECODER
from cnnxfer.data.views.views import Views, pixel_batches
from cnnxfer.engines.engine import Engine
from cnnxfer.errors import RunError
from cnnxfer.networks.cut import CutNetwork
from cnnxfer.reporting import Reporter
from cnnxfer.training.activations.entry import Writer
from cnnxfer.training.activations.store import STORED, Activations, ActivationStore

FORMAT = 1  # increased when views get other pixels, or rows another format on disk
CHUNK_ROWS = 256
CHUNK_BYTES = 4 << 20
LARGEST_EXPONENT = 15  # stored values are below 2**15; float16 ends at 65504


def load_activations(
    network: CutNetwork,
    engine: Engine,
    examples: Sequence[Example],
    views: Sequence[Views],
    *,
    store: ActivationStore,
    reporter: Reporter,
    title: str,
) -> list[Activations]:
    """Returns the activations of each view of the images, from the store if possible.

    Missing activations are computed in one pass over the images and stored. On Ctrl-C,
    those computed so far are stored, and the next call continues from there.

    Returns:
        Activations for each of `views`; row `i` belongs to image `i`.

    Raises:
        DataError: if an image can no longer be read.
        RunError: if the disk is full, the store is too small, or the network returns
            numbers that are not finite.
    """
    keys = [key_of(network, engine, examples, view) for view in views]
    found = [store.find(key) for key in keys]
    if None in found:
        missing = [
            view
            for view, activations in zip(views, found, strict=True)
            if activations is None
        ]
        with store.computing(network.key, reporter):
            compute_activations(
                network,
                engine,
                examples,
                missing,
                store=store,
                reporter=reporter,
                title=title,
            )
        found = [
            activations or store.find(key)
            for key, activations in zip(keys, found, strict=True)
        ]
    return [_require_stored(activations, store) for activations in found]


def compute_activations(
    network: CutNetwork,
    engine: Engine,
    examples: Sequence[Example],
    views: Sequence[Views],
    *,
    store: ActivationStore,
    reporter: Reporter,
    title: str,
    keep: Collection[Path] = (),
) -> None:
    """Computes and stores what is missing of views; see `load_activations`.

    Call this within `store.computing`. Entries in `keep` are not deleted for room.
    """
    about = description_of(network, examples)
    collectors = [
        _Collector(
            store.writer(
                key_of(network, engine, examples, view), about, len(examples), reporter
            ),
            view,
        )
        for view in views
    ]
    _compute(engine, examples, collectors, store, reporter, title, keep)


class _Collector:
    """Collects the rows of one view, and writes them in chunks."""

    def __init__(self, writer: Writer, views: Views) -> None:
        self.writer = writer
        self.views = views
        self.rows = writer.manifest.rows
        self._waiting: list[np.ndarray] = []

    def add(self, rows: np.ndarray) -> None:
        self._waiting.append(rows)
        self.rows += len(rows)
        waiting = self.rows - self.writer.manifest.rows
        size_bytes = ActivationStore.size_bytes(waiting, math.prod(rows.shape[1:]))
        if waiting >= CHUNK_ROWS or size_bytes >= CHUNK_BYTES:
            self.flush()

    def flush(self) -> None:
        if self._waiting:
            rows = np.concatenate(self._waiting)
            stored, exponent = _pack(rows)
            self.writer.append(
                stored.tobytes(),
                rows=len(rows),
                exponent=exponent,
                row_shape=rows.shape[1:],
            )
            self._waiting.clear()


def _compute(
    engine: Engine,
    examples: Sequence[Example],
    collectors: Sequence[_Collector],
    store: ActivationStore,
    reporter: Reporter,
    title: str,
    keep: Collection[Path],
) -> None:
    """Fills the collectors, decoding each image once."""
    count = len(examples)
    missing = sum(count - collector.rows for collector in collectors)
    if not missing:  # another process has computed them
        return
    has_room = False
    with reporter.progress(title, missing, "images") as advance:
        try:
            for collector, rows in _computed_rows(engine, examples, collectors):
                if not has_room:
                    size_bytes = store.size_bytes(missing, math.prod(rows.shape[1:]))
                    paths = [collector.writer.path for collector in collectors]
                    store.make_room(size_bytes, keep=[*paths, *keep])
                    has_room = True
                collector.add(rows)
                advance(len(rows))
        finally:
            for collector in collectors:
                collector.flush()


def _computed_rows(
    engine: Engine, examples: Sequence[Example], collectors: Sequence[_Collector]
) -> Iterator[tuple[_Collector, np.ndarray]]:
    """Yields computed rows with the collector of their view.

    A view that has more rows than others joins when the others have caught up.
    """
    starts = {collector.rows for collector in collectors} | {len(examples)}
    for start, end in itertools.pairwise(sorted(starts)):
        group = [collector for collector in collectors if collector.rows == start]
        batches = pixel_batches(
            examples[start:end],
            [collector.views for collector in group],
            image_size=engine.image_size,
            batch_size=engine.batch_size,
        )
        # Rows alternate between the views, also across batches.
        collectors_of_rows = itertools.cycle(group)
        for rows in engine.run(batches):
            owners = list(itertools.islice(collectors_of_rows, len(rows)))
            for i, collector in enumerate(owners[: len(group)]):
                yield collector, rows[i :: len(group)]


def _pack(rows: np.ndarray) -> tuple[np.ndarray, int]:
    """Returns rows as float16, and the exponent of the power of two to multiply with.

    Without scaling, features near 1e-17, which random weights can produce, would become
    zero, and those above 65504 infinite.
    """
    largest = float(np.abs(rows).max())
    if not math.isfinite(largest):
        raise RunError(
            "the backbone returns numbers that are not finite; its weights may be "
            "damaged. Check them with: cnnxfer weights verify"
        )
    # Below 2**-126, float32 loses precision.
    exponent = max(math.frexp(largest)[1] - LARGEST_EXPONENT, -126) if largest else 0
    return np.ldexp(rows, -exponent).astype(STORED), exponent


def key_of(
    network: CutNetwork, engine: Engine, examples: Sequence[Example], views: Views
) -> dict[str, Any]:
    """Returns everything that determines the activations of one view, for JSON."""
    hashes = [example.sha256 for example in examples]
    assert all(hashes), "an image has not been read"
    return {
        "format": FORMAT,
        "network": network.key,
        "engine": engine.name,
        "precision": engine.precision,
        "images": hashlib.sha256(" ".join(hashes).encode()).hexdigest(),
        "decoder": DECODER,
        "views": views.describe(),
        **({"calibration": engine.calibration} if engine.calibration else {}),
    }


def description_of(network: CutNetwork, examples: Sequence[Example]) -> dict[str, Any]:
    """Returns what people want to know about the activations, for JSON."""
    folders = {str(example.path.absolute().parent) for example in examples}
    return {
        "backbone": network.backbone,
        "cut": network.cut,
        "image_size": network.image_size,
        "images": len(examples),
        "data": os.path.commonpath(folders),
    }


def _require_stored(
    activations: Activations | None, store: ActivationStore
) -> Activations:
    if activations is None:
        raise RunError(
            f"activations in {store.root} were deleted or changed as soon as they "
            "were computed. Run the same command again."
        )
    return activations
