"""The score of a model on the validation images, and which of two is better."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

ACCURACY = "accuracy"
MACRO_F1 = "macro-f1"
MEAN_AVERAGE_PRECISION = "mean-average-precision"
MEAN_IOU, CLASS_ACCURACY = "mean-iou", "class-accuracy"  # of one box an image
AP, AP50 = "ap", "ap50"  # of any number of boxes, as COCO computes them
MIOU, PIXEL_ACCURACY = "miou", "pixel-accuracy"  # of masks
NAMES = {
    ACCURACY: "accuracy",
    MACRO_F1: "macro-F1",
    MEAN_AVERAGE_PRECISION: "mean average precision",
    MEAN_IOU: "mean IoU",
    CLASS_ACCURACY: "class accuracy",
    AP: "AP",
    AP50: "AP50",
    MIOU: "mIoU",
    PIXEL_ACCURACY: "pixel accuracy",
}


@dataclass(frozen=True)
class Score:
    """The score of a model on the validation images.

    Attributes:
        figures: fractions in [0, 1] by keys of `NAMES`; the higher, the better. The
            first is always shown.
        loss: the mean loss; it decides between equal monitored figures.
        epoch: the number of the epoch that the score follows, from 1; 0 is before the
            first.
        monitor: the figure that two scores are compared by, a key of `figures`.
        thresholds: what the task has fitted to the images, by the name of the class;
            empty if that is nothing.
        temperature: what logits are to be divided by; None if the images don't tell
            it, or the task has none. See `calibration.fit_temperature`.
        calibrated_loss: the mean loss with this temperature, or as it is if the images
            don't tell it; None if the task has none.
    """

    figures: dict[str, float]
    loss: float
    epoch: int
    monitor: str = ACCURACY
    thresholds: dict[str, float] = field(default_factory=dict)
    temperature: float | None = None
    calibrated_loss: float | None = None

    @property
    def value(self) -> float:
        """The monitored figure, a fraction in [0, 1]."""
        return self.figures[self.monitor]

    @property
    def name(self) -> str:
        """The name of the monitored figure."""
        return NAMES[self.monitor]

    @property
    def text(self) -> str:
        """The monitored figure with its name, such as `accuracy 91.2%`."""
        return f"{self.name} {self.value:.1%}"

    def beats(self, other: Score | None) -> bool:
        """Returns whether this score is better: by monitored figure, then by loss."""
        if other is None:
            return True
        return (self.value, -self.loss) > (other.value, -other.loss)

    @property
    def calibration_text(self) -> str:
        """What the temperature does for confidences; "" if the task has none."""
        if self.calibrated_loss is None:
            return ""
        if self.temperature is None:
            return (
                "confidences are left as they are: the validation images don't tell "
                "by how much they are wrong"
            )
        return (
            f"confidences are calibrated: a temperature of {self.temperature:.3g} "
            f"takes the validation loss from {self.loss:.3f} to "
            f"{self.calibrated_loss:.3f}"
        )

    def as_metrics(self, images: int) -> dict[str, Any]:
        """Returns the score as an entry of a run's metrics.

        Args:
            images: the number of validation images.
        """
        calibration = {
            "val_calibrated_loss": self.calibrated_loss,
            "temperature": self.temperature,
        }
        return {
            **{_column(name): value for name, value in self.figures.items()},
            "val_loss": self.loss,
            **({} if self.calibrated_loss is None else calibration),
            "val_images": images,
            "epoch": self.epoch,
            "monitor": self.monitor,
        }

    def as_history(self) -> dict[str, str]:
        """Returns the score's columns of a history row.

        These are loss, the first figure, and the monitored one if it is another.
        """
        shown = dict.fromkeys([next(iter(self.figures)), self.monitor])
        return {
            "val_loss": f"{self.loss:.6f}",
            **{_column(name): f"{self.figures[name]:.6f}" for name in shown},
        }


def _column(name: str) -> str:
    """Returns what a figure is called in metrics and in the history."""
    return f"val_{name.replace('-', '_')}"
