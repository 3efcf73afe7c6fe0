"""The share of a prediction's images that one of several machines answers."""

from __future__ import annotations

import hashlib
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cnnxfer.data.images.source import ImageSource
from cnnxfer.errors import ConfigError
from cnnxfer.spelling import option

MOST_SHARDS = 1000  # `merge` has all their files open at once


@dataclass(frozen=True)
class Shard:
    """Every `shards`-th image, beginning with number `shard`, which counts from 1."""

    shard: int
    shards: int

    def __str__(self) -> str:
        return f"{self.shard}/{self.shards}"

    def count(self, images: int) -> int:
        """Returns how many of so many images it has."""
        return len(range(self.shard - 1, images, self.shards))


class NameList:
    """The number and the hash of the names of images, in order.

    Attributes:
        images: the number of names.
    """

    def __init__(self) -> None:
        self.images = 0
        self._hash = hashlib.sha256()

    def add(self, name: str) -> None:
        """Adds a name, which may be that of a file whose bytes are not UTF-8."""
        self.images += 1
        self._hash.update(name.encode("utf-8", "surrogateescape") + b"\0")

    @property
    def sha256(self) -> str:
        """The hexadecimal SHA-256 of the names, each of which a NUL ends."""
        return self._hash.hexdigest()


class Share:
    """The images of a shard, taken from all images while these are listed.

    Attributes:
        shard: which one it is.
        listed: the names of all images so far, those of other shards included.
    """

    def __init__(self, shard: Shard, *, keeps_passed: bool = False) -> None:
        """Takes the shard.

        Args:
            shard: which one it is.
            keeps_passed: whether `passed` is going to be called for each image.
        """
        self.shard = shard
        self._keeps_passed = keeps_passed
        self.listed = NameList()
        self._passed: deque[list[str]] = deque()

    def of(self, sources: Iterable[ImageSource]) -> Iterator[ImageSource]:
        """Yields the images of the shard; afterwards, all have been listed."""
        passed: list[str] = []
        for number, source in enumerate(sources):
            self.listed.add(source.name)
            if number % self.shard.shards == self.shard.shard - 1:
                if self._keeps_passed:
                    self._passed.append(passed)
                    passed = []
                yield source
            elif self._keeps_passed:
                passed.append(source.name)

    def passed(self) -> list[str]:
        """Returns the names of other shards' images before the next own one.

        It is called once for each image, in order; `of` may be far ahead of that.
        """
        return self._passed.popleft()


def parse_shard(text: str) -> Shard:
    """Returns the shard that is called, for example, `3/16`.

    Raises:
        ConfigError: if there is none of this name.
    """
    found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text.strip(), re.ASCII)
    if not found:
        raise ConfigError(
            f"{option('--shard')} is {text!r}; expected which one and of how many, "
            "such as 3/16."
        )
    shard, shards = map(int, found.groups())
    if shards > MOST_SHARDS:
        raise ConfigError(
            f"{option('--shard')} is {text!r}; there may be {MOST_SHARDS:,} shards."
        )
    if not 1 <= shard <= shards:
        raise ConfigError(
            f"{option('--shard')} is {text!r}; shards count from 1 to their number, "
            f"here {max(shards, 1)}."
        )
    return Shard(shard, shards)
