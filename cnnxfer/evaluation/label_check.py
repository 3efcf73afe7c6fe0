"""The check of labels, by what heads say that have not learned from the image."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from cnnxfer.config import defaults_of, override
from cnnxfer.data.check.inspected import InspectedData
from cnnxfer.data.check.report import Finding, Item, warning_kind
from cnnxfer.data.dataset import CLASSIFICATION, MULTI_LABEL, SPLITS, TRAIN
from cnnxfer.data.prepared import Splits
from cnnxfer.data.preparing.splits import kept_together
from cnnxfer.evaluation.suspected_images import suspected_images
from cnnxfer.evaluation.suspects import LEAST_IMAGES
from cnnxfer.reporting import Reporter, counted, printable

SUSPECTED = warning_kind(
    "suspected-label",
    "labels that may be wrong",
    done="used as they are",
    advice="Look at them with {--html FILE}, and correct those that are wrong. "
    "{--write FILE} lists those to train on, to leave out.",
)


def suspected_label_findings(
    data: InspectedData, reporter: Reporter
) -> Iterable[Finding]:
    """Returns what is found of labels that may be wrong, the worst first.

    Only images that are trained on should be excluded. A test without the images that
    models get wrong would flatter them.

    Args:
        data: images of classes; those that no split has are left out.
        reporter: shows the progress, and tells which classes are not judged.

    Raises:
        DataError, RunError: see `suspected_images`.
    """
    # As `train` sorts them, so that it finds their features in the cache.
    order = sorted(
        (index for index in data.sound if data.splits[index]),
        key=lambda index: (data.rows[index].sha256, data.rows[index].example.labels),
    )
    parts = [[index for index in order if data.splits[index] == s] for s in SPLITS]
    used = list(chain(*parts))
    if not used:
        reporter.warn("labels are not judged: the images cannot be split.")
        return []
    if small := [
        name
        for name, size in zip(data.class_names, data.class_sizes, strict=True)
        if 0 < size < LEAST_IMAGES
    ]:
        reporter.warn(
            f"labels of classes with fewer than {LEAST_IMAGES} images are not judged, "
            f"such as {printable(small[0])}."
        )
    reporter.info(f"judging labels by features of {counted(len(used), 'image')}")
    positions = {index: position for position, index in enumerate(used)}
    names = data.groups or [""] * len(data.rows)
    groups = (
        [positions[index] for index in group if index in positions]
        for group in kept_together(names, data.near)
    )
    examples = [[data.rows[index].example for index in part] for part in parts]
    one_each = all(len(example.labels) == 1 for example in chain(*examples))
    task = CLASSIFICATION if one_each else MULTI_LABEL
    suspects = suspected_images(
        override(defaults_of(task), {"task": task}),
        data.class_names,
        Splits(*examples),
        [group for group in groups if len(group) > 1],
        reporter,
    )
    likely = [suspect for suspect in suspects if suspect.likely]
    return SUSPECTED.findings(
        (
            Item(
                (suspect.example.id,),
                suspect.labels,
                f"label {1 - suspect.score:.1%} probable",
                suspect.suggested,
            )
            for suspect in likely
        ),
        quarantine=(suspect.example.id for suspect in likely if suspect.split == TRAIN),
    )
