"""Answers that are objects: a class, a score and a box for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from cnnxfer.tasks.answer import DIGITS, NONE, FoundObject, Kind, Line, RankedClass

if TYPE_CHECKING:
    from PIL import Image

# Scores below are not answers, where neither a run nor a user says another number.
LEAST_SCORE = 0.3
BOX_DIGITS = 1  # decimal places of edges, in pixels: finer than any model is


@dataclass(frozen=True)
class ObjectsAnswer:
    """Any number of objects.

    Attributes:
        objects: those that are sure enough, best first.
        class_names: the readable names of all classes, in label order.
        nothing: the word for an image without any.
    """

    objects: tuple[FoundObject, ...] = ()
    class_names: tuple[str, ...] = ()
    nothing: str = NONE

    kind: ClassVar[Kind] = "objects"
    columns: ClassVar = ("rank", "label", "score", "xmin", "ymin", "xmax", "ymax")
    titles: ClassVar = ("class", "score", "box")
    mask: ClassVar = None
    summary: ClassVar = None

    @property
    def displaced(self) -> str | None:
        """The word "none", if a class is called so."""
        return None if self.nothing == NONE else NONE

    @property
    def top(self) -> RankedClass | None:
        """The class of the object with the best score; None without any object."""
        if not self.objects:
            return None
        best = self.objects[0]
        return RankedClass(1, best.label, best.label, best.score)

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes of the objects, each once, that of the best object first."""
        return tuple(dict.fromkeys(item.label for item in self.objects))

    @property
    def folders(self) -> Sequence[tuple[str, str]]:
        """The classes of the objects."""
        return [(label, label) for label in self.labels]

    def record(self) -> dict[str, Any]:
        """Returns the objects as JSON values."""
        return {
            "objects": [
                {
                    "label": item.label,
                    "score": item.score,
                    "box": list(map(_short, item.box)),
                }
                for item in self.objects
            ]
        }

    def rows(self) -> list[tuple[Any, ...]]:
        """Returns a row for each object."""
        return [
            (rank, item.label, item.score, *item.box)
            for rank, item in enumerate(self.objects, start=1)
        ]

    def lines(self, most: int | None = None) -> list[Line]:
        """Returns a line for each object, with the edges of its box."""
        return [
            Line(rank, item.label, item.score, place=place(item))
            for rank, item in enumerate(self.objects[:most], start=1)
        ]

    def drawn(self, image: Image.Image, size: tuple[int, int]) -> Image.Image:
        """Returns a copy of the image with the boxes, their classes and scores."""
        from cnnxfer.data.images.drawing import draw_boxes  # imports Pillow

        boxes = np.reshape([item.box for item in self.objects], (-1, 4))
        return draw_boxes(
            image,
            boxes * np.tile(np.divide(image.size, size), 2),
            [item.index for item in self.objects],
            self.class_names,
            [item.score for item in self.objects],
        )


def found_objects(
    rows: np.ndarray, class_names: Sequence[str], least: float
) -> tuple[FoundObject, ...]:
    """Returns the objects that are sure enough, the best first.

    Edges are rounded to tenths of a pixel and scores to `DIGITS` decimal places, as
    they are printed, so that printed figures never contradict the answer.

    Args:
        rows: `(objects, 6)`: left, top, right and bottom edge in pixels of the upright
            image, score in [0, 1], class. Those with a score of 0 stand for nothing.
        class_names: the readable names of the classes, in label order.
        least: the score that an object needs.
    """
    rows = rows[np.argsort(-rows[:, 4], kind="stable")]
    scores = rows[:, 4].astype(np.float64).round(DIGITS)
    rows = rows[(scores >= least) & (scores > 0)]
    boxes = rows[:, :4].astype(np.float64).round(BOX_DIGITS).tolist()
    scores = rows[:, 4].astype(np.float64).round(DIGITS).tolist()
    labels = rows[:, 5].astype(int).tolist()
    return tuple(
        FoundObject(class_names[label], score, (left, top, right, bottom), label)
        for (left, top, right, bottom), score, label in zip(
            boxes, scores, labels, strict=True
        )
    )


def read_objects(
    record: Mapping[str, Any], class_names: Sequence[str]
) -> tuple[FoundObject, ...]:
    """Returns the objects that `ObjectsAnswer.record` has written; none for `{}`.

    Raises:
        KeyError, TypeError, ValueError: if it has another form, or other classes.
    """
    found = []
    for item in record["objects"] if record else ():
        left, top, right, bottom = map(float, item["box"])
        label = item["label"]
        index = class_names.index(label)
        box = (left, top, right, bottom)
        found.append(FoundObject(label, float(item["score"]), box, index))
    return tuple(found)


def place(item: FoundObject) -> str:
    """Returns the edges of a box as people read them: `81, 88, 522, 408`."""
    return ", ".join(f"{edge:.0f}" for edge in item.box)


def _short(edge: float) -> float | int:
    return int(edge) if edge.is_integer() else edge
