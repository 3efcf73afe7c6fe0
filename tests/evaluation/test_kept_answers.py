"""Tests of answers that are kept in little memory."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from cnnxfer.data.annotation import Labels
from cnnxfer.data.dataset import Example
from cnnxfer.evaluation.kept_answers import FoundArrays, KeptAnswer
from cnnxfer.evaluation.surest import MOST, surest_answers
from cnnxfer.tasks.masks.segmentation import EachPixel

MEGABYTE = 1 << 20
NAMES = ("rose", "tulip")


def mask(number: int) -> np.ndarray:
    """Returns a mask of a megabyte, of which the first rows are of another class."""
    pixels = np.zeros((1024, 1024), np.uint8)
    pixels[: 20 * number] = 1
    return pixels


@pytest.mark.parametrize(
    "answer",
    [
        mask(3).T,
        np.arange(6, dtype=np.float64) / 7,
        np.zeros((0, 6), np.float32),
    ],
)
def test_answers_are_what_they_were(answer: np.ndarray) -> None:
    kept = FoundArrays([KeptAnswer.of(array, (9, 9)) for array in (answer, answer[:1])])
    assert len(kept) == 2
    for found, expected in zip(kept, [answer, answer[:1]], strict=True):
        np.testing.assert_array_equal(found, expected, strict=True)
    np.testing.assert_array_equal(kept[-1:][0], answer[:1])


def test_masks_are_never_in_memory_all_at_once() -> None:
    count = 3 * MOST
    images = [Example(str(n), Labels((0,)), None, Path("none")) for n in range(count)]
    tracemalloc.start()
    size = (1024, 1024)
    kept = FoundArrays([KeptAnswer.of(mask(n % 25), size) for n in range(count)])
    assert tracemalloc.get_traced_memory()[0] < 3 * MEGABYTE
    every = np.ones(count, bool)
    sizes = [size] * count
    surest = surest_answers(images, sizes, kept, every, EachPixel(NAMES, ""), NAMES)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [sure.example.id for sure in surest][:3] == ["0", "25", "50"]
    assert peak < (MOST + 20) * MEGABYTE
