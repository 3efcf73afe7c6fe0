"""The score of a model on the validation images, and which of two is better."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

ACCURACY = "accuracy"
MACRO_F1 = "macro-f1"
MEAN_AVERAGE_PRECISION = "mean-average-precision"
NAMES = {
    ACCURACY: "accuracy",
    MACRO_F1: "macro-F1",
    MEAN_AVERAGE_PRECISION: "mean average precision",
}


@dataclass(frozen=True)
class Score:
    """The score of a model on the validation images.

    Attributes:
        accuracy: the fraction of images for which all labels are predicted correctly.
        macro_f1: the mean F1 score of the classes that validation images show.
        loss: the mean cross-entropy; it decides between equal monitored figures.
        epoch: the number of the epoch that the score follows, from 1; 0 is before the
            first.
        monitor: the figure that two scores are compared by, a key of `NAMES`.
        mean_average_precision: the mean over the classes that validation images show;
            None if images have one label each.
        thresholds: the probability thresholds of the classes with the best F1 scores,
            in label order; empty if images have one label each.
    """

    accuracy: float
    macro_f1: float
    loss: float
    epoch: int
    monitor: str = ACCURACY
    mean_average_precision: float | None = None
    thresholds: tuple[float, ...] = ()

    @property
    def value(self) -> float:
        """The monitored figure, a fraction in [0, 1]."""
        figures = {
            ACCURACY: self.accuracy,
            MACRO_F1: self.macro_f1,
            MEAN_AVERAGE_PRECISION: self.mean_average_precision,
        }
        value = figures[self.monitor]
        assert value is not None
        return value

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

    def as_metrics(self, images: int) -> dict[str, Any]:
        """Returns the score as an entry of a run's metrics.

        Args:
            images: the number of validation images.
        """
        precision = self.mean_average_precision
        return {
            "val_accuracy": self.accuracy,
            "val_macro_f1": self.macro_f1,
            **({} if precision is None else {"val_mean_average_precision": precision}),
            "val_loss": self.loss,
            "val_images": images,
            "epoch": self.epoch,
            "monitor": self.monitor,
        }

    @staticmethod
    def from_metrics(metrics: dict[str, Any]) -> Score:
        """Returns the score that `as_metrics` wrote, which has no thresholds."""
        return Score(
            accuracy=metrics["val_accuracy"],
            macro_f1=metrics["val_macro_f1"],
            loss=metrics["val_loss"],
            epoch=metrics["epoch"],
            monitor=metrics["monitor"],
            mean_average_precision=metrics.get("val_mean_average_precision"),
        )

    def as_history(self) -> dict[str, str]:
        """Returns the score's columns of a history row.

        These are loss, accuracy, and the monitored figure if it is another one.
        """
        row = {
            "val_loss": f"{self.loss:.6f}",
            "val_accuracy": f"{self.accuracy:.6f}",
        }
        if self.monitor != ACCURACY:
            row[f"val_{self.monitor.replace('-', '_')}"] = f"{self.value:.6f}"
        return row
