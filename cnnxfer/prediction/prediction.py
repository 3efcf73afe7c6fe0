"""The prediction for one image."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from cnnxfer.data.annotation import LABEL_SEPARATOR
from cnnxfer.notebook import table
from cnnxfer.reporting import printable

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

    from cnnxfer.data.images.source import ImageSource
    from cnnxfer.prediction.heat import Heat
    from cnnxfer.tasks.answer import FoundObject, Line, RankedClass, TaskAnswer

SHOWN = 8  # classes or objects in the text of a prediction

# Reads the part of a JSON object that is the task's; see `Decision.read`.
ReadAnswer = Callable[[Mapping[str, Any]], "TaskAnswer"]


@dataclass(frozen=True)
class Prediction:
    """The answer to one image, or the reason why there is none.

    Attributes:
        path: path or address of the image, as it was given or found.
        answer: what the task answers, such as the ranked classes; empty if the image
            could not be read.
        width: width of the upright image in pixels; 0 if it could not be read.
        height: height of the upright image in pixels; 0 if it could not be read.
        error: why the image could not be read; None if it could.
        frame: number of the frame in a file with several, from 0; None if the file has
            only one, or only the first was asked for.
        split: the split of the run's images that this image belongs to, by its content:
            "train", "validation" or "test"; None for an image that the run does not
            have.
        source: reads the encoded image again; None, in Python, for images in archives
            and at web addresses.
        heat: where in the image the first of its classes is seen, or the most probable
            one if the prediction is unsure; None if it was not asked for.
        shown: the names of the classes that the image shows; None, unless it is one
            that a model was measured on.
        right: whether the answer is correct; None where `shown` is.
    """

    path: str
    answer: TaskAnswer
    width: int = 0
    height: int = 0
    error: str | None = None
    frame: int | None = None
    split: str | None = None
    source: ImageSource | None = field(default=None, compare=False, repr=False)
    heat: Heat | None = field(default=None, compare=False, repr=False)
    shown: tuple[str, ...] | None = None
    right: bool | None = None

    @property
    def top(self) -> RankedClass:
        """The most probable class, with its `label` and `probability`.

        Where objects are found, it is that of the surest object.

        Raises:
            ValueError: if the image could not be read, no object was found in it, or
                the model answers with a mask, whose classes have no probabilities.
        """
        top = self._readable.top
        if top is None:
            raise ValueError(
                f"{self.path} has no most probable class: nothing was found in it, or "
                "each pixel has a class; see `labels`"
            )
        return top

    @property
    def objects(self) -> tuple[FoundObject, ...]:
        """The objects in the image, the surest first.

        Each has a `label`, a `score` in [0, 1] and a `box`: left, top, right and bottom
        edge, in pixels of the upright image. A model that finds no objects, but
        classes or a mask, has none.

        Raises:
            ValueError: if the image could not be read.
        """
        return self._readable.objects

    @property
    def mask(self) -> np.ndarray | None:
        """The class of each pixel of the upright image, as an index into the classes.

        It is uint8 `(height, width)`, and None of a model that gives no masks.

        Raises:
            ValueError: if the image could not be read.
        """
        return self._readable.mask

    @property
    def labels(self) -> tuple[str, ...]:
        """The readable names of what the image shows, best first.

        With one class per image, there is one, or none if the prediction is unsure.

        Raises:
            ValueError: if the image could not be read.
        """
        return self._readable.labels

    @property
    def label(self) -> str:
        """The first of `labels`; without any, "unsure", or "none" if multi-label.

        Where a class is called so, it is "no answer" instead.

        Raises:
            ValueError: if the image could not be read.
        """
        return next(iter(self.labels), self.answer.nothing)

    @property
    def unsure(self) -> bool:
        """Whether the image could be read but nothing in it is probable enough."""
        return self.error is None and not self.answer.labels

    @property
    def frame_mark(self) -> str:
        """The text to print after the path, such as " #3"; empty without a frame."""
        return "" if self.frame is None else f" #{self.frame}"

    @property
    def _readable(self) -> TaskAnswer:
        if self.error is not None:
            raise ValueError(f"{self.path} could not be read: {self.error}")
        return self.answer

    @property
    def _chosen(self) -> list[Line]:
        return [line for line in self.answer.lines() if line.label in self.labels]

    def __repr__(self) -> str:
        text = self.error
        if text is None:
            chosen = self._chosen
            shown = [f"{each.label} {each.fraction:.1%}" for each in chosen[:SHOWN]]
            if len(chosen) > SHOWN:
                shown.append(f"and {len(chosen) - SHOWN} more")
            text = ", ".join(shown) or self.label
        return f"Prediction({self.path + self.frame_mark!r}: {printable(text)})"

    def _repr_html_(self) -> str:
        title = f"{self.path}{self.frame_mark}"
        if self.error is not None:
            return table(title, [], self.error)
        from cnnxfer.pages.thumbnails import ThumbnailReader, data_url  # imports Pillow

        picture = ""
        if self.source:
            image = ThumbnailReader(240, 180).read(self.source, self.frame)
            picture = data_url(image and self.drawn(image))
        lines = self.answer.lines()
        titles = self.answer.titles
        rows = [
            [each.label, f"{each.fraction:.1%}", each.place][: len(titles)]
            for each in lines
        ]
        answer = ", ".join(self.labels) or self.label
        return table(title, [titles, *rows], answer, picture=picture)

    def drawn(self, image: Image.Image) -> Image.Image:
        """Returns the whole image, at any size, with the boxes or the mask in it."""
        return self.answer.drawn(image, (self.width, self.height))

    def record(self) -> dict[str, Any]:
        """Returns one row of a table, for `pandas.DataFrame(p.record() for p in ...)`.

        What an image does not have, such as the label of one that cannot be read, is
        None. Several labels are joined by "|", and the probability is that of the
        first; of the most probable class, if none is probable enough. Objects and
        masks are in `objects` and `mask`.
        """
        label = probability = None
        if self.error is None:
            label = LABEL_SEPARATOR.join(self.labels) or self.label
        if top := self.answer.top:
            first = next(iter(self._chosen), None)
            probability = first.fraction if first else top.probability
        return {
            "path": self.path,
            "frame": self.frame,
            "width": self.width or None,
            "height": self.height or None,
            "label": label,
            "probability": probability,
            "split": self.split,
            "error": self.error,
        }

    def without_content(self) -> Prediction:
        """Returns it without a source that keeps the encoded image in memory."""
        keeps = self.source is not None and self.source.here
        return replace(self, source=None) if keeps else self

    def as_json(self) -> dict[str, Any]:
        """Returns the object that `--format jsonl` prints."""
        document: dict[str, Any] = {"path": self.path}
        if self.frame is not None:
            document["frame"] = self.frame
        if self.error is not None:
            return document | {"error": self.error}
        document |= {"width": self.width, "height": self.height}
        if self.split is not None:
            document["split"] = self.split
        if self.shown is not None:
            document |= {"shown": list(self.shown), "right": self.right}
        return document | self.answer.record()

    @classmethod
    def from_json(cls, document: Mapping[str, Any], read: ReadAnswer) -> Prediction:
        """Returns the prediction that `as_json` turned into an object.

        Args:
            document: the object; source and heat are not in it.
            read: reads the answer in it.

        Raises:
            KeyError: if the object lacks a key.
            TypeError: if a value has the wrong type.
        """
        path, frame = document["path"], document.get("frame")
        if "error" in document:
            return cls(path, read({}), error=document["error"], frame=frame)
        return cls(
            path,
            read(document),
            document["width"],
            document["height"],
            frame=frame,
            split=document.get("split"),
        )
