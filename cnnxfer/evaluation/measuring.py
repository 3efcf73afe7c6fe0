"""Measures models on lists of images."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import partial

from cnnxfer.config.prediction import ClassifierOptions
from cnnxfer.data.dataset import Example
from cnnxfer.errors import DataError
from cnnxfer.evaluation.answered import answers_to_parts
from cnnxfer.evaluation.checked_answers import CheckedAnswers
from cnnxfer.evaluation.metrics import Evaluation
from cnnxfer.evaluation.surest import surest_answers
from cnnxfer.prediction.model_source import ModelSource, run_model
from cnnxfer.reporting import Reporter
from cnnxfer.runs import Run


def measure_beside_parent(
    run: Run,
    splits: Sequence[Sequence[Example]],
    reporter: Reporter,
    options: ClassifierOptions,
    place: str = "",
) -> list[Evaluation]:
    """Measures a run and its parent on each of several splits.

    Args:
        run: a run with a model. If it has no parent, or the parent has no model, only
            the run itself is measured.
        splits: lists of images, none of them empty; all are computed in one pass.
        reporter: shows the progress, and warns of images that cannot be read.
        options: say which engine runs the networks.
        place: where both runs' training pictures are, if they have moved.

    Returns:
        An evaluation for each split.

    Raises:
        DataError: if no image of a split can be read.
    """
    parent = run.parent
    if not parent or not parent.model_path.exists():
        return measure(run_model(run), splits, reporter, options, place)
    images = sum(map(len, splits))
    with reporter.expecting(1, "networks"), reporter.expecting(images, "images"):
        measured = measure(run_model(run), splits, reporter, options, place)
    before = measure(run_model(parent), splits, reporter, options, place)
    return list(map(_beside, measured, before))


def measure(
    model: ModelSource,
    splits: Sequence[Sequence[Example]],
    reporter: Reporter,
    options: ClassifierOptions,
    place: str = "",
) -> list[Evaluation]:
    """Measures a model on each of several splits; see `measure_beside_parent`."""
    names = tuple(name for _, name in model.classes)
    decision = model.decision
    known = model.known_splits(reporter)
    evaluations = []
    for answered in answers_to_parts(model, splits, reporter, options, place):
        examples, found = answered.examples, answered.found
        if not examples:
            raise DataError(
                f"none of {answered.unreadable} images can be read any more."
            )
        figures, right = decision.measure(names, found, examples)
        surest = partial(
            surest_answers,
            examples,
            answered.sizes,
            found,
            decision=decision,
            class_names=names,
        )
        evaluations.append(
            Evaluation(
                model.name,
                images=len(examples),
                unreadable=answered.unreadable,
                seen=0,
                figures=figures,
                answers=CheckedAnswers(answered, right, decision, model.classes, known),
                surest_mistakes=surest(chosen=~right),
                surest_right=surest(chosen=right),
            )
        )
    return evaluations


def _beside(after: Evaluation, before: Evaluation) -> Evaluation:
    """Returns an evaluation with that of the parent, and what changed."""
    assert after.answers
    assert before.answers
    right, was_right = after.answers.right_by_id, before.answers.right_by_id
    both = right.keys() & was_right.keys()
    return dataclasses.replace(
        after,
        before=before,
        gained=sum(right[id] > was_right[id] for id in both),
        lost=sum(right[id] < was_right[id] for id in both),
    )
