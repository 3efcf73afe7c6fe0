"""Finds pictures and their masks in a list of file names."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from cnnxfer.data.images.names import member_is_hidden, names_image
from cnnxfer.data.sources.split_folders import SPLIT_BY_WORD

_SPLIT = "|".join(sorted(SPLIT_BY_WORD, key=len, reverse=True))
_PICTURES = "images?|imgs?|jpegimages|pictures?|photos?"
_MASKS = "masks?|labels?|annotations?|annots?|segmentationclass|groundtruths?|gt"
# The name of a folder, without what stands between its words: `train_labels`,
# `labels-train`, `trainannot`, `train2017`.
_FOLDER = re.compile(
    rf"(?P<before>{_SPLIT})?(?:(?P<pictures>{_PICTURES})|(?P<masks>{_MASKS}))?"
    rf"(?P<after>{_SPLIT})?(?:\d{{4}})?"
)
# What ends the name of a mask and not of its picture: of CamVid, it is _L, and of
# fastai's copy _P.
_SUFFIX = re.compile(r"[_.-](?:mask|masks|l|p|seg|segmentation|label|labels|gt)$", re.I)
LEAST_SHARE = 0.5  # of the pictures of labels that have a picture to them


@dataclass(frozen=True)
class Pair:
    """A picture and its mask, as names relative to the root."""

    picture: str
    mask: str
    split: str | None


@dataclass(frozen=True)
class Pairs:
    """The pictures with masks, sorted by name, and those that have none."""

    pairs: tuple[Pair, ...]  # of a picture with two masks, two
    unmasked: tuple[str, ...]  # pictures
    unused: tuple[str, ...]  # masks


@dataclass(frozen=True)
class _Place:
    """What the folders around a file say of it."""

    is_mask: bool
    split: str | None
    others: tuple[str, ...]  # folders whose names tell nothing


_Key = tuple[str | None, tuple[str, ...], str]  # split, other folders and stem


def find_pairs(names: Sequence[str]) -> Pairs | None:
    """Returns pictures with the masks that have their stem; None if these are few.

    Pictures lie in `images`, `JPEGImages` and the like, masks in `masks`, `labels`,
    `annotations` or `SegmentationClass`. Each may hold folders of splits or lie in
    them, and other folders are the same on both sides: `images/train/a.jpg` goes with
    `masks/train/a_mask.png`, `train/a.jpg` with `train_labels/a_L.png`.

    Args:
        names: names of files relative to the root, with slashes; others are left out.
    """
    places: dict[str, _Place | None] = {}  # by folder: there may be a million files
    for name in names:
        folder = name.rpartition("/")[0]
        if folder not in places:
            places[folder] = _place(folder)
    if not any(place and place.is_mask for place in places.values()):
        return None
    pictures: dict[str, _Key] = {}
    masks: dict[_Key, list[str]] = defaultdict(list)
    exact: dict[_Key, list[str]] = defaultdict(list)
    for name in names:
        folder, _, file = name.rpartition("/")
        place = places[folder]
        if place is None or not names_image(file) or member_is_hidden(name):
            continue
        stem = PurePosixPath(file).stem
        key = place.split, place.others, stem
        if place.is_mask:
            exact[key].append(name)
            masks[place.split, place.others, _SUFFIX.sub("", stem)].append(name)
        else:
            pictures[name] = key
    pairs = []
    for name, key in sorted(pictures.items()):
        found = exact.get(key) or masks.get(key) or []
        pairs += [Pair(name, mask, key[0]) for mask in sorted(found)]
    used = {pair.mask for pair in pairs}
    listed = {mask for found in exact.values() for mask in found}
    if not pairs or len(used) < LEAST_SHARE * len(listed):
        return None
    matched = {pair.picture for pair in pairs}
    return Pairs(
        tuple(pairs),
        tuple(sorted(pictures.keys() - matched)),
        tuple(sorted(listed - used)),
    )


def holds_masks(folder: str) -> bool:
    """Tells whether a folder, or one around it, is called as one of masks."""
    place = _place(folder)
    return place is not None and place.is_mask


def _place(folder: str) -> _Place | None:
    """Returns what a folder and those around it say; None if that is nothing."""
    parts = folder.split("/")
    roles = [role for part in parts if (role := _role(part))]
    if not roles:
        return None
    splits = [role[key] for role in roles for key in ("before", "after") if role[key]]
    return _Place(
        any(role["masks"] for role in roles),
        SPLIT_BY_WORD[str(splits[0])] if splits else None,
        tuple(part for part in parts if not _role(part)),
    )


def _role(folder: str) -> Mapping[str, str | None] | None:
    match = _FOLDER.fullmatch(re.sub(r"[\W_]+", "", folder).lower())
    found = match.groupdict() if match else {}
    return found if any(found.values()) else None
