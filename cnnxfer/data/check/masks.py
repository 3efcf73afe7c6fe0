"""Checks of masks: values that are no class, and classes that hardly occur."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from cnnxfer.data.check.annotated import class_pixels, masks_in_files
from cnnxfer.data.check.inspected import InspectedData
from cnnxfer.data.check.report import Finding, Item, warning_kind
from cnnxfer.data.class_mask import IGNORED
from cnnxfer.reporting import counted

# Of all pixels with a class. What is so rare is mostly a slip of the pen.
RARE_SHARE = 1e-4

UNNAMED_VALUES = warning_kind(
    "unnamed-values",
    "values of masks that no class has",
    done="their pixels are ignored",
    advice="Name them in the file of classes, if they are meant.",
)
RARE_CLASS = warning_kind(
    "rare-class",
    f"classes of under {RARE_SHARE:.2%} of the pixels",
    done="used, and hardly learned",
    advice="Leave them out by name with {--ignore}, or add pictures of them.",
)


def unnamed_values(data: InspectedData) -> Iterator[Finding]:
    """Finds values, or other colours, that no class has; 255 always may be there."""
    pixels: Counter[int] = Counter()
    masks: dict[int, list[int]] = defaultdict(list)
    for index, _, file in masks_in_files(data, data.sound):
        for value in file.unnamed:
            pixels[value] += file.facts.counts[value]
            masks[value].append(index)
    yield from UNNAMED_VALUES.findings(
        Item(
            (data.id(masks[value][0]),),
            note=f"{_shown(value)}: {counted(pixels[value], 'pixel')} of "
            f"{counted(len(masks[value]), 'mask')}",
        )
        for value in sorted(pixels)
    )


def _shown(value: int) -> str:
    return "other colours" if value == IGNORED else f"value {value}"


def rare_classes(data: InspectedData) -> Iterator[Finding]:
    """Finds classes that have hardly any pixel."""
    pixels = class_pixels(data, data.sound)
    total = pixels.total()
    yield from RARE_CLASS.findings(
        Item(classes=(data.class_names[label],), note=counted(pixels[label], "pixel"))
        for label in sorted(pixels)
        if pixels[label] < RARE_SHARE * total
    )
