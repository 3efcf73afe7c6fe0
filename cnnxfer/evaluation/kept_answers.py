"""Answers to all images of a split, in little memory."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, overload

import numpy as np

LEVEL = 1  # the fastest; masks have long rows of one value


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What was found in one image, compressed.

    A mask has as many bytes as its image has pixels, so those of a split may not fit
    into memory, and hardly any need more than a hundredth of that.

    Attributes:
        size: the width and height of the upright image, in pixels.
        dtype: the type of the array's values.
        shape: the shape of the array.
        content: its bytes, compressed by zlib.
    """

    size: tuple[int, int]
    dtype: np.dtype
    shape: tuple[int, ...]
    content: bytes

    @classmethod
    def of(cls, found: np.ndarray, size: tuple[int, int]) -> Self:
        """Returns a copy of an array that was found in an image of a size."""
        content = zlib.compress(found.tobytes(), LEVEL)
        return cls(size, found.dtype, found.shape, content)

    @property
    def found(self) -> np.ndarray:
        """The array, read-only."""
        content = zlib.decompress(self.content)
        return np.frombuffer(content, self.dtype).reshape(self.shape)


class FoundArrays(Sequence[np.ndarray]):
    """The arrays of kept answers, each unpacked when it is taken out."""

    def __init__(self, kept: Sequence[KeptAnswer]) -> None:
        """Takes the answers, in order."""
        self._kept = kept

    def __len__(self) -> int:
        """Returns the number of answers."""
        return len(self._kept)

    @overload
    def __getitem__(self, at: int) -> np.ndarray: ...

    @overload
    def __getitem__(self, at: slice) -> list[np.ndarray]: ...

    def __getitem__(self, at: int | slice) -> np.ndarray | list[np.ndarray]:
        """Returns an answer, or several."""
        if isinstance(at, slice):
            return [answer.found for answer in self._kept[at]]
        return self._kept[at].found
