"""Measures a run on its test images, or on others."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from cnnxfer.data.dataset import Example
from cnnxfer.data.image_source import ImageSource
from cnnxfer.data.sources import load_dataset
from cnnxfer.errors import DataError
from cnnxfer.evaluation.metrics import ClassCount, Evaluation, top_k_accuracy
from cnnxfer.prediction.classifier import Computing, load_classifier
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
        before = measure(run.parent).top1
        evaluation = dataclasses.replace(evaluation, before=before)
    run.update_metrics(test=dataclasses.asdict(evaluation))
    return evaluation


def evaluate_data(
    run: Run, spec: str, reporter: Reporter, *, engine: str, precision: str
) -> Evaluation:
    """Measures a run on all labelled images that `spec` holds; see `evaluate_run`.

    Raises:
        DataError: if they have classes that the run doesn't know.
    """
    dataset = load_dataset(spec, reporter)
    labels = {name: label for label, name in enumerate(run.class_names)}
    unknown = [name for name in dataset.class_names if name not in labels]
    if unknown:
        raise DataError(
            f"{spec} has classes that {run.path} doesn't know: {', '.join(unknown)}. "
            f"It knows: {', '.join(run.class_names)}."
        )
    examples = [
        dataclasses.replace(example, label=labels[dataset.class_names[example.label]])
        for example in dataset.examples
    ]
    return _measure(run, examples, reporter, engine, precision)


def _measure(
    run: Run,
    examples: Sequence[Example],
    reporter: Reporter,
    engine: str,
    precision: str,
) -> Evaluation:
    classifier = load_classifier(run, reporter, Computing(engine, precision))
    rows, labels = [], []
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
            labels.append(example.label)
    if not rows:
        raise DataError(f"none of {len(examples)} test images could be read.")
    return _evaluation(run, np.stack(rows), np.array(labels), len(examples) - len(rows))


def _evaluation(
    run: Run, probabilities: np.ndarray, labels: np.ndarray, unreadable: int
) -> Evaluation:
    correct = probabilities.argmax(axis=1) == labels
    names = run.class_names
    return Evaluation(
        run=run.name,
        images=len(labels),
        unreadable=unreadable,
        top1=top_k_accuracy(probabilities, labels, 1),
        top5=top_k_accuracy(probabilities, labels, 5) if len(names) > 5 else None,
        classes=tuple(
            ClassCount(
                name,
                images=int((labels == label).sum()),
                correct=int(correct[labels == label].sum()),
            )
            for label, name in enumerate(names)
        ),
    )
