"""Random numbers that follow from a key, in whatever order they are drawn."""

import hashlib
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class KeyedRandom:
    """Draws random numbers for named purposes.

    The numbers of a purpose follow from the key and its name, so a new purpose does not
    change the numbers of others.
    """

    key: str

    def uniform(self, name: str = "", count: int = 1) -> tuple[float, ...]:
        """Returns numbers that are uniform in [0, 1), for a named purpose.

        There are at most five; the first ones do not depend on the count.
        """
        digest = self._digest(name)
        assert 6 * count <= len(digest)
        return tuple(
            int.from_bytes(digest[start : start + 6]) / 2**48
            for start in range(0, 6 * count, 6)
        )

    def within(self, bound: float, name: str) -> float:
        """Returns a number that is uniform in [-bound, bound); 0 for a bound of 0."""
        return bound * (2 * self.uniform(name)[0] - 1) if bound else 0.0

    def generator(self, name: str) -> np.random.Generator:
        """Returns a NumPy generator for a named purpose that needs many numbers."""
        return np.random.Generator(
            np.random.PCG64(int.from_bytes(self._digest(name)[:16]))
        )

    def _digest(self, name: str) -> bytes:
        key = f"{self.key} {name}" if name else self.key
        return hashlib.sha256(key.encode()).digest()
