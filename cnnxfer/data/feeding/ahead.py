"""Makes batches ahead on other threads, while earlier ones are computed with."""

import itertools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from cnnxfer.data.parallel import parallel_map

AHEAD = 2 + (os.cpu_count() or 1)  # as many as are in the making, and two made
Load = Callable[[int], tuple[np.ndarray, ...]]


@dataclass(frozen=True)
class Made:
    """What one of the arrays of every batch is like; a side that varies is None."""

    shape: tuple[int | None, ...]
    dtype: Any


def batches_ahead(
    load: Load,
    made: tuple[Made, ...],
    finish: Callable[..., Any],
    *,
    first: int = 0,
    stride: int = 1,
    count: int | None = None,
    prefetch_to: str | None = None,
) -> Any:
    """Returns batches that are made in order, some of them ahead of time.

    Args:
        load: returns the arrays of the batch with this number; it is called on several
            threads at once.
        made: what these arrays are like.
        finish: makes the batch of them, of `keras.ops` alone: compiled by TensorFlow,
            where Keras computes with it.
        first: the number of the first batch.
        stride: by how much the number of each further one is higher.
        count: how many batches there are; None for as many as are asked for.
        prefetch_to: TensorFlow's name of the device to which batches are copied ahead;
            None for the host.

    Returns:
        A `tf.data.Dataset` where Keras computes with TensorFlow, and else a function
        that returns an iterator of the batches from the first one on.
    """
    if keras.backend.backend() == "tensorflow":
        return _data_set(load, made, finish, first, stride, count, prefetch_to)

    def make(number: int) -> Any:
        return finish(*load(number))

    def batches() -> Iterator[Any]:
        numbers = itertools.islice(itertools.count(first, stride), count)
        return parallel_map(make, numbers, AHEAD)

    return batches


def _data_set(
    load: Load,
    made: tuple[Made, ...],
    finish: Callable[..., Any],
    first: int,
    stride: int,
    count: int | None,
    device: str | None,
) -> Any:
    import tensorflow as tf  # not installed where Keras computes with another library

    def batch(number: Any) -> Any:
        dtypes = [tf.as_dtype(one.dtype) for one in made]
        arrays = tf.numpy_function(load, [number], dtypes)
        return finish(
            *[
                tf.ensure_shape(array, one.shape)
                for array, one in zip(arrays, made, strict=True)
            ]
        )

    last = np.iinfo(np.int64).max if count is None else first + count * stride
    numbers = tf.data.Dataset.range(first, last, stride)
    batches = numbers.map(batch, num_parallel_calls=os.cpu_count())
    if device is None:
        return batches.prefetch(2)
    return batches.apply(tf.data.experimental.prefetch_to_device(device, 2))
