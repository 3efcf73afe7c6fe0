"""Measures a run on its test images, or on others."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence

import numpy as np

from cnnxfer.data.dataset import Dataset, Example
from cnnxfer.data.image_source import ImageSource
from cnnxfer.data.index import build_index, report_problems
from cnnxfer.data.sources import load_dataset
from cnnxfer.data.splits import TEST
from cnnxfer.data.targets import targets_of
from cnnxfer.errors import DataError
from cnnxfer.evaluation.metrics import (
    Evaluation,
    micro_f1,
    score_classes,
    top_k_accuracy,
    wilson_interval,
)
from cnnxfer.prediction.classifier import Classifier, Computing, load_classifier
from cnnxfer.prediction.probabilities import reaches
from cnnxfer.prediction.seen_images import say_seen, seen_parts
from cnnxfer.reporting import Reporter
from cnnxfer.runs import Run
from cnnxfer.training.prepare import load_parts


def evaluate_run(
    run: Run, reporter: Reporter, *, engine: str, precision: str
) -> Evaluation:
    """Measures a run on its test part, and its parent beside it.

    Args:
        run: has a model.
        reporter: draws the progress.
        engine: what is to run the network; see `choose_engine`.
        precision: what that is to compute in.

    Raises:
        DataError: if there is no test part, or images are gone.
    """
    examples = load_parts(run, reporter).test
    if not examples:
        raise DataError(
            f"{run.path} has no test images (--split {run.config.split}). "
            "Give others with --data."
        )

    def measure(run: Run) -> Evaluation:
        return _measure(run, examples, reporter, engine, precision)

    evaluation = measure(run)
    if run.parent and run.parent.model_path.exists():
        evaluation = dataclasses.replace(evaluation, before=measure(run.parent))
    run.update_metrics(test=dataclasses.asdict(evaluation))
    return evaluation


def evaluate_data(
    run: Run, spec: str, reporter: Reporter, *, engine: str, precision: str
) -> Evaluation:
    """Measures a run on the labelled images that `spec` holds; see `evaluate_run`.

    Those that it was trained or validated on are left out, with a warning: it may know
    them by heart. Those of its test part are not.

    Raises:
        DataError: if they have classes that the run doesn't know, if they have several
            labels and the run knows one or the reverse, or if no image is left.
    """
    dataset = load_dataset(spec, reporter)
    _check_task(dataset, spec, run)
    examples = _relabelled(dataset, spec, run)
    rows = report_problems(build_index(examples, reporter), reporter)
    if not rows:
        raise DataError(f"none of the {len(examples)} images of {spec} could be read.")
    seen = seen_parts(run, reporter)
    parts = [seen.get(row.sha256, TEST) for row in rows]
    new = [row.example for row, part in zip(rows, parts, strict=True) if part == TEST]
    if repeats := say_seen(Counter(parts), len(rows), run.name):
        reporter.warn(f"{repeats}; left out, as that is no test.")
    if not new:
        raise DataError(
            f"{run.path} was trained and validated on all {len(rows)} images of "
            f"{spec}. Give it images that are new to it."
        )
    evaluation = _measure(run, new, reporter, engine, precision)
    return dataclasses.replace(
        evaluation,
        unreadable=evaluation.unreadable + len(examples) - len(rows),
        seen=len(rows) - len(new),
    )


def _check_task(dataset: Dataset, spec: str, run: Run) -> None:
    several = run.thresholds is not None
    if several and not dataset.multi_label:
        raise DataError(
            f"the images of {spec} have one label each, and {run.path} gives them any "
            "number. Measure it on a table with all labels of an image: rose|tulip."
        )
    if dataset.multi_label and not several:
        raise DataError(
            f"images of {spec} may have several labels, and {run.path} gives them one. "
            "Measure it on images with one label each, or train a run on such a table."
        )


def _relabelled(dataset: Dataset, spec: str, run: Run) -> list[Example]:
    """Returns the images with labels that index the run's classes."""
    labels = {name: label for label, name in enumerate(run.class_names)}
    unknown = [name for name in dataset.class_names if name not in labels]
    if unknown:
        raise DataError(
            f"{spec} has classes that {run.path} doesn't know: {', '.join(unknown)}. "
            f"It knows: {', '.join(run.class_names)}."
        )
    ours = [labels[name] for name in dataset.class_names]
    return [
        dataclasses.replace(
            example, labels=tuple(ours[label] for label in example.labels)
        )
        for example in dataset.examples
    ]


def _measure(
    run: Run,
    examples: Sequence[Example],
    reporter: Reporter,
    engine: str,
    precision: str,
) -> Evaluation:
    classifier = load_classifier(run, reporter, Computing(engine, precision))
    rows, read = [], []
    answers = classifier.answer(
        [ImageSource(example.id, example.read) for example in examples],
        "evaluating",
        reporter,
        total=len(examples),
    )
    for example, answer in zip(examples, answers, strict=True):
        if answer.probabilities is None:
            reporter.warn(f"left out {example.id}: {answer.picture.error}")
        else:
            rows.append(answer.probabilities)
            read.append(example)
    if not rows:
        raise DataError(f"none of {len(examples)} test images can be read any more.")
    targets = targets_of(read, len(run.class_names)).astype(bool)
    evaluation = _evaluation(run, classifier, np.stack(rows), targets)
    return dataclasses.replace(evaluation, unreadable=len(examples) - len(read))


def _evaluation(
    run: Run, classifier: Classifier, probabilities: np.ndarray, targets: np.ndarray
) -> Evaluation:
    names, thresholds = run.class_names, classifier.thresholds
    several = thresholds is not None
    if thresholds is None:
        best = probabilities.argmax(axis=1)
        answers = best[:, None] == np.arange(len(names))
    else:
        answers = reaches(probabilities, thresholds)
    classes = score_classes(names, probabilities, answers, targets, thresholds)
    right = int((answers == targets).all(axis=1).sum())
    precisions = [row.average_precision for row in classes]
    return Evaluation(
        run=run.name,
        images=len(targets),
        unreadable=0,
        seen=0,
        top1=top_k_accuracy(probabilities, targets, 1),
        top5=top_k_accuracy(probabilities, targets, 5) if len(names) > 5 else None,
        macro_f1=_mean([row.f1 for row in classes]),
        classes=classes,
        exact=wilson_interval(right, len(targets)) if several else None,
        micro_f1=micro_f1(answers, targets) if several else None,
        mean_average_precision=_mean(precisions) if several else None,
    )


def _mean(figures: Sequence[float | None]) -> float:
    """Returns the mean of those that there are."""
    there = [figure for figure in figures if figure is not None]
    return sum(there) / len(there) if there else 0.0
