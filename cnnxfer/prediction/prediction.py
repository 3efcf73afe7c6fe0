"""What is said of one image."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cnnxfer.tasks.digits import DIGITS

if TYPE_CHECKING:
    import numpy as np

    from cnnxfer.data.images.source import ImageSource

UNSURE = "unsure"
NONE = "none"  # of the classes that an image may have several of


@dataclass(frozen=True)
class RankedClass:
    """One class of a ranking.

    Attributes:
        rank: place in the ranking; 1 for the most probable class.
        class_id: WordNet id for ImageNet's classes, the class name otherwise.
        label: name of the class for people.
        probability: a fraction; those of all classes sum to 1, unless an image may
            have several.
    """

    rank: int
    class_id: str
    label: str
    probability: float


@dataclass(frozen=True)
class Prediction:
    """The ranked classes of one image, or why there are none.

    Attributes:
        path: path or address of the image, as it was given or found.
        width: width of the upright image in pixels; 0 if it could not be read.
        height: height of the upright image in pixels; 0 if it could not be read.
        ranking: the most probable classes, best first. Where an image may have
            several, all those that it has are among them.
        error: why the image could not be read; None if it could.
        frame: number of the frame in a file with several, from 0; None if the file has
            only one, or if only the first was asked for.
        min_confidence: the probability below which the best class is not an answer;
            None if it always is one. It is the same for every image.
        source: what reads the encoded image once more; None from Python for what lies
            in an archive or at a web address.
        heat: float32 `(rows, columns)`, the probability of the best class over the
            picture; None if it was not asked for.
        split: the part of the run's images that this one is in, by its content:
            "train", "validation" or "test"; None for one that the run does not know.
        chosen: where an image may have several classes, the names of those that are
            at or above their thresholds, and `min_confidence`, best first; None where
            the best class is the answer.
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
        """What people read behind the path, such as " #3"; empty without a frame."""
        return "" if self.frame is None else f" #{self.frame}"

    @property
    def unsure(self) -> bool:
        """Whether no class is probable enough to be the answer."""
        if self.error is not None:
            return False
        if self.chosen is not None:
            return not self.chosen
        if self.min_confidence is None:
            return False
        # As it is printed, so that figure and answer never contradict each other.
        return round(self.top.probability, DIGITS) < self.min_confidence

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes that are the answer, best first.

        There is one, or none if the answer is unsure. Where an image may have several
        classes, there is any number.

        Raises:
            ValueError: if the image could not be read.
        """
        top = self.top
        if self.chosen is not None:
            return self.chosen
        return () if self.unsure else (top.label,)

    @property
    def label(self) -> str:
        """The first of the labels.

        Without any, it is "unsure", or "none" where an image may have several classes.

        Raises:
            ValueError: if the image could not be read.
        """
        return next(iter(self.labels), UNSURE if self.chosen is None else NONE)

    def lacks(self, ranked: RankedClass) -> bool:
        """Returns whether an image that may have several classes lacks this one."""
        return self.chosen is not None and ranked.label not in self.chosen

    @property
    def answers_first(self) -> list[RankedClass]:
        """The ranking, with the classes that are the answer in front."""
        return sorted(self.ranking, key=self.lacks)

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
        """Returns the prediction that `as_json` made an object of.

        It has no source and no heat.

        Raises:
            KeyError: if the object lacks an entry.
            TypeError: if an entry is not what `as_json` writes.
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
