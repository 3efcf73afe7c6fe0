"""Checks of single images: size, shape, colours, orientation and frames."""

from __future__ import annotations

from collections.abc import Iterator

from cnnxfer.data.check.inspected import InspectedData
from cnnxfer.data.check.report import KINDS, NOTE, WARNING, Finding, Item, Kind
from cnnxfer.data.dataset import IndexRow

# The side of the smallest image that Keras's backbones take.
MIN_SIDE_PIXELS = 32
# As many as a high-resolution camera takes; 150 MB when decoded.
MAX_USUAL_PIXELS = 50_000_000
# A network sees the square in the middle: a third of such an image, or less.
MAX_ASPECT_RATIO = 3.0
# A property of more than half of the images is usual there, not worth a warning.
USUAL_SHARE = 0.5

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
        title="images stored rotated",
        done="turned upright by EXIF",
        advice="Nothing. Other programs may show them turned.",
    )
)
TINY = KINDS.add(
    Kind(
        name="tiny",
        severity=WARNING,
        title=f"images of under {MIN_SIDE_PIXELS} pixels a side",
        done="enlarged",
        advice="Look whether they are thumbnails or icons, and delete these.",
    )
)
ALL_TINY = KINDS.add(
    Kind(
        name="all-tiny",
        severity=NOTE,
        title=f"images of under {MIN_SIDE_PIXELS} pixels a side, as most are",
        done="enlarged",
        advice="Train with a small {--image-size}, which takes less time.",
    )
)
HUGE = KINDS.add(
    Kind(
        name="huge",
        severity=NOTE,
        title=f"images of over {MAX_USUAL_PIXELS // 10**6} megapixels",
        done="used, but slow to read",
        advice="Save them smaller: a network sees a few hundred pixels a side.",
    )
)
LONG = KINDS.add(
    Kind(
        name="long",
        severity=WARNING,
        title=f"images longer than {MAX_ASPECT_RATIO:.0f} to 1",
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


def animated(data: InspectedData) -> Iterator[Finding]:
    """Finds files with several frames or pages."""
    yield from ANIMATED.findings(
        data.item(index, f"{data.rows[index].frames} frames")
        for index in data.sound
        if data.rows[index].frames > 1
    )


def cmyk(data: InspectedData) -> Iterator[Finding]:
    """Finds images in CMYK, the colours of printers."""
    yield from CMYK.findings(
        data.item(index) for index in data.sound if data.rows[index].mode == "CMYK"
    )


def turned(data: InspectedData) -> Iterator[Finding]:
    """Finds images that are stored turned, and upright by their EXIF block only."""
    yield from TURNED.findings(
        data.item(index, f"orientation {data.rows[index].orientation}")
        for index in data.sound
        if data.rows[index].orientation != 1
    )


def tiny(data: InspectedData) -> Iterator[Finding]:
    """Finds images that are smaller than the input of any backbone."""
    found = [
        data.item(index, _size(data.rows[index]))
        for index in data.sound
        if min(data.rows[index].width, data.rows[index].height) < MIN_SIDE_PIXELS
    ]
    usual = len(found) > USUAL_SHARE * len(data.sound)
    yield from (ALL_TINY if usual else TINY).findings(found)


def huge(data: InspectedData) -> Iterator[Finding]:
    """Finds images that take much time and memory to decode."""
    yield from HUGE.findings(
        data.item(index, _size(data.rows[index]))
        for index in data.sound
        if data.rows[index].width * data.rows[index].height > MAX_USUAL_PIXELS
    )


def long(data: InspectedData) -> Iterator[Finding]:
    """Finds long images, of which the square in the middle shows only a small part."""
    yield from LONG.findings(
        data.item(index, _size(data.rows[index]))
        for index in data.sound
        if _aspect_ratio(data.rows[index]) > MAX_ASPECT_RATIO
    )


def grey(data: InspectedData) -> Iterator[Finding]:
    """Finds grey images among coloured ones, and classes that are mostly grey."""
    found = {index for index in data.sound if data.rows[index].grey}
    if len(found) > USUAL_SHARE * len(data.sound):
        return
    yield from GREY.findings(map(data.item, sorted(found)))
    counts = [
        (len(found.intersection(images)), len(images)) for images in data.by_class
    ]
    yield from GREY_CLASS.findings(
        Item(classes=(data.class_names[label],), note=f"{grey} of {images} images")
        for label, (grey, images) in enumerate(counts)
        if grey > USUAL_SHARE * images
    )


def _size(row: IndexRow) -> str:
    return f"{row.width} x {row.height}"


def _aspect_ratio(row: IndexRow) -> float:
    return max(row.width, row.height) / min(row.width, row.height)
