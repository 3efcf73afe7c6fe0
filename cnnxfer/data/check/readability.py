"""Checks of files: unreadable, not an image, or with the suffix of another format."""

from collections.abc import Iterator
from posixpath import splitext

from cnnxfer.data.check.inspected import InspectedData
from cnnxfer.data.check.report import Finding, Item, Kind, note_kind, warning_kind
from cnnxfer.data.dataset import IndexRow
from cnnxfer.data.images.decode import SUFFIXES, suffixes_of
from cnnxfer.data.images.names import is_other_file

UNREADABLE = warning_kind(
    "unreadable",
    "unreadable images",
    done="left out",
    advice="Fetch them again, save them as JPEG or PNG, or delete them.",
)
NOT_READ = warning_kind(
    "not-read",
    "images that could not be read this time",
    done="left out, this time",
    advice="See to the reason, such as permissions or memory, and run this again.",
)
TRUNCATED = warning_kind(
    "truncated",
    "truncated images",
    done="left out",
    advice="Copy or download them again, or delete them.",
)
TOO_LARGE = warning_kind(
    "too-large",
    "images over the size limits",
    done="left out",
    advice="Save them smaller: a network sees a few hundred pixels a side.",
)
OTHER_FILE = note_kind(
    "other-file",
    "files that are not images",
    done="left out",
    advice="Move them elsewhere.",
)
WRONG_SUFFIX = note_kind(
    "wrong-suffix",
    "suffixes of another format",
    done="read by what is in them",
    advice="Rename them: other programs go by the name.",
)
HIDDEN = note_kind(
    "hidden",
    "hidden or system files",
    done="skipped",
    advice="Delete them, or rename those that are images.",
)
CIRCULAR = note_kind(
    "circular-link",
    "links to folders that lead around in circles",
    done="skipped",
    advice="Delete them.",
)

UNFIT = warning_kind(
    "unfit",
    "images whose boxes or mask do not fit, or cannot be read",
    done="left out",
    advice="Correct the size that is written beside the boxes, or the mask.",
)

# By the beginning of the reasons that `images.decode` and `read_bytes` give.
KIND_BY_REASON = {
    "truncated": TRUNCATED,
    "over ": TOO_LARGE,
    "too large": TOO_LARGE,
    "boxes ": UNFIT,  # as `preparing.fit` words them
    "mask ": UNFIT,
}


def broken_files(data: InspectedData) -> Iterator[Finding]:
    """Finds files that cannot be decoded, by what can be done about them."""
    kinds = [
        (index, _kind_of(row, row.problem))
        for index, row in enumerate(data.rows)
        if row.problem
    ]
    for kind in (UNREADABLE, NOT_READ, TRUNCATED, TOO_LARGE, UNFIT, OTHER_FILE):
        found = [index for index, other in kinds if other is kind]
        items = [data.item(index, data.rows[index].problem or "") for index in found]
        if kind is OTHER_FILE:
            items += [Item((name,), note="in no class") for name in data.outside]
        # An image that may be read the next time isn't excluded from training.
        excluded = () if kind is NOT_READ else found
        yield from kind.findings(items, quarantine=map(data.id, excluded))


def wrong_suffixes(data: InspectedData) -> Iterator[Finding]:
    """Finds images whose suffix is that of another format."""
    yield from WRONG_SUFFIX.findings(
        data.item(index, f"is {data.rows[index].format}")
        for index in data.sound
        if _suffix(data.id(index)) in SUFFIXES
        and _suffix(data.id(index)) not in suffixes_of(data.rows[index].format)
    )


def hidden_files(data: InspectedData) -> Iterator[Finding]:
    """Finds hidden and system files, which are left out without being read."""
    yield from HIDDEN.findings(Item((name,)) for name in data.hidden)


def circular_links(data: InspectedData) -> Iterator[Finding]:
    """Finds links to folders that lead around in circles, which are not followed."""
    yield from CIRCULAR.findings(Item((name,)) for name in data.circular)


def _kind_of(row: IndexRow, problem: str) -> Kind:
    if is_other_file(row.example.id, problem):
        return OTHER_FILE
    if row.passing:
        return NOT_READ
    kinds = (it for start, it in KIND_BY_REASON.items() if problem.startswith(start))
    return next(kinds, UNREADABLE)


def _suffix(name: str) -> str:
    return splitext(name)[1].lower()
