"""Makes batches of stored activations, to train and to evaluate with."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Protocol

import keras
import numpy as np

from cnnxfer.data.feeding.ahead import Made, batches_ahead
from cnnxfer.data.feeding.gate import Gate
from cnnxfer.data.feeding.order import repetitions


class StoredRows(Protocol):
    """Stored activations: an array of this shape with one row for each image."""

    shape: tuple[int, ...]

    def stored(self, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the rows with these numbers as they are stored, and their scales.

        The rows are float16 `(rows, ...)`, the factors to multiply them with float32
        `(rows,)`.
        """


def activation_batches(
    views: Sequence[StoredRows],
    targets: Sequence[np.ndarray],
    order: Callable[[int], np.ndarray],
    gate: Gate,
    *,
    batch_size: int,
    steps_per_epoch: int,
    first_step: int = 0,
    stride: int = 1,
    prefetch_to: str | None = None,
) -> Any:
    """Returns endless batches, as `batches_ahead` does; each epoch takes the next view.

    Args:
        views: the rows of each view of the same images.
        targets: those of each view, `(images, ...)`.
        order: returns the indices of the images of an epoch, counted from 0. An image
            that occurs again is taken in the next view. Images beyond what the steps
            need are left out.
        gate: is closed by the caller when training ends.
        batch_size: the number of images in a batch.
        steps_per_epoch: the number of batches in an epoch.
        first_step: the step to start with, counted from the first step of epoch 0.
        stride: how many steps after one the next follows; workers share the steps.
        prefetch_to: the device to which batches are copied ahead; None for the host.

    Returns:
        Batches of float32 rows `(batch, ...)` and targets `(batch, ...)`.
    """
    assert steps_per_epoch, "an epoch without a batch would never end"

    @lru_cache(2)
    def rows_of(epoch: int) -> tuple[np.ndarray, np.ndarray]:
        indices = order(epoch)
        return indices, (epoch + repetitions(indices)) % len(views)

    def load(step: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        epoch, position = divmod(int(step), steps_per_epoch)
        in_batch = slice(position * batch_size, (position + 1) * batch_size)
        with gate.at_work():
            indices, chosen = (numbers[in_batch] for numbers in rows_of(epoch))
            assert len(indices) == batch_size, "the epoch has too few images"
            wanted = np.stack(
                [targets[v][i] for v, i in zip(chosen, indices, strict=True)]
            )
            return (*_take(views, chosen, indices, gate), wanted)

    def batch(rows: Any, scales: Any, wanted: Any) -> tuple[Any, Any]:
        return _unpacked(rows, scales), wanted

    wanted = Made((batch_size, *targets[0].shape[1:]), targets[0].dtype)
    made = (*_stored(batch_size, views[0]), wanted)
    return batches_ahead(
        load, made, batch, first=first_step, stride=stride, prefetch_to=prefetch_to
    )


def ordered_activation_batches(
    rows: StoredRows,
    gate: Gate,
    *,
    batch_size: int,
    first_step: int = 0,
    stride: int = 1,
    prefetch_to: str | None = None,
) -> tuple[Any, int]:
    """Returns batches of all rows of one view in order, and how many batches there are.

    The last batch is filled up with the first rows. The gate is closed by the caller
    when the batches are no longer needed. With a stride, there is every so many of the
    batches only, from one on.

    Returns:
        Batches of float32 `(batch, ...)`, as `batches_ahead` returns them, and the
        number of all batches.
    """
    count = rows.shape[0]
    steps = -(-count // batch_size)

    def load(step: int) -> tuple[np.ndarray, np.ndarray]:
        indices = np.arange(step * batch_size, (step + 1) * batch_size) % count
        with gate.at_work():
            return _take([rows], np.zeros_like(indices), indices, gate)

    batches = batches_ahead(
        load,
        _stored(batch_size, rows),
        _unpacked,
        first=first_step,
        stride=stride,
        count=len(range(first_step, steps, stride)),
        prefetch_to=prefetch_to,
    )
    return batches, steps


def _take(
    views: Sequence[StoredRows], chosen: np.ndarray, indices: np.ndarray, gate: Gate
) -> tuple[np.ndarray, np.ndarray]:
    """Returns rows, each of the view chosen for it, as they are stored."""
    rows = np.zeros((len(indices), *views[0].shape[1:]), np.float16)
    scales = np.zeros(len(indices), np.float32)
    if not gate.closed:
        for view in np.unique(chosen):
            of_view = chosen == view
            rows[of_view], scales[of_view] = views[view].stored(indices[of_view])
    return rows, scales


def _stored(batch_size: int, rows: StoredRows) -> tuple[Made, Made]:
    """Returns what `_take` returns."""
    shape = (batch_size, *rows.shape[1:])
    return Made(shape, np.float16), Made((batch_size,), np.float32)


def _unpacked(rows: Any, scales: Any) -> Any:
    """Returns rows in float32; NumPy would take several times as long."""
    scales = keras.ops.reshape(scales, [-1, *[1] * (len(rows.shape) - 1)])
    return keras.ops.cast(rows, "float32") * scales
