"""Tests of COCO's run lengths, compared with its own library."""

import numpy as np
import pytest
from faster_coco_eval.core import mask as library

from cnnxfer.data.masks.rle import box_of, counts_for, counts_of, paint, text_of
from cnnxfer.errors import DataError


@pytest.fixture(params=range(4))
def pixels(request: pytest.FixtureRequest) -> np.ndarray:
    """An object of 60 x 300 pixels: noise, one that touches all edges, a dot, none."""
    rng = np.random.default_rng(0)
    pixels = np.zeros((60, 300), np.uint8)
    if request.param == 0:
        pixels[7:50, 20:280] = rng.random((43, 260)) < 0.4
    elif request.param == 1:
        pixels[:, 3:] = 1
    elif request.param == 2:
        pixels[59, 299] = 1
    return np.asfortranarray(pixels)


def test_texts_and_boxes_are_those_of_the_library(pixels: np.ndarray):
    encoded = library.encode(pixels)
    text = encoded["counts"].decode()
    counts = counts_of(text)
    assert sum(counts) == pixels.size
    assert text_of(counts) == text
    left, top, width, height = library.toBbox(encoded).tolist()
    assert box_of(counts, 60) == (left, top, left + width, top + height)
    assert counts_for(text, 300, 60) == counts


def test_what_is_painted_is_what_the_library_decodes(pixels: np.ndarray):
    columns = np.full((300, 60), 7, np.uint8)
    paint(columns, counts_of(library.encode(pixels)["counts"].decode()), 9)
    np.testing.assert_array_equal(columns.T, 7 + 2 * pixels)


@pytest.mark.parametrize("text", ["\x00", "~", "P", "PPPPPPPPPPPPPPPPPPPP0"])
def test_other_texts_are_refused(text: str):
    with pytest.raises(ValueError, match="it "):
        counts_of(text)


def test_negative_counts_are_refused():
    with pytest.raises(DataError, match="other pixels than 4 x 5"):
        counts_for(text_of([30, -10]), 4, 5)
    with pytest.raises(DataError, match="cannot be read: it is not compressed"):
        counts_for("~", 4, 5)


def test_another_size_is_refused(pixels: np.ndarray):
    with pytest.raises(DataError, match="other pixels than 300 x 61"):
        counts_for(library.encode(pixels)["counts"].decode(), 300, 61)
