"""The task of the class of every pixel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from cnnxfer.config import Config
from cnnxfer.data.class_mask import ClassMask
from cnnxfer.data.dataset import SEGMENTATION, Dataset, Example
from cnnxfer.data.geometry import Geometry
from cnnxfer.data.views.mask_view import labels_on_image, mask_view
from cnnxfer.data.views.views import Views, unreadable
from cnnxfer.errors import ConfigError, DataError
from cnnxfer.reporting import Reporter
from cnnxfer.spelling import option
from cnnxfer.tasks.agreement import TIE_TOLERANCE, Bounds, Verdict
from cnnxfer.tasks.answer import NONE
from cnnxfer.tasks.class_answer import word_for_nothing
from cnnxfer.tasks.class_weights import class_weights
from cnnxfer.tasks.dense_task import DenseTask, Head, place_of
from cnnxfer.tasks.loss_values import BATCH, mean_loss
from cnnxfer.tasks.masks.answer import MaskAnswer, class_shares, read_shares
from cnnxfer.tasks.masks.mask_figures import (
    MaskFigures,
    image_ious,
    mask_scores,
    measure_masks,
    pixel_confusion,
    resampled_miou,
)
from cnnxfer.tasks.masks.segmentation_loss import SegmentationLoss, enlarged
from cnnxfer.tasks.score import MIOU, Score

HEADS = "cnnxfer.tasks.masks.segmentation_head"
FULLY_CONVOLUTIONAL = f"{HEADS}:fully_convolutional_head"
# The side of what the loss compares, in pixels of the view for each place: finer than
# the head's maps, and coarse enough for the targets of all views to stay in memory.
TARGET_STRIDE = 4


@dataclass(frozen=True, eq=False)
class SegmentationObjective(SegmentationLoss):
    """The loss of the class of every pixel, and the score of the best epoch."""

    def chance_loss(self, targets: np.ndarray) -> float:
        """Returns the mean loss of logits of 0, with which no class is preferred."""
        shape = (*targets.shape, len(self.class_weights))
        return mean_loss(self, targets, np.zeros(shape, np.float32))

    def score(self, logits: np.ndarray, targets: np.ndarray, epoch: int) -> Score:
        """Returns the score of a model's outputs; see `Objective.score`."""
        from keras import ops

        classes = logits.shape[-1]
        confusion = np.zeros((classes, classes), np.int64)
        for start in range(0, len(logits), BATCH):
            batch = slice(start, start + BATCH)
            _, _, found = enlarged(targets[batch], ops.convert_to_tensor(logits[batch]))
            best = ops.convert_to_numpy(ops.argmax(found, axis=-1))
            confusion += pixel_confusion(best, targets[batch], classes)
        loss = mean_loss(self, targets, logits)
        return Score(dict(mask_scores(confusion)), loss, epoch, MIOU)


@dataclass(frozen=True)
class EachPixel:
    """The decision for the most probable class of each pixel.

    Attributes:
        class_names: the readable names of the classes, in label order.
        nothing: the word for an image without a class.
    """

    class_names: tuple[str, ...]
    nothing: str = NONE

    @property
    def settings(self) -> dict[str, Any]:
        """Everything that decides the answers, in types that JSON has."""
        return {"task": SEGMENTATION}

    def answer(
        self,
        found: np.ndarray,
        classes: Sequence[tuple[str, str]],
        top: int,
        min_confidence: float | None,
    ) -> MaskAnswer:
        """Returns the answer to an image; see `Decision.answer`."""
        shares = class_shares(found, self.class_names)
        return MaskAnswer(shares, self.class_names, found, nothing=self.nothing)

    def read(
        self, record: Mapping[str, Any], min_confidence: float | None
    ) -> MaskAnswer:
        """Returns the answer that `MaskAnswer.record` has written, without its mask."""
        return MaskAnswer(
            read_shares(record),
            self.class_names,
            file=record.get("mask", ""),
            nothing=self.nothing,
        )

    def confidence(self, found: Sequence[np.ndarray]) -> np.ndarray:
        """Returns the share of the most frequent class, `(images,)`."""
        return np.array([np.bincount(each.ravel()).max() / each.size for each in found])

    def class_probabilities(self, found: Sequence[np.ndarray]) -> None:
        """Returns None: classes are those of pixels."""

    quality_name: ClassVar = "mean IoU of its classes"

    def quality(
        self, found: Sequence[np.ndarray], examples: Sequence[Example]
    ) -> np.ndarray:
        """Returns the mean overlap of the classes that each image shows."""
        classes = len(self.class_names)
        pairs = zip(found, map(_pixels, examples), strict=True)
        return image_ious(pixel_confusion(*pair, classes) for pair in pairs)

    def resampled_headline(
        self, found: Sequence[np.ndarray], examples: Sequence[Example]
    ) -> np.ndarray:
        """Returns the figure of resamples; see `Decision.resampled_headline`."""
        classes = len(self.class_names)
        pairs = zip(found, map(_pixels, examples), strict=True)
        return resampled_miou(pixel_confusion(*pair, classes) for pair in pairs)

    def measure(
        self,
        class_names: Sequence[str],
        found: Sequence[np.ndarray],
        examples: Sequence[Example],
    ) -> tuple[MaskFigures, np.ndarray]:
        """Returns the figures, and which images are right; see `Decision.measure`."""
        pairs = zip(found, map(_pixels, examples), strict=True)
        return measure_masks(class_names, pairs)


@dataclass(frozen=True)
class Segmentation(DenseTask):
    """The task of the class of every pixel."""

    name: str = SEGMENTATION
    suited: ClassVar = (SEGMENTATION,)
    has_boxes: ClassVar = False
    has_scores: ClassVar = False
    outputs: ClassVar = "logits of each pixel"
    heads: ClassVar = {
        "pyramid": Head((8, 16, 32), f"{HEADS}:pyramid_head"),
        "fine-pyramid": Head((4, 8, 16, 32), f"{HEADS}:pyramid_head"),
        "fcn8": Head((8, 16, 32), FULLY_CONVOLUTIONAL),
        "fcn16": Head((16, 32), FULLY_CONVOLUTIONAL),
        "fcn32": Head((32,), FULLY_CONVOLUTIONAL),
    }

    def check_settings(self, config: Config) -> None:
        """Checks that all of an image is seen; see `Task.check_settings`."""
        super().check_settings(config)
        if config.fit == "crop":
            raise ConfigError(
                f"{option('--fit', 'crop')} does not show all of an image, and "
                f"{self.name} answers for all of its pixels. Use "
                f"{option('--fit', 'letterbox')} or {option('--fit', 'stretch')}."
            )

    def taken(self, dataset: Dataset, spec: str) -> Dataset:
        """Returns the data set with a mask for every image; see `Task.taken`."""
        if dataset.task != self.name:
            raise self.lacks("masks", dataset, spec)
        if len(dataset.class_names) < 2:
            raise DataError(
                f"the masks of {spec} have {len(dataset.class_names)} class "
                f"({', '.join(dataset.class_names)}); expected at least two."
            )
        return dataset

    def answer_layers(
        self, shapes: Sequence[tuple[int, ...]], image_size: int
    ) -> list[Any]:
        """Returns the layer that enlarges the logits to the side of the view."""
        from cnnxfer.tasks.masks.segmentation_head import pixel_logits

        return [pixel_logits(image_size)]

    def targets(
        self,
        examples: Sequence[Example],
        num_classes: int,
        views: Views,
        image_size: int,
    ) -> np.ndarray:
        """Returns labels of places that are `TARGET_STRIDE` pixels of the view apart.

        That is uint8 `(images, rows, columns)`, `IGNORED` where a place has no class;
        see `Task.targets`.
        """
        side = -(-image_size // TARGET_STRIDE)
        return np.stack(
            [
                mask_view(_pixels(example), place_of(example, views, image_size), side)
                for example in examples
            ]
        )

    def objective(
        self,
        config: Config,
        shapes: Sequence[tuple[int, ...]],
        class_names: Sequence[str],
        examples: Sequence[Example],
        *,
        label_smoothing: float,
        reporter: Reporter,
    ) -> SegmentationObjective:
        """Returns the objective that the settings ask for; see `Task.objective`."""
        counts = np.zeros((1, len(class_names)))
        if config.class_weights == "auto":
            for example in examples:
                labels = _pixels(example)
                counts += np.bincount(labels.ravel(), minlength=256)[: len(class_names)]
        return SegmentationObjective(
            class_weights(config.class_weights, class_names, counts)
        )

    def output_shape(self, num_classes: int, image_size: int) -> tuple[int, ...]:
        """Returns the shape of the logits of all pixels of the view."""
        return (image_size, image_size, num_classes)

    def combined(
        self, found: np.ndarray, places: Sequence[Geometry], width: int, height: int
    ) -> np.ndarray:
        """Returns the class of each pixel, uint8 `(height, width)`.

        Of several views, which must show the same part of the image, the mean logits
        decide; see `Task.combined`.
        """
        (logits, *others), (place, *_) = found, places
        for other, seen in zip(others, places[1:], strict=True):
            logits = logits + (other[:, ::-1] if _mirrored(place, seen) else other)
        return labels_on_image(logits, place, width, height)

    def agreement(
        self, answers: np.ndarray, reference: np.ndarray, bounds: Bounds
    ) -> Verdict:
        """Compares the classes of all pixels; nearly equal ones count as the same."""
        best = answers.argmax(axis=-1)[..., None]
        of_best = np.take_along_axis(reference, best, axis=-1)[..., 0]
        same = float((of_best >= reference.max(axis=-1) - TIE_TOLERANCE).mean())
        # A few pixels of many may lie exactly between two classes.
        least = min(bounds.agreement, 1 - TIE_TOLERANCE)
        return Verdict(
            same >= least,
            f"{same:.2%} of the pixels have the same class (at least {least:.1%})",
        )

    def decision(
        self,
        class_names: Sequence[str],
        thresholds: Mapping[str, float],
        temperature: float | None = None,
    ) -> EachPixel:
        """Returns the decision for the most probable class of each pixel."""
        return EachPixel(tuple(class_names), word_for_nothing(NONE, class_names))


def _pixels(example: Example) -> np.ndarray:
    mask = example.annotation
    assert isinstance(mask, ClassMask)
    try:
        return mask.pixels()
    except DataError as error:
        raise unreadable(example, error) from error


def _mirrored(place: Geometry, other: Geometry) -> bool:
    return place.across[0] * other.across[0] < 0
