"""Measures a run, and its parent, on its test images, or any model on other data."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cnnxfer.config.prediction import ClassifierOptions
from cnnxfer.data.annotation import Annotation
from cnnxfer.data.check.run_checks import repair_findings, warn_of
from cnnxfer.data.dataset import TEST, TRAIN, VALIDATION, Dataset, Example, IndexRow
from cnnxfer.data.preparing.fit import fit_annotations
from cnnxfer.data.preparing.index import (
    build_index,
    pass_over_others,
    report_problems,
)
from cnnxfer.data.run_images import find_images
from cnnxfer.data.sources import list_dataset
from cnnxfer.data.sources.suited import suited_to
from cnnxfer.errors import DataError, RunError
from cnnxfer.evaluation.measuring import measure, measure_beside_parent
from cnnxfer.evaluation.metrics import Evaluation
from cnnxfer.prediction.known_images import describe_known_images, known_splits
from cnnxfer.prediction.model_source import ModelSource, run_model
from cnnxfer.reporting import Reporter, counted
from cnnxfer.runs import Run
from cnnxfer.spelling import command, option
from cnnxfer.texts import normal

# The share of the test images that may be missing. The others are a sample as well, and
# the intervals say what fewer images tell.
MISSING_LIMIT = 0.5
MOST_NAMES = 20  # of classes in a message
NEW = "new"  # in place of the split of an image that a run does not know


def evaluate_run(
    run: Run, spec: str, reporter: Reporter, options: ClassifierOptions
) -> Evaluation:
    """Measures a run and its parent on the run's test images.

    The figures are added to the run's metrics, unless the run cannot be written.

    Args:
        run: a run with a model.
        spec: where its images are.
        reporter: shows the progress.
        options: say which engine runs the networks.

    Raises:
        DataError: if the run has no test images, or more than half of them are missing.
    """
    if not any(row.split == TEST for row in run.split):
        raise DataError(
            f"{run.path} has no test images ({option('--split', run.config.split)}). "
            f"Name other images with {option('--data')}."
        )
    images = find_images(
        run,
        spec,
        reporter,
        retry=command("evaluate", run.path, data="NEW_PLACE"),
        parts=[TEST],
        limit=MISSING_LIMIT,
    )
    test = images.splits.test
    measured = measure_beside_parent(run, [test], reporter, options, spec)
    evaluation = dataclasses.replace(measured[0], missing=len(images.missing))
    try:
        run.update_metrics(test=evaluation.as_metrics())
    except RunError as error:
        reporter.warn(f"these figures are not saved: {error}")
    return evaluation


def evaluate_data(
    run: Run, spec: str, reporter: Reporter, options: ClassifierOptions
) -> Evaluation:
    """Measures a run on labelled images.

    If all images are the run's own, which have moved, it is measured as by
    `evaluate_run`. Otherwise images that the run was trained or validated on are left
    out, with a warning. Those of its test split are not; they keep the labels that the
    run gives them.

    Args:
        run: a run with a model.
        spec: the data set, as in `train`.
        reporter: shows the progress.
        options: say which engine runs the networks.

    Raises:
        DataError: if images have classes that the run doesn't have, if they may have
            several labels and those of the run have one or the reverse, or if no image
            is left.
    """
    config = run.config
    labelled = _read(spec, config.task, config.ignore, reporter)
    rows = labelled.rows
    known = known_splits(run, reporter)
    splits = Counter(known.get(row.sha256, NEW) for row in rows)
    labels = {row.sha256: row.label for row in run.split if row.split == TEST}
    there = len(labels.keys() & {row.sha256 for row in rows})
    seen = splits[TRAIN] + splits[VALIDATION]
    if not splits[NEW] and there and there >= (1 - MISSING_LIMIT) * len(labels):
        evaluation = evaluate_run(run, spec, reporter, options)
        return dataclasses.replace(evaluation, seen=seen)
    model = run_model(run)
    examples = _relabelled(labelled, model, labels)
    if repeats := describe_known_images(splits, len(rows), run.name):
        reporter.warn(f"{repeats}; left out, as they cannot test it.")
    if there:
        reporter.info(
            f"measured on {there:,} of the {counted(len(labels), 'test image')} of "
            f"{run.path}, and on {counted(splits[NEW], 'image')} that it does not know"
        )
    new = [
        example
        for example in examples
        if known.get(example.sha256) not in (TRAIN, VALIDATION)
    ]
    if not new:
        raise DataError(
            f"{run.path} was trained and validated on all {len(rows)} images of "
            f"{spec}. Give it images that are new to it."
        )
    (evaluation,) = measure(model, [new], reporter, options)
    return dataclasses.replace(
        evaluation, unreadable=evaluation.unreadable + labelled.unreadable, seen=seen
    )


def evaluate_model(
    model: ModelSource, spec: str, reporter: Reporter, options: ClassifierOptions
) -> Evaluation:
    """Measures a model that has no run, and so no images of its own, on labelled ones.

    Args:
        model: a backbone with its ImageNet head, or an exported network.
        spec: the data set, as in `train`.
        reporter: shows the progress.
        options: say which engine runs the network.

    Raises:
        DataError: if images have classes that the model doesn't have, or if they may
            have several labels and those of the model have one or the reverse.
    """
    labelled = _read(spec, model.task.name, "none", reporter)
    examples = _relabelled(labelled, model, {})
    (evaluation,) = measure(model, [examples], reporter, options)
    return dataclasses.replace(
        evaluation, unreadable=evaluation.unreadable + labelled.unreadable
    )


@dataclass(frozen=True)
class _Labelled:
    """Labelled images that have been read.

    Attributes:
        spec: where they are, for messages.
        dataset: what the source lists, whose class names are those of the labels.
        rows: those that can be read.
        unreadable: how many cannot.
    """

    spec: str
    dataset: Dataset
    rows: Sequence[IndexRow]
    unreadable: int


def _read(spec: str, task: str, ignore: str, reporter: Reporter) -> _Labelled:
    """Reads labelled images as a task needs them.

    Raises:
        DataError: if there are none.
    """
    # One of the model's classes is enough to be measured.
    listed = list_dataset(spec, reporter)
    dataset = suited_to(listed, task, ignore, reporter, must_exist=False)
    read = build_index(dataset.examples, reporter)
    images, repairs = fit_annotations(pass_over_others(dataset, read, reporter))
    warn_of(repair_findings(dataset.class_names, repairs), spec, reporter)
    rows = report_problems(images, reporter)
    if not rows:
        raise DataError(f"none of the {len(images)} images of {spec} could be read.")
    return _Labelled(spec, dataset, rows, len(images) - len(rows))


def _relabelled(
    labelled: _Labelled, model: ModelSource, known: Mapping[str, str]
) -> list[Example]:
    """Returns images with labels that are positions in a model's classes.

    Args:
        labelled: the images.
        model: the model, whose classes are known by their names and by their ids.
        known: the labels that the model's run itself gives to images, by their SHA-256.

    Raises:
        DataError: if they have other classes, or other kinds of labels.
    """
    dataset, spec = labelled.dataset, labelled.spec
    rows = model.run.split if model.run else []
    several = bool({row.label for row in rows} - {name for _, name in model.classes})
    model.task.check_other(dataset, spec, model.place, several)
    examples = [row.example for row in labelled.rows]
    own = {name: label for label, (_, name) in enumerate(model.classes)}
    ids = {class_id: label for label, (class_id, _) in enumerate(model.classes)}
    labels = {normal(name): label for name, label in (ids | own).items()}
    # A file may name classes that no image shows, as one that several sets share does.
    shown = sorted({label for example in examples for label in example.labels})
    names = {old: normal(dataset.class_names[old]) for old in shown}
    unknown = [dataset.class_names[old] for old in shown if names[old] not in labels]
    if unknown:
        raise DataError(
            f"{spec} has classes that {model.place} doesn't know: "
            f"{_some(unknown)}. It knows: {_some(list(own))}."
        )
    counts = Counter(normal(name) for _, name in model.classes)
    for old in shown:
        if counts[names[old]] > 1 and names[old] not in ids:
            alike = [pair for pair in model.classes if normal(pair[1]) == names[old]]
            raise DataError(
                f"{spec} has the class {dataset.class_names[old]!r}, which is the name "
                f"of {counts[names[old]]} classes of {model.place}. Call it by one of "
                f"the ids: {', '.join(class_id for class_id, _ in alike)}."
            )
    numbers = {old: labels[name] for old, name in names.items()}

    def relabelled(example: Example) -> Annotation:
        if example.sha256 in known:
            return example.annotation.recorded(known[example.sha256], own)
        return example.annotation.renumbered(numbers)

    return [
        dataclasses.replace(example, annotation=relabelled(example))
        for example in examples
    ]


def _some(names: Sequence[str]) -> str:
    """Returns names with commas; of many, the first ones and how many more."""
    if len(names) <= MOST_NAMES:
        return ", ".join(names)
    return f"{', '.join(names[:MOST_NAMES])} and {len(names) - MOST_NAMES:,} more"
