"""Random numbers that follow from a key: no state, so the same in any order."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class KeyedRandom:
    """Draws for each purpose, by its name; one more purpose changes no other's.

    Attributes:
        key: what all follows from.
    """

    key: str

    def of(self, name: str = "", count: int = 1) -> tuple[float, ...]:
        """Returns at most five numbers, uniform in [0, 1)."""
        digest = self._digest(name)
        assert 6 * count <= len(digest)
        return tuple(
            int.from_bytes(digest[start : start + 6]) / 2**48
            for start in range(0, 6 * count, 6)
        )

    def within(self, bound: float, name: str) -> float:
        """Returns a number, uniform in [-bound, bound); no number is drawn for 0."""
        return bound * (2 * self.of(name)[0] - 1) if bound else 0.0

    def generator(self, name: str) -> np.random.Generator:
        """Returns a source of many numbers."""
        return np.random.Generator(
            np.random.PCG64(int.from_bytes(self._digest(name)[:16]))
        )

    def _digest(self, name: str) -> bytes:
        key = f"{self.key} {name}" if name else self.key
        return hashlib.sha256(key.encode()).digest()
