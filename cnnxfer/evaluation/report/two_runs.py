"""The page about two runs side by side: is one of them really better?"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cnnxfer.config.prediction import ClassifierOptions
from cnnxfer.data.dataset import Example
from cnnxfer.data.run_images import find_images
from cnnxfer.errors import ConfigError, DataError
from cnnxfer.evaluation.answered import answers_to
from cnnxfer.evaluation.difference import ResultDifference, difference_of
from cnnxfer.evaluation.histories import plot_histories
from cnnxfer.evaluation.report.galleries import (
    MOST,
    Pictures,
    ShownAnswer,
    draw_answers,
    shown_answer,
)
from cnnxfer.evaluation.report.measured import MeasuredPart, measure_part
from cnnxfer.evaluation.report.page import GENERATOR
from cnnxfer.pages.page import write
from cnnxfer.reporting import Reporter, counted
from cnnxfer.runs import Run
from cnnxfer.spelling import command
from cnnxfer.tasks.bootstrap import paired_interval
from cnnxfer.tasks.catalog import task_of
from cnnxfer.tasks.score import ACCURACY, NAMES


@dataclass(frozen=True)
class ClassPair:
    """How well two runs answer a class.

    Attributes:
        name: the name of the class.
        one: the figure of the first run, a fraction; None if it is not known.
        other: that of the second run.
    """

    name: str
    one: float | None
    other: float | None

    @property
    def difference(self) -> float | None:
        """How much better the second run is; None if a figure is not known."""
        if self.one is None or self.other is None:
            return None
        return self.other - self.one


@dataclass(frozen=True)
class Changed:
    """Images that one of two runs answers correctly, and the other doesn't.

    Attributes:
        kind: `right` or `wrong`, as the second run answers.
        title: which run is right.
        count: how many images there are, of which some are shown.
        answers: what the first and what the second run answer to those that are shown.
    """

    kind: str
    title: str
    count: int
    answers: tuple[tuple[ShownAnswer, ShownAnswer], ...]


def report_two_runs(
    one: Run,
    other: Run,
    spec: str,
    split: str,
    path: Path,
    reporter: Reporter,
    options: ClassifierOptions,
) -> None:
    """Writes the page about two runs, measured on the same images.

    Args:
        one: a run with a model.
        other: another one, whose task and classes are the same.
        spec: where their images are.
        split: `validation` or `test`; the images that both runs have there are used.
        path: the HTML file.
        reporter: shows the progress.
        options: say which engine runs the networks.

    Raises:
        ConfigError: if the tasks or the classes differ.
        DataError: if no image is in the split of both runs, or they are gone.
        OSError: if the page cannot be written; the error names it.
        RunError: if a file of a run is damaged.
    """
    _check_comparable(one, other)
    retry = command("report", one.path, other.path, data="NEW_PLACE")
    images = find_images(one, spec, reporter, retry=retry, parts=[split], limit=1.0)
    own = {"validation": images.splits.validation, "test": images.splits.test}[split]
    shared = _shared(own, split, one, other)
    while True:
        answered = [
            answers_to(run, _numbered(shared, one, run), reporter, options, spec)
            for run in (one, other)
        ]
        known = [{each.sha256 for each in answers.examples} for answers in answered]
        if known[0] == known[1]:
            break
        # One run has answered before what cannot be read any more.
        shared = [each for each in shared if each.sha256 in known[0] & known[1]]
    parts = [
        measure_part(run, split, answers)
        for run, answers in zip((one, other), answered, strict=True)
    ]
    result = compare_parts(*parts)
    changed = changed_answers(*parts)
    pictures = _pictures(changed, one, other, reporter)
    difference = difference_of(one, other)
    write(
        path,
        "two_runs.html",
        generator=GENERATOR,
        title=f"{one.name} and {other.name}",
        names=(one.name, other.name),
        images=counted(len(parts[0].examples), f"{split} image"),
        left_out=len(own) - len(shared),
        split=split,
        result=result,
        histories=plot_histories([one, other]),
        lines=[part.figures.lines(None) for part in parts],
        quality=parts[0].figures.table.quality,
        quality_name=parts[0].decision.quality_name,
        classes=class_pairs(*parts),
        changed=changed,
        pictures=pictures,
        changes={
            "setting": difference.settings,
            "training": difference.training,
            "version or machine": difference.origin,
        },
    )


def compare_parts(one: MeasuredPart, other: MeasuredPart) -> ResultDifference:
    """Returns how two models differ on the same images, in the same order.

    Accuracies are tested by the images that one of them answers correctly. Boxes and
    masks are seldom right as a whole, so their headline is resampled in pairs.
    """
    figure, value = one.figures.headline
    _, better = other.figures.headline
    drawn = (
        part.decision.resampled_headline(part.answered.found, part.examples)
        for part in (one, other)
    )
    interval = paired_interval(better.value - value.value, *drawn)
    low, high = interval or (None, None)
    whole = figure == ACCURACY
    return ResultDifference(
        f"{one.split} {NAMES[figure]}",
        value,
        better,
        same_images=True,
        low=low,
        high=high,
        gained=int((other.right & ~one.right).sum()) if whole else None,
        lost=int((one.right & ~other.right).sum()) if whole else None,
    )


def class_pairs(one: MeasuredPart, other: MeasuredPart) -> list[ClassPair]:
    """Returns how well each class is answered, those that became worse first."""
    first, second = one.figures.table.qualities, other.figures.table.qualities
    pairs = [ClassPair(name, first[name], second[name]) for name in first]
    return sorted(
        pairs, key=lambda pair: 2.0 if pair.difference is None else pair.difference
    )


def changed_answers(one: MeasuredPart, other: MeasuredPart) -> list[Changed]:
    """Returns which images only one of the models answers correctly."""
    change = other.quality - one.quality
    lost = np.flatnonzero(one.right & ~other.right)
    gained = np.flatnonzero(other.right & ~one.right)
    lost = lost[np.argsort(change[lost], kind="stable")]
    gained = gained[np.argsort(-change[gained], kind="stable")]
    groups = [("wrong", "only A is right", lost), ("right", "only B is right", gained)]
    return [
        Changed(
            kind,
            title,
            len(positions),
            tuple(
                (shown_answer(one, at), shown_answer(other, at))
                for at in positions[:MOST].tolist()
            ),
        )
        for kind, title, positions in groups
        if len(positions)
    ]


def _check_comparable(one: Run, other: Run) -> None:
    tasks = task_of(one).name, task_of(other).name
    if tasks[0] != tasks[1]:
        raise ConfigError(
            f"{one.path} does {tasks[0]} and {other.path} {tasks[1]}; only runs of one "
            "task can be compared image by image."
        )
    if set(one.class_names) != set(other.class_names):
        names = sorted(set(one.class_names) ^ set(other.class_names))
        raise ConfigError(
            f"{one.path} and {other.path} have different classes: {', '.join(names)}. "
            "Train both on the same data."
        )


def _numbered(examples: Sequence[Example], one: Run, run: Run) -> list[Example]:
    """Returns images of the first run with the label numbers of another."""
    names = run.class_names
    numbers = {label: names.index(name) for label, name in enumerate(one.class_names)}
    return [
        dataclasses.replace(each, annotation=each.annotation.renumbered(numbers))
        for each in examples
    ]


def _shared(
    examples: Sequence[Example], split: str, one: Run, other: Run
) -> list[Example]:
    """Returns the images that have the same split and label in both runs."""
    labels = {row.sha256: row.label for row in one.split if row.split == split}
    others = {row.sha256: row.label for row in other.split if row.split == split}
    shared = [
        example
        for example in examples
        if others.get(example.sha256) == labels[example.sha256]
    ]
    if not shared:
        raise DataError(
            f"no {split} image of {one.path} is one of {other.path} with the same "
            "label, so nothing can be compared image by image. Train both on the same "
            "data with the same split."
        )
    return shared


def _pictures(
    changed: Sequence[Changed], one: Run, other: Run, reporter: Reporter
) -> list[Pictures]:
    """Returns the pictures of the answers of the first and of the second run."""
    pairs = [pair for group in changed for pair in group.answers]
    return [
        draw_answers([pair[at] for pair in pairs], run.class_names, reporter, math.inf)
        for at, run in enumerate((one, other))
    ]
