"""The figures of answers that are masks: a class for each pixel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cnnxfer.data.class_mask import IGNORED
from cnnxfer.tasks.bootstrap import bootstrap_intervals, resampled
from cnnxfer.tasks.class_table import ClassTable
from cnnxfer.tasks.per_class import macro, row_means
from cnnxfer.tasks.score import MIOU, PIXEL_ACCURACY
from cnnxfer.tasks.significance import Accuracy, wilson_interval

RIGHT_IOU = 0.75  # from which mean over its classes on an image counts as right


@dataclass(frozen=True)
class MaskClass:
    """The figures of one class; shares are fractions.

    Attributes:
        label: the name of the class.
        pixels: the number of its pixels in all images.
        images: the number of images that show it.
        iou: the pixels that are rightly answered as the class, as a share of all that
            are of the class or answered as it; None without pixels.
        recall: the same as a share of its pixels; None without pixels.
        precision: the same as a share of those answered as it; None without answers.
    """

    label: str
    pixels: int
    images: int
    iou: float | None
    recall: float | None
    precision: float | None


@dataclass(frozen=True)
class MaskFigures:
    """The figures of a model that answers a class for each pixel.

    Pixels are counted over all images, but for those that the data set ignores. A class
    that no image shows has no part in a mean. Intervals are those of resampled images,
    since the pixels of an image are wrong together.

    Attributes:
        miou: the mean of the overlaps (intersection over union, IoU) of the classes; 0
            without pixels, as the others.
        pixel_accuracy: the share of pixels whose class is right.
        mean_class_accuracy: the mean of the recalls of the classes.
        right: the share of images in which the mean of the overlaps of the classes that
            it shows is at least 0.75.
        baseline_label: the class with the most pixels in these images.
        baseline_miou: what a model has that always answers this class.
        baseline_accuracy: its share of right pixels.
        classes: the figures of each class, in label order.
        confusion: how many pixels of a class, a row each, are answered as each class, a
            column each.
    """

    miou: Accuracy
    pixel_accuracy: Accuracy
    mean_class_accuracy: float
    right: Accuracy
    baseline_label: str
    baseline_miou: float
    baseline_accuracy: float
    classes: tuple[MaskClass, ...]
    confusion: tuple[tuple[int, ...], ...]

    precision_by_recall: ClassVar = ()

    @property
    def headline(self) -> tuple[str, Accuracy]:
        """The figure that stands for all, as a key of `score.NAMES` and its value."""
        return MIOU, self.miou

    @property
    def table(self) -> ClassTable:
        """The figures of each class."""
        columns = ("class", "images", "pixels", "IoU", "recall", "precision")
        pixels = max(sum(row.pixels for row in self.classes), 1)
        rows = tuple(
            (
                row.label,
                row.images,
                row.pixels / pixels,
                row.iou,
                row.recall,
                row.precision,
            )
            for row in self.classes
        )
        return ClassTable(columns, rows, "IoU")

    def lines(self, before: MaskFigures | None) -> list[str]:
        """Returns the other figures as lines of text; see `Figures.lines`."""
        shown = sum(row.pixels > 0 for row in self.classes)
        of = f" of {shown} of {len(self.classes)} classes" * (shown < len(self.classes))
        lines = [
            f"mIoU{of} {self.miou.sentence}; to always answer {self.baseline_label} "
            f"has {self.baseline_miou:.1%}",
            f"pixel accuracy {self.pixel_accuracy.sentence}; to always answer "
            f"{self.baseline_label} has {self.baseline_accuracy:.1%}",
            f"mean class accuracy {self.mean_class_accuracy:.1%}",
            f"images with a mean IoU of at least {RIGHT_IOU:g} {self.right.sentence}",
        ]
        if before:
            lines.append(
                f"before fine-tuning mIoU {before.miou.sentence} "
                f"-> after {self.miou.value:.1%}"
            )
        return lines


def pixel_confusion(
    answer: np.ndarray, truth: np.ndarray, num_classes: int
) -> np.ndarray:
    """Counts the pixels of each class by the class that is answered.

    Args:
        answer: uint8 `(height, width)` of labels in [0, num_classes), or of several
            images at once.
        truth: the same of the true labels, and 255 for pixels that don't count.
        num_classes: the number of classes.

    Returns:
        int64 `(classes, classes)`: a row for each class, a column for each answer.
    """
    counted = truth != IGNORED
    pairs = num_classes * truth[counted].astype(np.int64) + answer[counted]
    counts = np.bincount(pairs, minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes)


def mask_scores(confusion: np.ndarray) -> Mapping[str, float]:
    """Returns what selects the best epoch of training, by keys of `score.NAMES`.

    Args:
        confusion: int `(classes, classes)`, the sum of `pixel_confusion` of all images.
    """
    counts = _counts(confusion)
    return {
        MIOU: round(macro(_ious(counts)), 6),
        PIXEL_ACCURACY: round(float(np.nan_to_num(_accuracy(counts))), 6),
    }


def measure_masks(
    class_names: Sequence[str], pictures: Iterable[tuple[np.ndarray, np.ndarray]]
) -> tuple[MaskFigures, np.ndarray]:
    """Returns the figures, and which images are right, bool `(images,)`.

    Args:
        class_names: the names of the classes, in label order.
        pictures: for each image the answer, uint8 `(height, width)` of labels, and the
            same of the true labels, with 255 for pixels that don't count. They are
            taken one at a time, and at least one is needed.
    """
    classes = len(class_names)
    total = np.zeros((classes, classes), np.int64)
    rows = []
    for answer, truth in pictures:
        confusion = pixel_confusion(answer, truth, classes)
        total += confusion
        rows.append(_counts(confusion))
    images = np.stack(rows)  # (images, 3, classes)
    counts = images.sum(axis=0)
    right = _mean_ious(images) >= RIGHT_IOU

    def statistic(times: np.ndarray) -> np.ndarray:
        drawn = _drawn(images, times)
        return np.stack([row_means(_ious(drawn)), _accuracy(drawn)], axis=1)

    values = macro(_ious(counts)), float(np.nan_to_num(_accuracy(counts)))
    miou, accuracy = bootstrap_intervals(values, len(images), statistic)
    rights, shown, answered = counts
    shares = shown / max(shown.sum(), 1)
    figures = MaskFigures(
        miou=miou,
        pixel_accuracy=accuracy,
        mean_class_accuracy=macro(_shares(rights, shown)),
        right=wilson_interval(int(right.sum()), len(right)),
        baseline_label=class_names[int(shown.argmax())],
        baseline_miou=float(shares.max() / max((shown > 0).sum(), 1)),
        baseline_accuracy=float(shares.max()),
        classes=tuple(
            MaskClass(name, *row)
            for name, *row in zip(
                class_names,
                shown.tolist(),
                (images[:, 1] > 0).sum(axis=0).tolist(),
                _known(_ious(counts)),
                _known(_shares(rights, shown)),
                _known(_shares(rights, answered)),
                strict=True,
            )
        ),
        confusion=tuple(tuple(row) for row in total.tolist()),
    )
    return figures, right


def resampled_miou(confusions: Iterable[np.ndarray]) -> np.ndarray:
    """Returns the mIoU of resamples of the images, `(resamples,)`; NaN without pixels.

    See `bootstrap.resamples`.

    Args:
        confusions: what `pixel_confusion` returns of each image, at least one.
    """
    images = np.stack(list(map(_counts, confusions)))
    return resampled(len(images), lambda times: row_means(_ious(_drawn(images, times))))


def image_ious(confusions: Iterable[np.ndarray]) -> np.ndarray:
    """Returns the mean overlap of the classes of each image, float64 `(images,)`.

    Args:
        confusions: what `pixel_confusion` returns of each image, at least one.
    """
    return _mean_ious(np.stack(list(map(_counts, confusions))))


def _mean_ious(images: np.ndarray) -> np.ndarray:
    # What an image shows nothing of that counts is not wrong.
    means: np.ndarray = np.nan_to_num(row_means(_ious(images)), nan=1)
    return means


def _counts(confusion: np.ndarray) -> np.ndarray:
    """Returns right pixels, pixels and answers of each class, int `(3, classes)`."""
    return np.stack(
        [confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)]
    )


def _drawn(images: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Returns the counts of each resample, float64 `(resamples, 3, classes)`."""
    flat = images.reshape(len(images), -1).astype(np.float64)
    return (times @ flat).reshape(-1, *images.shape[1:])


def _ious(counts: np.ndarray) -> np.ndarray:
    """Returns the overlap of each class, NaN for those without pixels.

    Args:
        counts: `(..., 3, classes)`, as `_counts` returns them.
    """
    right, shown, answered = np.moveaxis(counts, -2, 0)
    return np.where(shown > 0, _shares(right, shown + answered - right), np.nan)


def _accuracy(counts: np.ndarray) -> np.ndarray:
    """Returns the share of right pixels `(...)`, NaN without pixels."""
    right, shown, _ = np.moveaxis(counts.sum(axis=-1), -1, 0)
    return _shares(right, shown)


def _shares(parts: np.ndarray, wholes: np.ndarray) -> np.ndarray:
    """Returns parts as shares of wholes, NaN of nothing."""
    return np.where(wholes > 0, parts / np.maximum(wholes, 1), np.nan)


def _known(values: np.ndarray) -> list[float | None]:
    return [None if np.isnan(value) else value for value in values.tolist()]
