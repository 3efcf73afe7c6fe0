"""COCO's run lengths: the pixels of an object, counted down each column in its turn.

The counts are those of the pixels outside and inside, by turns, beginning with those
outside. In the compressed form, a count is written as its difference to the last but
one, from the fourth on; in groups of five bits, lowest first, in characters from "0".

Source: https://github.com/cocodataset/cocoapi/blob/master/common/maskApi.c
"""

from collections.abc import Sequence
from itertools import accumulate, pairwise

import numpy as np

from cnnxfer.data.geometry import Box
from cnnxfer.errors import DataError

_ZERO, _MORE, _NEGATIVE = 48, 32, 16  # the first character, and flags of a group


def counts_of(text: str) -> list[int]:
    """Returns the counts of a compressed text.

    Raises:
        ValueError: if it is none.
    """
    counts: list[int] = []
    value = shift = 0
    for character in text:
        group = ord(character) - _ZERO
        if not 0 <= group < 2 * _MORE or shift > 60:
            raise ValueError("it is not compressed run lengths")
        value |= (group & (_MORE - 1)) << shift
        shift += 5
        if group & _MORE:
            continue
        if group & _NEGATIVE:
            value -= 1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value = shift = 0
    if shift:
        raise ValueError("it ends within a number")
    return counts


def text_of(counts: Sequence[int]) -> str:
    """Returns counts in the compressed form."""
    characters = []
    for place, count in enumerate(counts):
        value = count - (counts[place - 2] if place > 2 else 0)
        more = True
        while more:
            group = value & (_MORE - 1)
            value >>= 5
            more = value != (-1 if group & _NEGATIVE else 0)
            characters.append(chr(group + _MORE * more + _ZERO))
    return "".join(characters)


def text_of_mask(mask: np.ndarray) -> str:
    """Returns the pixels inside, bool `(height, width)`, in the compressed form."""
    from faster_coco_eval.core import mask as outlines

    encoded = outlines.encode(np.asfortranarray(mask, np.uint8))
    text: str = encoded["counts"].decode()
    return text


def box_of(counts: Sequence[int], height: int) -> Box:
    """Returns the smallest box that holds all pixels inside; one of no area if none.

    Args:
        counts: none of them negative.
        height: of the picture, in pixels.
    """
    ends = [0, *accumulate(counts)]
    runs = [run for run in list(pairwise(ends))[1::2] if run[0] < run[1]]
    if not runs:
        return 0.0, 0.0, 0.0, 0.0
    left, right = runs[0][0] // height, (runs[-1][1] - 1) // height + 1
    if any(begin // height != (end - 1) // height for begin, end in runs):
        return float(left), 0.0, float(right), float(height)  # over whole columns
    top = min(begin % height for begin, _ in runs)
    bottom = max((end - 1) % height + 1 for _, end in runs)
    return float(left), float(top), float(right), float(bottom)


def counts_for(text: str, width: int, height: int) -> list[int]:
    """Returns the counts of a compressed text, of a picture of this size.

    Raises:
        DataError: if it is none, or has another number of pixels; the message is only
            the reason.
    """
    try:
        counts = counts_of(text)
    except ValueError as error:
        raise DataError(f"run lengths that cannot be read: {error}") from error
    if sum(counts) != width * height or min(counts, default=0) < 0:
        raise DataError(f"run lengths for other pixels than {width:,} x {height:,}")
    return counts


def paint(columns: np.ndarray, counts: Sequence[int], value: int) -> None:
    """Gives the pixels inside a value; looks at no column beyond them.

    Args:
        columns: uint8 `(width, height)`, contiguous, which is changed.
        counts: of all its pixels.
        value: from 0 to 255.
    """
    begin, inner = counts[0], np.array(counts[1 : len(counts) // 2 * 2], np.int64)
    inside = np.repeat(np.arange(len(inner)) % 2 == 0, inner)
    columns.reshape(-1)[begin : begin + len(inside)][inside] = value
