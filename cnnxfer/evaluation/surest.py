"""The answers that a model is surest of, right and wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cnnxfer.data.dataset import Example
from cnnxfer.tasks.answer import TaskAnswer
from cnnxfer.tasks.task import Decision

if TYPE_CHECKING:
    from PIL import Image

MOST = 24  # how many of each kind are kept
RANKING = 3  # how many classes of each are


@dataclass(frozen=True)
class SureAnswer:
    """An answer to an image, beside what the image shows.

    Attributes:
        example: the image.
        size: its width and height, in pixels.
        labels: the names of the classes that it shows.
        answer: what the model answers.
    """

    example: Example
    size: tuple[int, int]
    labels: tuple[str, ...]
    answer: TaskAnswer

    def drawn(self, image: Image.Image) -> Image.Image:
        """Returns the whole image, at any size, with the boxes or the mask in it."""
        return self.answer.drawn(image, self.size)


def surest_answers(
    examples: Sequence[Example],
    sizes: Sequence[tuple[int, int]],
    found: Sequence[np.ndarray],
    chosen: np.ndarray,
    decision: Decision,
    class_names: Sequence[str],
) -> tuple[SureAnswer, ...]:
    """Returns the answers that the model is surest of, the surest first.

    Args:
        examples: images, whose labels are positions in the class names.
        sizes: the width and height of each.
        found: what was found in each of them.
        chosen: bool `(images,)`: which images are asked for.
        decision: how answers follow from that.
        class_names: the names of the classes, in label order.
    """
    classes = [(name, name) for name in class_names]
    asked = np.flatnonzero(chosen)
    # One at a time, as all masks may be too much for memory.
    sure = np.array([decision.confidence([found[at]])[0] for at in asked.tolist()])
    order = np.argsort(-sure, kind="stable")
    return tuple(
        SureAnswer(
            examples[at],
            sizes[at],
            tuple(class_names[label] for label in examples[at].labels),
            decision.answer(found[at], classes, RANKING, None),
        )
        for at in asked[order[:MOST]].tolist()
    )
