"""Answers to all images of a split, in little memory."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import overload

import numpy as np

LEVEL = 1  # the fastest; masks have long rows of one value


class KeptAnswers(Sequence[np.ndarray]):
    """Arrays that are kept compressed, and read-only when they are taken out.

    A mask has as many bytes as its image has pixels, so those of a split may not fit
    into memory, and hardly any need more than a hundredth of that.
    """

    def __init__(self) -> None:
        """Begins without an answer."""
        self._kept: list[tuple[bytes, np.dtype, tuple[int, ...]]] = []

    def append(self, answer: np.ndarray) -> None:
        """Keeps a copy of an answer."""
        content = zlib.compress(answer.tobytes(), LEVEL)
        self._kept.append((content, answer.dtype, answer.shape))

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
            return [self[number] for number in range(*at.indices(len(self)))]
        content, dtype, shape = self._kept[at]
        return np.frombuffer(zlib.decompress(content), dtype).reshape(shape)
