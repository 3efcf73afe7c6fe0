"""Checks of single pictures: what a network sees otherwise than a person."""

from __future__ import annotations

from collections.abc import Iterator

from cnnxfer.data.check.inspected import InspectedData
from cnnxfer.data.check.report import KINDS, NOTE, WARNING, Finding, Item, Kind
from cnnxfer.data.dataset import IndexRow

# The side of the smallest picture that Keras's backbones take.
TINY = 32
# What a camera with one of the finest common sensors gives; 150 MB when decoded.
HUGE_PIXELS = 50_000_000
# The square that a network sees of such a picture is a third of it, or less.
LONG = 3.0
# What more than half of the pictures are is no exception among them.
COMMON = 0.5

ANIMATED = KINDS.add(
    Kind(
        name="animated",
        severity=NOTE,
        title="images of several frames or pages",
        done="the first frame is used",
        advice="Save the frames that you want as files of their own.",
    )
)
CMYK = KINDS.add(
    Kind(
        name="cmyk",
        severity=NOTE,
        title="CMYK images",
        done="converted to RGB",
        advice="Look at their colours, and save them as RGB.",
    )
)
TURNED = KINDS.add(
    Kind(
        name="turned",
        severity=NOTE,
        title="images that lie turned in the file",
        done="turned upright by EXIF",
        advice="Nothing. Other programs may show them turned.",
    )
)
TINY_PICTURE = KINDS.add(
    Kind(
        name="tiny",
        severity=WARNING,
        title=f"images of under {TINY} pixels a side",
        done="enlarged",
        advice="Look whether they are thumbnails or icons, and delete these.",
    )
)
TINY_PICTURES = KINDS.add(
    Kind(
        name="all-tiny",
        severity=NOTE,
        title=f"images of under {TINY} pixels a side, as most are",
        done="enlarged",
        advice="Train with a small --image-size, which takes less time.",
    )
)
HUGE = KINDS.add(
    Kind(
        name="huge",
        severity=NOTE,
        title=f"images of over {HUGE_PIXELS // 10**6} megapixels",
        done="used, but slow to read",
        advice="Save them smaller: a network sees a few hundred pixels a side.",
    )
)
LONG_PICTURE = KINDS.add(
    Kind(
        name="long",
        severity=WARNING,
        title=f"images longer than {LONG:.0f} to 1",
        done="only the middle is seen",
        advice="Crop them to what they show.",
    )
)
GREY = KINDS.add(
    Kind(
        name="grey",
        severity=NOTE,
        title="greyscale images among colour ones",
        done="used, as three equal channels",
        advice="Nothing, as long as they are spread over the classes.",
    )
)
GREY_CLASS = KINDS.add(
    Kind(
        name="grey-class",
        severity=WARNING,
        title="classes mostly of greyscale images",
        done="nothing: lack of colour may be taken for the class",
        advice="Add colour images of them, or make all of the data grey.",
    )
)


def animated(facts: InspectedData) -> Iterator[Finding]:
    """Finds files with several frames or pages."""
    yield from ANIMATED.found(
        facts.item(index, f"{facts.rows[index].frames} frames")
        for index in facts.sound
        if facts.rows[index].frames > 1
    )


def cmyk(facts: InspectedData) -> Iterator[Finding]:
    """Finds pictures in the colours of printers."""
    yield from CMYK.found(
        facts.item(index) for index in facts.sound if facts.rows[index].mode == "CMYK"
    )


def turned(facts: InspectedData) -> Iterator[Finding]:
    """Finds pictures that are upright by their EXIF block only."""
    yield from TURNED.found(
        facts.item(index, f"orientation {facts.rows[index].orientation}")
        for index in facts.sound
        if facts.rows[index].orientation != 1
    )


def tiny(facts: InspectedData) -> Iterator[Finding]:
    """Finds pictures of fewer pixels than a network can make use of."""
    found = [
        facts.item(index, _size(facts.rows[index]))
        for index in facts.sound
        if min(facts.rows[index].width, facts.rows[index].height) < TINY
    ]
    common = len(found) > COMMON * len(facts.sound)
    yield from (TINY_PICTURES if common else TINY_PICTURE).found(found)


def huge(facts: InspectedData) -> Iterator[Finding]:
    """Finds pictures that take long to decode, and much memory."""
    yield from HUGE.found(
        facts.item(index, _size(facts.rows[index]))
        for index in facts.sound
        if facts.rows[index].width * facts.rows[index].height > HUGE_PIXELS
    )


def long(facts: InspectedData) -> Iterator[Finding]:
    """Finds pictures most of which lies outside of the square that is seen."""
    yield from LONG_PICTURE.found(
        facts.item(index, _size(facts.rows[index]))
        for index in facts.sound
        if _ratio(facts.rows[index]) > LONG
    )


def grey(facts: InspectedData) -> Iterator[Finding]:
    """Finds grey pictures among coloured ones, and classes that are mostly grey."""
    found = {index for index in facts.sound if facts.rows[index].grey}
    if len(found) > COMMON * len(facts.sound):
        return
    yield from GREY.found(map(facts.item, sorted(found)))
    counts = [(len(found.intersection(its)), len(its)) for its in facts.by_class]
    yield from GREY_CLASS.found(
        Item(classes=(facts.class_names[label],), note=f"{grey} of {images} images")
        for label, (grey, images) in enumerate(counts)
        if grey > COMMON * images
    )


def _size(row: IndexRow) -> str:
    return f"{row.width} x {row.height}"


def _ratio(row: IndexRow) -> float:
    return max(row.width, row.height) / min(row.width, row.height)
