"""Checks of files: what is no image, or says that it is another one."""

from __future__ import annotations

from collections.abc import Iterator
from posixpath import splitext

from cnnxfer.data.check.inspected import InspectedData
from cnnxfer.data.check.report import KINDS, NOTE, WARNING, Finding, Item, Kind
from cnnxfer.data.images.decode import SUFFIXES

UNREADABLE = KINDS.add(
    Kind(
        name="unreadable",
        severity=WARNING,
        title="unreadable images",
        done="left out",
        advice="Fetch them again, save them as JPEG or PNG, or delete them.",
    )
)
TRUNCATED = KINDS.add(
    Kind(
        name="truncated",
        severity=WARNING,
        title="truncated images",
        done="left out",
        advice="Copy or download them again, or delete them.",
    )
)
TOO_LARGE = KINDS.add(
    Kind(
        name="too-large",
        severity=WARNING,
        title="images over the size limits",
        done="left out",
        advice="Save them smaller: a network sees a few hundred pixels a side.",
    )
)
OTHER_FILE = KINDS.add(
    Kind(
        name="other-file",
        severity=NOTE,
        title="files that are no images",
        done="left out",
        advice="Move them elsewhere.",
    )
)
WRONG_SUFFIX = KINDS.add(
    Kind(
        name="wrong-suffix",
        severity=NOTE,
        title="suffixes of another format",
        done="read by what is in them",
        advice="Rename them: other programs go by the name.",
    )
)
HIDDEN = KINDS.add(
    Kind(
        name="hidden",
        severity=NOTE,
        title="hidden or system files",
        done="passed over",
        advice="Delete them, or rename those that are images.",
    )
)

# How the reasons begin that `decode` and `read_bytes` give.
REASONS = {
    "truncated": TRUNCATED,
    "over ": TOO_LARGE,
    "too large": TOO_LARGE,
}
NO_IMAGE = ("not an image", "SVG ", "empty file")
# By Pillow's name of the format. A JPEG with a second picture in it is an MPO.
JPEG_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif")
SUFFIXES_OF = {
    "JPEG": JPEG_SUFFIXES,
    "MPO": JPEG_SUFFIXES,
    "PNG": (".png",),
    "GIF": (".gif",),
    "BMP": (".bmp",),
    "WEBP": (".webp",),
    "TIFF": (".tif", ".tiff"),
    "AVIF": (".avif",),
    "HEIF": (".heic", ".heif"),
}


def broken_files(facts: InspectedData) -> Iterator[Finding]:
    """Finds what cannot be decoded, sorted by what can be done about it."""
    kinds = [
        (index, _kind_of(facts.id(index), row.problem))
        for index, row in enumerate(facts.rows)
        if row.problem
    ]
    for kind in (UNREADABLE, TRUNCATED, TOO_LARGE, OTHER_FILE):
        found = [index for index, its in kinds if its is kind]
        yield from kind.found(
            (facts.item(index, facts.rows[index].problem or "") for index in found),
            quarantine=map(facts.id, found),
        )


def wrong_suffixes(facts: InspectedData) -> Iterator[Finding]:
    """Finds images whose name ends as those of another format do."""
    yield from WRONG_SUFFIX.found(
        facts.item(index, f"is {facts.rows[index].format}")
        for index in facts.sound
        if _suffix(facts.id(index)) in SUFFIXES
        and _suffix(facts.id(index)) not in SUFFIXES_OF[facts.rows[index].format]
    )


def hidden_files(facts: InspectedData) -> Iterator[Finding]:
    """Finds what was passed over without a look into it."""
    yield from HIDDEN.found(Item((name,)) for name in facts.hidden)


def _kind_of(name: str, problem: str) -> Kind:
    if problem.startswith(NO_IMAGE) and _suffix(name) not in SUFFIXES:
        return OTHER_FILE
    begins = (kind for start, kind in REASONS.items() if problem.startswith(start))
    return next(begins, UNREADABLE)


def _suffix(name: str) -> str:
    return splitext(name)[1].lower()
