"""Answers that are classes, ranked by their probabilities."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from cnnxfer.tasks.answer import Kind, Line, RankedClass
from cnnxfer.texts import normal

if TYPE_CHECKING:
    from PIL import Image

# In place of a task's usual word for no answer, where a class is called like that.
NO_ANSWER = "no answer"


@dataclass(frozen=True)
class ClassAnswer:
    """Ranked classes, some of which are the answer; which, is for tasks to say.

    Attributes:
        ranking: the most probable classes, best first.
    """

    ranking: tuple[RankedClass, ...] = ()

    kind: ClassVar[Kind] = "classes"
    columns: ClassVar = ("rank", "class_id", "label", "probability")
    titles: ClassVar = ("class", "probability")
    class_names: ClassVar = ()
    objects: ClassVar = ()
    mask: ClassVar = None

    @property
    def chosen(self) -> tuple[RankedClass, ...]:
        """The classes that are the answer, best first."""
        raise NotImplementedError

    @property
    def top(self) -> RankedClass | None:
        """The most probable class."""
        return next(iter(self.ranking), None)

    @property
    def labels(self) -> tuple[str, ...]:
        """The readable names of the classes that are the answer, best first."""
        return tuple(ranked.label for ranked in self.chosen)

    @property
    def folders(self) -> Sequence[tuple[str, str]]:
        """The ids and names of the classes that are the answer."""
        return [(ranked.class_id, ranked.label) for ranked in self.chosen]

    def record(self) -> dict[str, Any]:
        """Returns the ranking as JSON values."""
        return {"predictions": [ranked.rounded() for ranked in self.ranking]}

    def rows(self) -> list[tuple[Any, ...]]:
        """Returns a row for each class of the ranking."""
        return [tuple(ranked.rounded().values()) for ranked in self.ranking]

    def lines(self, most: int | None = None) -> list[Line]:
        """Returns a line for each class of the ranking."""
        return [
            Line(ranked.rank, ranked.label, ranked.probability, self._rejects(ranked))
            for ranked in self.ranking[:most]
        ]

    def drawn(self, image: Image.Image, size: tuple[int, int]) -> Image.Image:
        """Returns the image as it is: the classes are those of all of it."""
        return image

    def _rejects(self, ranked: RankedClass) -> bool:
        return ranked not in self.chosen


def word_for_nothing(usual: str, class_names: Iterable[str]) -> str:
    """Returns what an image without an answer is called; no class is called so.

    Names differ here if they differ in their letters or digits, apart from case.
    """
    taken = set(map(_letters, class_names))
    others = (f"{NO_ANSWER} {number}" for number in count(2))
    words = chain((usual, NO_ANSWER), others)
    return next(word for word in words if _letters(word) not in taken)


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, normal(name))).casefold()


def ranked_classes(
    probabilities: np.ndarray,
    classes: Sequence[tuple[str, str]],
    top: int,
    chosen: np.ndarray,
) -> tuple[RankedClass, ...]:
    """Returns the best classes, best first; equal ones keep their order.

    Args:
        probabilities: float32 `(classes,)`.
        classes: the id and the readable name of each class, in label order.
        top: the number of classes; all if there are fewer.
        chosen: bool `(classes,)`: the classes that are in any case among them.
    """
    order = np.argsort(-probabilities, kind="stable")
    listed = np.flatnonzero((np.arange(len(order)) < top) | chosen[order]).tolist()
    return tuple(
        RankedClass(
            rank=position + 1,
            class_id=classes[order[position]][0],
            label=classes[order[position]][1],
            probability=float(probabilities[order[position]]),
        )
        for position in listed
    )


def read_ranking(record: Mapping[str, Any]) -> tuple[RankedClass, ...]:
    """Returns the ranking that `ClassAnswer.record` has written; empty for `{}`.

    Raises:
        KeyError, TypeError: if it has another form.
    """
    ranking = record["predictions"] if record else ()
    return tuple(RankedClass(**ranked) for ranked in ranking)
