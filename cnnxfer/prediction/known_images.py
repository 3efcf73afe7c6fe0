"""Recognition, by their content, of images that a run was trained or tested on."""

from collections.abc import Mapping

from cnnxfer.data.dataset import SPLITS, TRAIN, VALIDATION
from cnnxfer.errors import RunError
from cnnxfer.reporting import Reporter, counted
from cnnxfer.runs import Run


def known_splits(run: Run, reporter: Reporter) -> dict[str, str]:
    """Returns the split of each of a run's images, by the SHA-256 of its content.

    For an image with copies in several splits, "train" takes precedence over
    "validation", and "validation" over "test". If the run's list of images is missing,
    that is reported, and the result is empty.
    """
    try:
        rows = run.split
    except RunError as error:
        reporter.info(f"which images the run was trained on is not known: {error}")
        return {}
    # The last of several equal keys remains, so "train" comes last.
    train_last = sorted(rows, key=lambda row: SPLITS.index(row.split), reverse=True)
    return {row.sha256: row.split for row in train_last}


def describe_known_images(splits: Mapping[str, int], images: int, run: str) -> str:
    """Returns how many images a run was trained or validated on, as text.

    Args:
        splits: the number of known images by split.
        images: the number of all images, unknown ones included.
        run: name of the run.

    Returns:
        Text such as "12 of 40 images were in the training split of RUN and 3 in its
        validation split"; empty if there are none.
    """
    names = {TRAIN: "training split", VALIDATION: "validation split"}
    found = [
        (splits[split], name) for split, name in names.items() if splits.get(split)
    ]
    if not found:
        return ""
    (count, name), *more = found
    verb = "was" if count == 1 else "were"
    text = f"{count:,} of {counted(images, 'image')} {verb} in the {name} of {run}"
    return text + "".join(f" and {count:,} in its {name}" for count, name in more)
