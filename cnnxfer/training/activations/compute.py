"""What a network makes of each image and view, computed once and kept."""

from __future__ import annotations

import hashlib
import itertools
import math
import os
from collections.abc import Iterator, Sequence
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

FORMAT = 1  # raised when a view has other pixels, or rows are stored in another way
CHUNK_ROWS = 256
CHUNK_BYTES = 4 << 20
LARGEST_EXPONENT = 15  # of what is stored: below 2**15, float16 ends at 65504


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
    """Returns the activations of each view of the images, from the store if it can.

    What it lacks is computed in one pass over the images and kept, on Ctrl-C too: the
    next call goes on from there.

    Args:
        network: what lies before the cut.
        engine: runs it.
        examples: the images, at least one; their hashes are known.
        views: how they are looked at.
        store: where activations are kept.
        reporter: told of the progress, in images times views.
        title: of the progress, in a few words.

    Returns:
        As many as `views`; row `i` is of image `i`.

    Raises:
        DataError: if an image cannot be read any more.
        RunError: if the disk is full, the store too small, or the network gives
            numbers that are none.
    """
    about = _about(network, examples)
    keys = [_key(network, engine, examples, view) for view in views]
    kept = [store.find(key) for key in keys]
    if None in kept:
        with store.computing(network.key, reporter):
            collectors = [
                _Collector(store.writer(key, about, len(examples), reporter), view)
                for key, view, found in zip(keys, views, kept, strict=True)
                if found is None
            ]
            _compute(engine, examples, collectors, store, reporter, title)
        kept = [found or store.find(key) for key, found in zip(keys, kept, strict=True)]
    return [_still_there(activations, store) for activations in kept]


class _Collector:
    """Gathers the rows of one view until they are worth writing."""

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
) -> None:
    """Fills the collectors, decoding each image once."""
    count = len(examples)
    missing = sum(count - collector.rows for collector in collectors)
    if not missing:  # another process was faster
        return
    has_room = False
    with reporter.progress(title, missing, "images") as advance:
        try:
            for collector, rows in _answers(engine, examples, collectors):
                if not has_room:
                    size_bytes = store.size_bytes(missing, math.prod(rows.shape[1:]))
                    paths = [collector.writer.path for collector in collectors]
                    store.make_room(size_bytes, keep=paths)
                    has_room = True
                collector.add(rows)
                advance(len(rows))
        finally:
            for collector in collectors:
                collector.flush()


def _answers(
    engine: Engine, examples: Sequence[Example], collectors: Sequence[_Collector]
) -> Iterator[tuple[_Collector, np.ndarray]]:
    """Yields the network's answers, each with the collector of its view.

    A view that was interrupted joins where the others have caught up with it.
    """
    marks = {collector.rows for collector in collectors} | {len(examples)}
    for start, end in itertools.pairwise(sorted(marks)):
        group = [collector for collector in collectors if collector.rows == start]
        batches = pixel_batches(
            examples[start:end],
            [collector.views for collector in group],
            image_size=engine.image_size,
            batch_size=engine.batch_size,
        )
        turns = itertools.cycle(group)  # an image's views follow one another
        for rows in engine.run(batches):
            firsts = list(itertools.islice(turns, len(rows)))[: len(group)]
            for i, collector in enumerate(firsts):
                yield collector, rows[i :: len(group)]


def _pack(rows: np.ndarray) -> tuple[np.ndarray, int]:
    """Returns rows as float16 and the exponent that brings the largest into its range.

    Without that, features near 1e-17, as random weights give them, would be zero, and
    those over 65504 infinite.
    """
    largest = float(np.abs(rows).max())
    if not math.isfinite(largest):
        raise RunError(
            "the backbone gives numbers that are not finite; its weights may be "
            "damaged. Check them with: cnnxfer weights verify"
        )
    # Numbers under 2**-126 are not what float32 is made for.
    exponent = max(math.frexp(largest)[1] - LARGEST_EXPONENT, -126) if largest else 0
    return np.ldexp(rows, -exponent).astype(STORED), exponent


def _key(
    network: CutNetwork, engine: Engine, examples: Sequence[Example], views: Views
) -> dict[str, Any]:
    """Returns all that decides the activations of one view."""
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
    }


def _about(network: CutNetwork, examples: Sequence[Example]) -> dict[str, Any]:
    """Returns what people call it."""
    folders = {str(example.path.absolute().parent) for example in examples}
    return {
        "backbone": network.backbone,
        "cut": network.cut,
        "image_size": network.image_size,
        "images": len(examples),
        "data": os.path.commonpath(folders),
    }


def _still_there(found: Activations | None, store: ActivationStore) -> Activations:
    if found is None:
        raise RunError(
            f"activations in {store.root} were deleted or changed as soon as they "
            "were computed. Type the same again."
        )
    return found
