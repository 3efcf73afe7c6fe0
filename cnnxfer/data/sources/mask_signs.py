"""Tells masks from images in class folders that are called like folders of masks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cnnxfer.data.dataset import read_bytes
from cnnxfer.data.images.decode import open_image
from cnnxfer.data.masks.mask_file import Colour, MaskFacts, MaskFile
from cnnxfer.data.masks.read_facts import with_facts
from cnnxfer.data.sources.mask_pairs import Pairs, find_pairs
from cnnxfer.data.stamped_rows import Place
from cnnxfer.errors import DataError
from cnnxfer.reporting import Reporter

SAMPLE = 16  # pairs that are looked at
# Of one mask. Grey photos have most of 256; a mask of the usual sets, below 40.
MAX_VALUES = 64


def why_no_masks(
    pairs: Pairs,
    place_of: Callable[[str], Place],
    reporter: Reporter,
    colours: Sequence[Colour] = (),
) -> str:
    """Returns what shows that pictures in folders of masks are none; "" if they are.

    Of up to `SAMPLE` pairs, more than half must show it: the mask can't be read as one,
    has another size than its picture, or too many values for classes.

    Args:
        pairs: the pictures and what may be their masks.
        place_of: returns where the file of a name lies.
        reporter: shows progress.
        colours: those that a file of classes names.
    """
    sample = pairs.pairs[:: -(-len(pairs.pairs) // SAMPLE)]
    files = [(pair.mask, place_of(pair.mask)) for pair in sample]
    masks = [
        MaskFile(name, it.path, it.offset, it.size_bytes, tuple(colours))
        for name, it in files
    ]
    reasons = [
        f"{pair.mask}: {reason}"
        for pair, mask in zip(sample, with_facts(masks, reporter), strict=True)
        if (reason := _why_not(mask.facts, place_of(pair.picture)))
    ]
    return reasons[0] if 2 * len(reasons) > len(sample) else ""


def refuse_masks(
    names: Sequence[str],
    place_of: Callable[[str], Place],
    spec: str,
    reporter: Reporter,
) -> None:
    """Raises a DataError if files that are not in a folder are images with masks."""
    pairs = find_pairs(names)
    if pairs and not why_no_masks(pairs, place_of, reporter):
        raise DataError(
            f"{spec} holds masks of images, which are read from folders and archives. "
            "Copy it, and give the folder."
        )


def _why_not(mask: MaskFacts, place: Place) -> str:
    if mask.problem:
        return "" if mask.passing else mask.problem
    if len(mask.counts) > MAX_VALUES:
        return f"{len(mask.counts)} values; expected up to {MAX_VALUES} in a mask"
    try:
        content = read_bytes(place.path, place.offset, place.size_bytes)
        size = open_image(content).size
    except DataError:
        return ""
    if sorted(size) != sorted((mask.width, mask.height)):  # it may be turned
        return (
            f"{mask.width} x {mask.height} pixels, and its picture has "
            f"{size[0]} x {size[1]}"
        )
    return ""
