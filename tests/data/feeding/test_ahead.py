"""Batches are made ahead alike with TensorFlow and without it."""

import itertools
import threading

import keras
import numpy as np
import pytest

from cnnxfer.data.feeding.ahead import Made, batches_ahead

MADE = (Made((2, None), np.float16), Made((), np.int64))


def load(number: int) -> tuple[np.ndarray, ...]:
    return np.full((2, int(number) % 3), number, np.float16), np.int64(number)


def finish(rows: object, number: object) -> tuple[object, object]:
    return keras.ops.cast(rows, "float32") * 2, number


@pytest.mark.parametrize(("first", "count"), [(0, 7), (5, 3), (2, None)])
def test_threads_make_the_batches_of_tensorflow(
    first: int, count: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = batches_ahead(load, MADE, finish, first=first, count=count)
    expected = list(itertools.islice(data.as_numpy_iterator(), 9))
    assert len(expected) == (count or 9)
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    batches = batches_ahead(load, MADE, finish, first=first, count=count)
    found = list(itertools.islice(batches(), 9))
    assert [int(number) for _, number in found] == [int(it) for _, it in expected]
    for (rows, _), (others, _) in zip(found, expected, strict=True):
        np.testing.assert_array_equal(rows, others)
        assert np.asarray(rows).dtype == np.float32


def test_threads_hand_on_an_error_and_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(number: int) -> tuple[np.ndarray, ...]:
        if number == 3:
            raise ValueError("an image is gone")
        return load(number)

    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    before = threading.active_count()
    batches = batches_ahead(broken, MADE, finish)()
    assert len(list(itertools.islice(batches, 3))) == 3
    with pytest.raises(ValueError, match="an image is gone"):
        next(batches)
    for thread in threading.enumerate():
        if "ThreadPool" in thread.name:
            thread.join(10)
    assert threading.active_count() <= before
