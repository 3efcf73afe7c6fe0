"""The files that paths in tables and lists mean, as people and programs write them."""

import os
from collections import defaultdict
from collections.abc import Iterator

from cnnxfer.errors import DataError
from cnnxfer.texts import has_escaped_bytes, normal, western

QUOTES = "\"'"


class WrittenPaths:
    r"""Finds the files that written paths mean.

    A path means the file that it names, whatever characters it has. Where there is no
    such file, it may have blanks or quotation marks around it, the backslashes of
    Windows, another encoding or Unicode form, or lack the suffix of an image.
    """

    def __init__(self, folder: str = "") -> None:
        """Relative paths start at `folder`; "" stands for the working directory."""
        self.folder = folder
        self._listed: dict[str, dict[str, list[str]]] = {}  # by folder and normal name

    def find(self, written: str) -> str:
        """Returns the path of a file or folder, below the folder if it is relative.

        Raises:
            DataError: if it may mean several files; the message is only the reason.
        """
        return os.path.join(self.folder, self.corrected(written))

    def corrected(self, written: str) -> str:
        """Returns a path that names an existing file; as written if there is none.

        Raises:
            DataError: see `find`.
        """
        for spelling in _spellings(written):
            path = os.path.join(self.folder, spelling)
            if os.path.lexists(path):
                return spelling
            if (found := self._look_up(path)) is not None:
                is_absolute = os.path.isabs(spelling)
                return (
                    found if is_absolute else os.path.relpath(found, self.folder or ".")
                )
        return written

    def _look_up(self, path: str) -> str | None:
        """Returns the path that differs in its Unicode forms or lacks a suffix."""
        folder, name = os.path.split(os.path.normpath(path))
        if folder not in self._listed and not os.path.isdir(folder or "."):
            above = self._look_up(folder) if os.path.dirname(folder) != folder else None
            if above is None:
                return None
            folder = above
        names = self._names(folder).get(normal(name), [])
        if len(names) > 1:
            raise DataError(f"may mean {' or '.join(names)}")
        return os.path.join(folder, names[0]) if names else None

    def _names(self, folder: str) -> dict[str, list[str]]:
        """Returns the names in a folder by what may be written for them."""
        from cnnxfer.data.images.names import names_image  # imports NumPy

        if folder not in self._listed:
            names: dict[str, list[str]] = defaultdict(list)
            stems: dict[str, list[str]] = defaultdict(list)
            for name in sorted(_listdir(folder)):
                names[normal(name)].append(name)
                if names_image(name):
                    stems[normal(os.path.splitext(name)[0])].append(name)
            self._listed[folder] = {**stems, **names}
        return self._listed[folder]


def _spellings(written: str) -> Iterator[str]:
    """Yields what a path may mean: what it says, and then the likeliest first."""
    bare = written.strip()
    if len(bare) > 2 and bare[0] == bare[-1] and bare[0] in QUOTES:
        bare = bare[1:-1]
    if not bare.strip("./\\"):  # a stray backslash does not mean the whole disk
        return
    for text in dict.fromkeys((written, bare, bare.replace("\\", "/"))):
        yield text
        if has_escaped_bytes(text):
            if (found := western(text)) is not None:
                yield found
        elif not text.isascii():  # where names of files are not UTF-8
            yield os.fsdecode(text.encode("utf-8", "surrogatepass"))


def _listdir(folder: str) -> list[str]:
    try:
        return os.listdir(folder or ".")
    except OSError:
        return []
