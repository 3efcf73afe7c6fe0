"""The classes of a data set's masks, and the annotation that each mask becomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from cnnxfer.data.class_mask import IGNORED, ClassMask
from cnnxfer.data.masks.mask_file import MaskFile
from cnnxfer.errors import DataError

BACKGROUND, OBJECT = "background", "object"
BLACK, WHITE = 0, 255
MAX_UNNAMED = 200  # values; the largest usual set, ADE20K, has 150 classes


def class_masks(
    masks: Sequence[MaskFile], named: Mapping[int, str], root: str
) -> tuple[tuple[str, ...], list[ClassMask]]:
    """Returns the names of the classes of masks, and the masks as annotations.

    Without names, black and white are `BACKGROUND` and `OBJECT`; other values are
    called by their number, and `IGNORED` is none of the classes.

    Args:
        masks: with their facts.
        named: the names of values; empty if nothing tells them.
        root: the data set, for messages.

    Raises:
        DataError: if no mask can be read, none has a pixel of a class, or there are too
            many values without a name.
    """
    broken = [mask for mask in masks if mask.facts.problem]
    if len(broken) == len(masks):
        raise DataError(
            f"none of the {len(masks):,} masks of {root} can be read, such as "
            f"{broken[0].name}: {broken[0].facts.problem}."
        )
    found = {value for mask in masks for value in mask.facts.counts}
    if not named and len(found) > MAX_UNNAMED:
        raise DataError(
            f"the masks of {root} have {len(found)} values, and nothing names them; "
            "soft edges make so many. Save them without smoothing, or name the classes "
            "in a classes.txt."
        )
    names = dict(named) or _names_of(found)
    if found.isdisjoint(names) and masks[0].colours:
        raise DataError(
            f"no pixel of the masks of {root} has one of the {len(names)} colours that "
            "are named, as red, green and blue. Correct the file of classes."
        )
    if found.isdisjoint(names):
        raise DataError(
            f"no pixel of the masks of {root} is of a class; expected one of the "
            f"values {', '.join(map(str, names)) or 'below 255'}, and found "
            f"{', '.join(map(str, sorted(found)))}."
        )
    # Values of one name are one class.
    labels = {name: label for label, name in enumerate(dict.fromkeys(names.values()))}
    values = {value: labels[name] for value, name in names.items()}
    return tuple(labels), [
        ClassMask(
            replace(mask, unnamed=_unnamed(mask, values)),
            values,
            tuple(sorted({values[it] for it in mask.facts.counts if it in values})),
        )
        for mask in masks
    ]


def _unnamed(mask: MaskFile, values: Mapping[int, int]) -> tuple[int, ...]:
    # Of masks in colours, `IGNORED` stands for all other colours.
    fine = set() if mask.colours else {IGNORED}
    return tuple(sorted(mask.facts.counts.keys() - values.keys() - fine))


def _names_of(values: set[int]) -> dict[int, str]:
    if values <= {BLACK, WHITE}:
        return {BLACK: BACKGROUND, WHITE: OBJECT}
    return {value: f"class {value}" for value in sorted(values - {IGNORED})}
