"""Checks of boxes: what was repaired, copies, tiny ones, and how they are counted."""

from collections import Counter
from collections.abc import Iterator

from cnnxfer.data.check.annotated import pictures_with_objects
from cnnxfer.data.check.inspected import InspectedData
from cnnxfer.data.check.report import Finding, Item, note_kind, warning_kind
from cnnxfer.data.objects import MAX_LEARNED
from cnnxfer.data.preparing import boxes
from cnnxfer.data.preparing.fit import MASK_TURNED

# What most backbones see, and how many pixels of it tell an object from its
# surroundings: one cell of the finest map that is usual in detection, of stride 8.
USUAL_SIDE_PIXELS = 224
MIN_BOX_PIXELS = 8
# So many boxes at the first pixel, and none before it, are no accident.
MIN_ONE_BASED = 5

BOXES_SCALED = warning_kind(
    "boxes-scaled",
    "pictures whose boxes are for another size",
    done="boxes scaled",
    advice="Look whether they lie where they should, with: preview.",
)
BOXES_TURNED = warning_kind(
    "boxes-turned",
    "pictures whose boxes are for the picture as it is stored",
    done="turned upright by EXIF",
    advice="Look whether they lie where they should, with: preview.",
)
BOXES_CLIPPED = warning_kind(
    "boxes-clipped",
    "boxes partly outside of their picture",
    done="cut off at its edge",
    advice="Look whether they are for another size, or another picture.",
)
BOXES_OUTSIDE = warning_kind(
    "boxes-outside",
    "boxes outside of their picture",
    done="left out",
    advice="Look whether they are for another size, or another picture.",
)
BOXES_EMPTY = warning_kind(
    "boxes-empty",
    "boxes without an area",
    done="left out",
    advice="Draw them anew, or delete them.",
)
MASKS_TURNED = warning_kind(
    "masks-turned",
    "masks for pictures as they are stored",
    done="turned upright by EXIF",
    advice="Nothing, if they lie where they should in a preview.",
)
SAME_BOX = warning_kind(
    "same-box",
    "boxes that a picture has twice",
    done="nothing: both count",
    advice="Delete one of each.",
)
MANY_BOXES = warning_kind(
    "many-boxes",
    f"pictures with over {MAX_LEARNED} objects",
    done=f"the largest {MAX_LEARNED} of a view are learned, and as many found",
    advice="Cut them into parts of fewer objects.",
)
TINY_BOX = note_kind(
    "tiny-box",
    f"boxes of under {MIN_BOX_PIXELS} pixels in {USUAL_SIDE_PIXELS}",
    done="used, and hardly seen",
    advice="Train with a larger {--image-size}.",
)
ONE_BASED = note_kind(
    "one-based",
    "boxes that seem to be counted from pixel 1",
    done="used as they are, a pixel off",
    advice="Nothing, or subtract 1 from their left and top edges.",
)
KIND_BY_REPAIR = {
    boxes.SCALED: BOXES_SCALED,
    boxes.TURNED: BOXES_TURNED,
    boxes.CLIPPED: BOXES_CLIPPED,
    boxes.OUTSIDE: BOXES_OUTSIDE,
    boxes.NO_AREA: BOXES_EMPTY,
    MASK_TURNED: MASKS_TURNED,
}


def repaired(data: InspectedData) -> Iterator[Finding]:
    """Finds boxes and masks that did not fit their picture, and were repaired."""
    for name, kind in KIND_BY_REPAIR.items():
        yield from kind.findings(
            Item((repair.id,), note=repair.note)
            for repair in data.repairs
            if repair.kind == name
        )


def same_boxes(data: InspectedData) -> Iterator[Finding]:
    """Finds boxes that a picture has twice with one class, to the pixel."""
    items, count = [], 0
    for index, objects in pictures_with_objects(data):
        copies = Counter(
            (item.label, *map(round, item.box))
            for item in objects.objects
            if not item.crowd
        )
        if twice := {key: number for key, number in copies.items() if number > 1}:
            count += sum(twice.values()) - len(twice)
            label, *box = next(iter(twice))
            names = (data.class_names[label],)
            text = ", ".join(map(str, box))
            items.append(Item((data.id(index),), names, text))
    yield from SAME_BOX.findings(items, count=count)


def many_boxes(data: InspectedData) -> Iterator[Finding]:
    """Finds pictures with more objects than are learned of one view."""
    yield from MANY_BOXES.findings(
        data.item(index, f"{len(objects.objects):,}")
        for index, objects in pictures_with_objects(data)
        if len(objects.objects) > MAX_LEARNED
    )


def tiny_boxes(data: InspectedData) -> Iterator[Finding]:
    """Finds boxes of which a network of the usual size sees hardly anything."""
    items, count = [], 0
    for index, objects in pictures_with_objects(data):
        scale = USUAL_SIDE_PIXELS / max(objects.width, objects.height)
        sides = [
            min(right - left, bottom - top) * scale
            for left, top, right, bottom in (item.box for item in objects.objects)
        ]
        if tiny := sum(side < MIN_BOX_PIXELS for side in sides):
            count += tiny
            items.append(data.item(index, f"{tiny:,} of {len(sides):,}"))
    yield from TINY_BOX.findings(items, count=count)


def one_based(data: InspectedData) -> Iterator[Finding]:
    """Finds that boxes begin at pixel 1 where others would begin at 0."""
    first: list[int] = []
    for index, objects in pictures_with_objects(data):
        for item in objects.objects:
            edge = min(item.box[:2])
            if edge < 1:
                return
            if edge == 1:
                first.append(index)
    if len(first) >= MIN_ONE_BASED:
        pictures = dict.fromkeys(first)
        yield from ONE_BASED.findings(map(data.item, pictures), count=len(first))
