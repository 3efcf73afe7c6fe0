"""Reads folders of pictures beside folders of their masks."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path, PurePosixPath

from cnnxfer.data.dataset import SEGMENTATION, Dataset, Example
from cnnxfer.data.images.names import member_is_hidden, names_image
from cnnxfer.data.masks.class_files import CLASS_FILES, NamedValues, read_class_file
from cnnxfer.data.masks.class_masks import class_masks
from cnnxfer.data.masks.mask_file import Colour, MaskFile
from cnnxfer.data.masks.read_facts import with_facts
from cnnxfer.data.sources.annotations.image_sets import SETS, ImageSets
from cnnxfer.data.sources.layout import utf8_name
from cnnxfer.data.sources.mask_pairs import Pair, Pairs
from cnnxfer.data.sources.mask_signs import why_no_masks
from cnnxfer.errors import DataError
from cnnxfer.reporting import Reporter, counted
from cnnxfer.texts import normal


def load_masks(
    root: Path, names: Sequence[str], pairs: Pairs, reporter: Reporter
) -> Dataset:
    """Lists the pictures of a folder that have a mask, and the class of each pixel.

    Each mask is read once, to know which classes it has. Where there are lists of
    images in `ImageSets/Segmentation`, they tell the splits. Pictures without a mask,
    in none of the lists or in other folders are left out, and the reporter says so.

    Args:
        root: the folder.
        names: names of files relative to it; one of `CLASS_FILES` names the classes.
        pairs: the pictures and their masks, as `find_pairs` returns them.
        reporter: shows progress and messages.

    Raises:
        DataError: if the classes cannot be read, a picture has two masks, or no mask
            can be used.
    """
    for pair, other in pairwise(pairs.pairs):
        if pair.picture == other.picture:
            raise DataError(
                f"{root}/{pair.picture} has the masks {pair.mask} and {other.mask}; "
                "expected one. Move the other elsewhere."
            )
    class_file = _class_file(names, pairs)
    named = read_class_file(root / class_file) if class_file else NamedValues({})
    found, unlisted = _listed(root, names, pairs)
    masks = with_facts(
        [
            MaskFile(utf8_name(pair.mask), root / pair.mask, colours=named.colours)
            for pair in found
        ],
        reporter,
    )
    class_names, annotations = class_masks(masks, named.names, os.fspath(root))
    for names_left_out, what, why in (
        (pairs.unmasked, "picture", "without a mask"),
        (pairs.unused, "mask", "without a picture"),
        (unlisted, "picture", "that no list in ImageSets/Segmentation names"),
        (_outside(names, pairs), "picture", "outside of folders of images and masks"),
    ):
        if names_left_out:
            reporter.warn(
                f"left out {counted(len(names_left_out), what)} of {root} {why}, such "
                f"as {names_left_out[0]}."
            )
    if not class_file:
        reporter.info(
            f"the classes of {root} are called {', '.join(class_names)}; a classes.txt "
            "in it names them, one a line, in the order of the values"
        )
    return Dataset(
        name=utf8_name(root.resolve().name),
        class_names=class_names,
        examples=tuple(
            Example(utf8_name(pair.picture), mask, pair.split, root / pair.picture)
            for pair, mask in zip(found, annotations, strict=True)
        ),
        task=SEGMENTATION,
    )


def why_no_mask_folder(
    root: Path, names: Sequence[str], pairs: Pairs, reporter: Reporter
) -> str:
    """Returns what shows that the pairs in a folder are none; "" if they are.

    The arguments are those of `load_masks`; see `why_no_masks`.
    """
    class_file = _class_file(names, pairs)
    colours: Sequence[Colour] = ()
    with suppress(DataError):  # a file of the name may be about something else
        colours = read_class_file(root / class_file).colours if class_file else ()

    def place_of(name: str) -> MaskFile:
        return MaskFile(name, root / name)

    return why_no_masks(pairs, place_of, reporter, colours)


def _outside(names: Iterable[str], pairs: Pairs) -> list[str]:
    """Returns the visible images that are neither a picture nor a mask."""
    known = {*pairs.unmasked, *pairs.unused}
    known.update(name for pair in pairs.pairs for name in (pair.picture, pair.mask))
    return [
        name
        for name in names
        if name not in known
        and names_image(name.rpartition("/")[2])
        and not member_is_hidden(name)
    ]


def _listed(
    root: Path, names: Sequence[str], pairs: Pairs
) -> tuple[list[Pair], list[str]]:
    """Returns the pairs with the splits of lists, and the pictures that none names."""
    sets = ImageSets.read(names, os.fspath(root), "Segmentation")
    found, unlisted = [], []
    for pair in pairs.pairs:
        lists = sets.around(pair.picture)
        stem = normal(PurePosixPath(pair.picture).stem)
        if lists is None:
            found.append(pair)
        elif stem in lists:
            found.append(replace(pair, split=SETS[lists[stem]]))
        else:
            unlisted.append(pair.picture)
    if not found:
        raise DataError(
            f"the lists in {root}/{sets.part} name none of the "
            f"{counted(len(unlisted), 'image')} with masks, such as {unlisted[0]}. "
            "Correct them, or move them away."
        )
    return found, unlisted


def _class_file(names: Iterable[str], pairs: Pairs) -> str:
    """Returns the file that names the classes; "" if there is none.

    It lies beside all masks or in a folder around them, the outermost first.
    """
    folders = [os.path.dirname(pair.mask) for pair in pairs.pairs]
    inner = os.path.commonpath(folders) if all(folders) else ""
    found = []
    for name in names:
        folder, file = os.path.split(name)
        around = not folder or f"{inner}/".startswith(f"{folder}/")
        if file.lower() in CLASS_FILES and around:
            place = folder.count("/") + bool(folder), CLASS_FILES.index(file.lower())
            found.append((place, name))
    return min(found)[1] if found else ""
