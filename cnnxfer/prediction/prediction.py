"""The prediction for one image."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from cnnxfer.tasks.decimal_places import DIGITS

if TYPE_CHECKING:
    import numpy as np

    from cnnxfer.data.images.source import ImageSource

UNSURE = "unsure"  # the answer if the best class is below `min_confidence`
NONE = "none"  # the answer of a multi-label model that assigns no label


@dataclass(frozen=True)
class RankedClass:
    """One class of a ranking.

    Attributes:
        rank: position in the ranking; 1 is the most probable class.
        class_id: WordNet id for ImageNet heads, the class name otherwise.
        label: readable name.
        probability: a fraction in [0, 1]. Those of all classes sum to 1, except in a
            multi-label model.
    """

    rank: int
    class_id: str
    label: str
    probability: float


@dataclass(frozen=True)
class Prediction:
    """The ranked classes of one image, or the reason why there are none.

    Attributes:
        path: path or address of the image, as it was given or found.
        width: width of the upright image in pixels; 0 if it could not be read.
        height: height of the upright image in pixels; 0 if it could not be read.
        ranking: the most probable classes, best first. In a multi-label model, all
            assigned labels are included.
        error: why the image could not be read; None if it could.
        frame: number of the frame in a file with several, from 0; None if the file has
            only one, or only the first was asked for.
        min_confidence: the probability below which the best class is not an answer;
            None if the best class always is the answer. It is the same for every image.
        source: reads the encoded image again; None, in Python, for images in archives
            and at web addresses.
        heat: float32 `(rows, columns)`, the probability of the best class at each cell
            of the image; None if it was not asked for.
        split: the split of the run's images that this image belongs to, by its content:
            "train", "validation" or "test"; None for an image that the run does not
            have.
        chosen: in a multi-label model, the names of the assigned labels, best first:
            those whose probability reaches their threshold and `min_confidence`. None
            in a model with one class per image.
    """

    path: str
    width: int = 0
    height: int = 0
    ranking: tuple[RankedClass, ...] = ()
    error: str | None = None
    frame: int | None = None
    min_confidence: float | None = None
    source: ImageSource | None = field(default=None, compare=False, repr=False)
    heat: np.ndarray | None = field(default=None, compare=False, repr=False)
    split: str | None = None
    chosen: tuple[str, ...] | None = None

    @property
    def top(self) -> RankedClass:
        """The most probable class.

        Raises:
            ValueError: if the image could not be read.
        """
        if self.error is not None:
            raise ValueError(f"{self.path} could not be read: {self.error}")
        return self.ranking[0]

    @property
    def frame_mark(self) -> str:
        """The text to print after the path, such as " #3"; empty without a frame."""
        return "" if self.frame is None else f" #{self.frame}"

    @property
    def unsure(self) -> bool:
        """Whether the image could be read but no class is probable enough."""
        if self.error is not None:
            return False
        if self.chosen is not None:
            return not self.chosen
        if self.min_confidence is None:
            return False
        # Rounded as it is printed, so that the figure never contradicts the answer.
        return round(self.top.probability, DIGITS) < self.min_confidence

    @property
    def labels(self) -> tuple[str, ...]:
        """The readable names of the classes that are the answer, best first.

        There is one, or none if the prediction is unsure. In a multi-label model, there
        can be any number.

        Raises:
            ValueError: if the image could not be read.
        """
        top = self.top
        if self.chosen is not None:
            return self.chosen
        return () if self.unsure else (top.label,)

    @property
    def label(self) -> str:
        """The first of `labels`; without any, "unsure", or "none" if multi-label.

        Raises:
            ValueError: if the image could not be read.
        """
        return next(iter(self.labels), UNSURE if self.chosen is None else NONE)

    def lacks(self, ranked: RankedClass) -> bool:
        """Returns whether a multi-label model did not assign this class."""
        return self.chosen is not None and ranked.label not in self.chosen

    @property
    def answers_first(self) -> list[RankedClass]:
        """The ranking with the assigned labels first, for a shortened display."""
        return sorted(self.ranking, key=self.lacks)

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
        if self.chosen is not None:
            document["labels"] = list(self.chosen)
        elif self.min_confidence is not None:
            document["label"] = self.label
        document["predictions"] = [
            {
                "rank": ranked.rank,
                "class_id": ranked.class_id,
                "label": ranked.label,
                "probability": round(ranked.probability, DIGITS),
            }
            for ranked in self.ranking
        ]
        return document

    @classmethod
    def from_json(
        cls, document: dict[str, Any], min_confidence: float | None = None
    ) -> Prediction:
        """Returns the prediction that `as_json` turned into an object.

        Args:
            document: the object; source and heat are not in it.
            min_confidence: the `min_confidence` of the prediction.

        Raises:
            KeyError: if the object lacks a key.
            TypeError: if a value has the wrong type.
        """
        labels = document.get("labels")
        return cls(
            document["path"],
            document.get("width", 0),
            document.get("height", 0),
            tuple(RankedClass(**ranked) for ranked in document.get("predictions", ())),
            None if "predictions" in document else document["error"],
            document.get("frame"),
            min_confidence,
            split=document.get("split"),
            chosen=None if labels is None else tuple(labels),
        )
