"""The images that files of annotations mean: beside them, or elsewhere in a data set.

Annotations are written on other machines and moved apart from the images. So they name
them by a path that has gone, by the bare name, or by having the same name themselves.
"""

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from cnnxfer.data.dataset import read_bytes
from cnnxfer.data.images.decode import open_image, orientation, upright_size
from cnnxfer.data.images.folders import walk_folders
from cnnxfer.data.images.names import names_image
from cnnxfer.data.sources.split_folders import split_in
from cnnxfer.data.written_paths import WrittenPaths
from cnnxfer.errors import DataError
from cnnxfer.texts import normal

MAX_DEPTH = 3  # of folders, where nothing tells how large the tree is
MAX_NAMED = 3  # in a message
# Folders of images, beside others that hold masks or drawings of the same names.
_PLAIN = re.compile(r"(jpeg|png|raw)?_?(images?|imgs?|pictures?|photos?|frames?)")
_START_BYTES = 1 << 18


class Pictures:
    """Finds images by what is written for them."""

    def __init__(self, root: str, names: Iterable[str] | None = None) -> None:
        """Prepares to look for images.

        Args:
            root: the folder of the data set, or of a single file of annotations.
            names: the names of all files in it, relative and with slashes; None to look
                for them when needed. If none is an image's, those of the folder around
                it are looked through.
        """
        self.root = root
        self._names = names
        self._written: dict[str, WrittenPaths] = {}  # by folder

    def find(
        self, written: Sequence[str], file: str, hints: Sequence[str] = ()
    ) -> str | None:
        """Returns the path of an image; None if there is none.

        A path that leads to a file, from the annotations or from the root, means it.
        Otherwise an image of that name, or that stem, is looked for in the whole data
        set. Where the last folder that is written holds images, it must lie in that. Of
        several, it is the one with most of the folders that are written, that hints
        tell, and that are around the annotations.

        Args:
            written: paths or names that may be meant, the likeliest first.
            file: the file of annotations.
            hints: names of folders that it likely lies in.

        Raises:
            DataError: if a name may mean several images; the message is only the
                reason.
        """
        for folder in dict.fromkeys((os.path.dirname(file), self.root)):
            paths = self._written.setdefault(folder, WrittenPaths(folder))
            for name in written:
                path = paths.find(name)
                if os.path.isfile(path) and names_image(os.path.basename(path)):
                    return os.path.normpath(path)
        for name in written:
            if found := self._index.find(name, self.relative(file), hints):
                return found
        return None

    def relative(self, path: str) -> str:
        """Returns a path as it is named from the root, with slashes."""
        return os.path.relpath(path, self.root or ".").replace(os.sep, "/")

    @cached_property
    def _index(self) -> "_Index":
        names = _names_below(self.root) if self._names is None else self._names
        index = _Index(self.root, names)
        if index.is_empty:
            around = os.path.join(self.root, os.pardir)
            index = _Index(around, _names_below(around))
        return index


class _Index:
    """The images of a folder, by their names and stems."""

    def __init__(self, root: str, names: Iterable[str]) -> None:
        self._root = root
        # By the folder that they lie in, too; None stands for all of them.
        self._by_name: dict[tuple[str | None, str], list[str]] = defaultdict(list)
        self._by_stem: dict[tuple[str | None, str], list[str]] = defaultdict(list)
        self._folders: set[str] = set()  # with images in them
        self._ranks: dict[str, tuple[int, ...]] = {}  # of folders, for `_wanted`
        self._wanted: _Wanted | None = None
        for path in names:
            *folders, name = path.split("/")
            if names_image(name):
                self._folders.update(folders)
                for folder in (None, *folders[-1:]):
                    self._by_name[folder, _key(name)].append(path)
                    stem = os.path.splitext(name)[0]
                    self._by_stem[folder, _key(stem)].append(path)

    @property
    def is_empty(self) -> bool:
        """Whether there is no image."""
        return not self._by_name

    def find(self, written: str, place: str, hints: Sequence[str]) -> str | None:
        *asked, name = written.replace("\\", "/").strip().split("/")
        found = self._candidates(asked[-1] if asked else "", _key(name))
        if not found:
            return None
        if len(found) == 1:
            return os.path.normpath(os.path.join(self._root, found[0]))
        wanted = _Wanted(asked, place.rpartition("/")[0], split_in(place), hints)
        ranks = {path: self._rank(path, name, wanted) for path in found}
        best = max(ranks.values())
        nearest = [path for path in found if ranks[path] == best]
        if len(nearest) > 1:
            raise DataError(f"may mean {' or '.join(nearest[:MAX_NAMED])}")
        return os.path.normpath(os.path.join(self._root, nearest[0]))

    def _candidates(self, folder: str, key: str) -> list[str]:
        """Returns the images of a name or else a stem; those in a folder, if it has."""
        by = self._by_name if (None, key) in self._by_name else self._by_stem
        if (folder, key) in by:
            return by[folder, key]
        found = by.get((None, key), [])
        if folder in self._folders:  # another one holds other images of these names
            return [path for path in found if folder in path.split("/")[:-1]]
        return found

    def _rank(self, path: str, written: str, wanted: "_Wanted") -> tuple[int, ...]:
        """Returns how well an image fits what is wanted.

        What its folder tells is the same for all annotations of a folder.
        """
        if self._wanted != wanted:
            self._ranks, self._wanted = {}, wanted
        folder, _, name = path.rpartition("/")
        if folder not in self._ranks:
            self._ranks[folder] = wanted.rank(folder.split("/"))
        *ranks, plain = self._ranks[folder]
        return *ranks, name == written, plain


class _Wanted(NamedTuple):
    """What is known of the folder of an image.

    Attributes:
        asked: the folders that are written.
        around: the folder of the annotations.
        split: the split that their place tells.
        hints: folders that it likely lies in.
    """

    asked: Sequence[str]
    around: str
    split: str | None
    hints: Sequence[str]

    def rank(self, folders: Sequence[str]) -> tuple[int, ...]:
        """Returns how well nested folders fit, compared part by part."""
        others = self.around.split("/")
        return (
            _shared(reversed(folders), reversed(self.asked)),
            sum(hint in folders for hint in self.hints),
            split_in("/".join(folders)) == self.split,
            # `a/images/1.jpg` of `a/xml/1.xml`, `images/a/1.jpg` of `xml/a/1.xml`.
            _shared(folders, others) + _shared(reversed(folders), reversed(others)),
            any(map(is_plain, folders)),
        )


def is_plain(folder: str) -> bool:
    """Tells whether a folder is called as one of images, whatever these show."""
    return _PLAIN.fullmatch(folder.lower()) is not None


def _shared(first: Iterable[str], second: Iterable[str]) -> int:
    """Returns how many parts are the same, from the beginning on."""
    count = 0
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        count += 1
    return count


def _key(name: str) -> str:
    return normal(name).casefold()  # annotations from Windows may differ in case


def _names_below(root: str) -> Iterator[str]:
    for folder in walk_folders(root or "."):
        below = os.path.relpath(folder.path, root or ".").replace(os.sep, "/")
        prefix = "" if below == "." else f"{below}/"
        if prefix.count("/") >= MAX_DEPTH:
            folder.folders.clear()  # so that the walk does not go on there
        yield from (prefix + name for name in folder.files)


def size_of(path: str) -> tuple[int, int]:
    """Returns the width and height of an upright image, in pixels.

    Only the beginning of the file is read, if that is enough.

    Raises:
        DataError: if it cannot be read or decoded; the message is only the reason.
    """
    try:
        return _size(read_bytes(Path(path), 0, _START_BYTES))
    except DataError:
        return _size(read_bytes(Path(path)))


def _size(content: bytes) -> tuple[int, int]:
    image = open_image(content)
    return upright_size(image.size, orientation(image))
