"""Lists of images that tell their splits, as Pascal VOC has them in `ImageSets`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from cnnxfer.data.dataset import TEST, TRAIN, VALIDATION
from cnnxfer.data.sources.annotations.files import read_lines
from cnnxfer.errors import DataError
from cnnxfer.texts import normal

# The lists of images, beside those of single classes such as `cat_train.txt`. The first
# is the union of two others, which tell more where they are there.
UNION = "trainval"
SETS = {UNION: TRAIN, "train": TRAIN, "val": VALIDATION, "test": TEST}


@dataclass(frozen=True)
class ImageSets:
    """What lists say of images.

    Attributes:
        part: the folder of the lists, below the data set's own.
        lists: the list that names each image, by the data set's folder and the stem.
    """

    part: str
    lists: Mapping[str, Mapping[str, str]]

    @staticmethod
    def read(names: Sequence[str], root: str, part: str) -> ImageSets:
        """Reads the lists that there are.

        Args:
            names: names of files relative to the root, with slashes.
            root: the folder.
            part: what the lists are for, such as "Main".

        Raises:
            DataError: if one cannot be read, or two name the same image.
        """
        lists: dict[str, dict[str, str]] = {}
        stems = {normal(PurePosixPath(name).stem) for name in names}
        part = f"ImageSets/{part}"
        for word in SETS:
            end = f"{part}/{word}.txt"
            for name in names:
                if not f"/{name}".endswith(f"/{end}"):
                    continue
                found = lists.setdefault(name.removesuffix(end), {})
                path = os.path.join(root, name)
                for line in filter(None, read_lines(path)):
                    stem = normal(line)
                    if stem not in stems:  # a number may follow, as in those of a class
                        stem = stem.split()[0]
                    if found.get(stem, UNION) not in (UNION, word):
                        raise DataError(
                            f"{path} names {stem}, and so does {found[stem]}.txt "
                            "beside it. Leave it in one of them."
                        )
                    found[stem] = word
        return ImageSets(part, lists)

    def around(self, name: str) -> Mapping[str, str] | None:
        """Returns what the lists nearest to a file say; None if there are none."""
        folders = [folder for folder in self.lists if name.startswith(folder)]
        return self.lists[max(folders, key=len)] if folders else None
