"""The answers that a model is surest of, right and wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cnnxfer.data.dataset import Example
from cnnxfer.tasks.answer import TaskAnswer
from cnnxfer.tasks.task import Decision

MOST = 24  # how many of each kind are kept
RANKING = 3  # how many classes of each are


@dataclass(frozen=True)
class SureAnswer:
    """An answer to an image, beside what the image shows.

    Attributes:
        example: the image.
        labels: the names of the classes that it shows.
        answer: what the model answers.
    """

    example: Example
    labels: tuple[str, ...]
    answer: TaskAnswer


def surest_answers(
    examples: Sequence[Example],
    found: Sequence[np.ndarray],
    chosen: np.ndarray,
    decision: Decision,
    class_names: Sequence[str],
) -> tuple[SureAnswer, ...]:
    """Returns the answers that the model is surest of, the surest first.

    Args:
        examples: images, whose labels are positions in the class names.
        found: what was found in each of them.
        chosen: bool `(images,)`: which images are asked for.
        decision: how answers follow from that.
        class_names: the names of the classes, in label order.
    """
    classes = [(name, name) for name in class_names]
    asked = np.flatnonzero(chosen)
    sure = decision.confidence([found[at] for at in asked.tolist()])
    order = np.argsort(-sure, kind="stable")
    return tuple(
        SureAnswer(
            examples[at],
            tuple(class_names[label] for label in examples[at].labels),
            decision.answer(found[at], classes, RANKING, None),
        )
        for at in asked[order[:MOST]].tolist()
    )
