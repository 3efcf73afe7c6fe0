"""Checks of single images: size, shape, colours, orientation and frames."""

from collections.abc import Callable, Iterable, Iterator

from cnnxfer.data.check.inspected import InspectedData
from cnnxfer.data.check.report import Finding, Item, Kind, note_kind, warning_kind
from cnnxfer.data.dataset import IndexRow

# The side of the smallest image that Keras's backbones take.
MIN_SIDE_PIXELS = 32
# As many as a high-resolution camera takes; 150 MB when decoded.
MAX_USUAL_PIXELS = 50_000_000
# A network sees the square in the middle: a third of such an image, or less.
MAX_ASPECT_RATIO = 3.0
# A property of more than half of the images is usual there, not worth a warning.
USUAL_SHARE = 0.5

Check = Callable[[InspectedData], Iterable[Finding]]


def _is_long(row: IndexRow) -> bool:
    sides = row.width, row.height
    return max(sides) > MAX_ASPECT_RATIO * min(sides)


def _size(row: IndexRow) -> str:
    return f"{row.width} x {row.height}"


def _images(
    kind: Kind,
    applies: Callable[[IndexRow], bool],
    note: Callable[[IndexRow], str] = _size,
) -> Check:
    """Returns the check that finds the images that a condition applies to."""

    def check(data: InspectedData) -> Iterable[Finding]:
        return kind.findings(
            data.item(index, note(data.rows[index]))
            for index in data.sound
            if applies(data.rows[index])
        )

    return check


animated = _images(
    note_kind(
        "animated",
        "images of several frames or pages",
        done="the first frame is used",
        advice="Save the frames that you want as files of their own.",
    ),
    lambda row: row.frames > 1,
    lambda row: f"{row.frames} frames",
)
cmyk = _images(
    note_kind(
        "cmyk",
        "CMYK images",
        done="converted to RGB",
        advice="Look at their colours, and save them as RGB.",
    ),
    lambda row: row.mode == "CMYK",
    lambda row: "",
)
turned = _images(
    note_kind(
        "turned",
        "images stored rotated",
        done="turned upright by EXIF",
        advice="Nothing. Other programs may show them turned.",
    ),
    lambda row: row.orientation != 1,
    lambda row: f"orientation {row.orientation}",
)
huge = _images(
    note_kind(
        "huge",
        f"images of over {MAX_USUAL_PIXELS // 10**6} megapixels",
        done="used, but slow to read",
        advice="Save them smaller: a network sees a few hundred pixels a side.",
    ),
    lambda row: row.width * row.height > MAX_USUAL_PIXELS,
)
dim = _images(
    warning_kind(
        "dim",
        "images of 16 bits or more that use only the lowest",
        done="used, and seen almost black",
        advice="Scale them to all bits, or save them with 8, as 12-bit cameras need.",
    ),
    lambda row: row.dim,
    lambda row: "",
)
LONG = warning_kind(
    "long",
    f"images longer than {MAX_ASPECT_RATIO:.0f} to 1",
    done="only the middle is seen",
    advice="Crop them to what they show.",
)
TINY = warning_kind(
    "tiny",
    f"images of under {MIN_SIDE_PIXELS} pixels a side",
    done="enlarged",
    advice="Look whether they are thumbnails or icons, and delete these.",
)
ALL_TINY = note_kind(
    "all-tiny",
    f"images of under {MIN_SIDE_PIXELS} pixels a side, as most are",
    done="enlarged",
    advice="Train with a small {--image-size}, which takes less time.",
)
GREY = note_kind(
    "grey",
    "greyscale images among colour ones",
    done="used, as three equal channels",
    advice="Nothing, as long as they are spread over the classes.",
)
GREY_CLASS = warning_kind(
    "grey-class",
    "classes mostly of greyscale images",
    done="nothing: lack of colour may be taken for the class",
    advice="Add colour images of them, or make all of the data grey.",
)


def long(data: InspectedData) -> Iterator[Finding]:
    """Finds long images, where classes are learned: boxes and masks are seen whole."""
    yield from LONG.findings(
        data.item(index, _size(data.rows[index]))
        for index in data.sound
        if data.classified and _is_long(data.rows[index])
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
