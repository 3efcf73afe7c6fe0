"""Images that a run has seen before: known by their content, wherever they are now."""

from __future__ import annotations

from collections.abc import Mapping

from cnnxfer.data.dataset import PARTS, TRAIN, VALIDATION
from cnnxfer.errors import RunError
from cnnxfer.reporting import Reporter, counted
from cnnxfer.runs import Run


def known_parts(run: Run, reporter: Reporter) -> dict[str, str]:
    """Returns the part of each of a run's images, by the SHA-256 of its content.

    Of copies in several parts, the one that has told the run most counts: "train" goes
    before "validation", and that before "test".

    Args:
        run: trained on them. Where its list of images is gone, it still answers.
        reporter: told if that is so.
    """
    try:
        rows = run.split
    except RunError as error:
        reporter.info(f"which images the run was trained on is not known: {error}")
        return {}
    first_last = sorted(rows, key=lambda row: PARTS.index(row.split), reverse=True)
    return {row.sha256: row.split for row in first_last}


def warn_of_known(splits: Mapping[str, int], images: int, run: str) -> str:
    """Says how many images a run has learned from, or was chosen by.

    Args:
        splits: how many of them are in which part.
        images: how many there are, new ones included.
        run: its name.

    Returns:
        Such as "12 of 40 images were in the training part of RUN and 3 in its
        validation part"; empty if there are none.
    """
    names = {TRAIN: "training part", VALIDATION: "validation part"}
    found = [
        (splits[split], name) for split, name in names.items() if splits.get(split)
    ]
    if not found:
        return ""
    (count, name), *more = found
    verb = "was" if count == 1 else "were"
    text = f"{count:,} of {counted(images, 'image')} {verb} in the {name} of {run}"
    return text + "".join(f" and {count:,} in its {name}" for count, name in more)
