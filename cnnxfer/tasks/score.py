"""How well a model does on the validation images, and which of two does better."""

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
    """How well a model did on the validation images.

    Attributes:
        accuracy: share of the images whose answer is right, with all their labels.
        macro_f1: mean F1 score of the classes that validation images show.
        loss: mean cross-entropy; it decides between equal scores.
        epoch: after which epoch, from 1; 0 is before the first.
        monitor: the figure that tells which of two is better, a key of `NAMES`.
        mean_average_precision: over the same classes; None of a task where an image
            has one label.
        thresholds: from which probability on a class is an answer, in label order,
            where an image may have several labels: those with the best F1 scores.
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
        """The monitored figure, a fraction."""
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
        """What the monitored figure is called."""
        return NAMES[self.monitor]

    @property
    def text(self) -> str:
        """The monitored figure for people: `accuracy 91.2%`."""
        return f"{self.name} {self.value:.1%}"

    def beats(self, other: Score | None) -> bool:
        """Tells whether this is better: in what is monitored, and then in loss."""
        if other is None:
            return True
        return (self.value, -self.loss) > (other.value, -other.loss)

    def as_metrics(self, images: int) -> dict[str, Any]:
        """Returns the score as a run's metrics keep it."""
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
        """Reads back what `as_metrics` gave, which has no thresholds."""
        return Score(
            accuracy=metrics["val_accuracy"],
            macro_f1=metrics["val_macro_f1"],
            loss=metrics["val_loss"],
            epoch=metrics["epoch"],
            monitor=metrics["monitor"],
            mean_average_precision=metrics.get("val_mean_average_precision"),
        )

    def as_history(self) -> dict[str, str]:
        """Returns the score as a row of a run's history keeps it.

        Besides loss and accuracy, that is the monitored figure.
        """
        row = {
            "val_loss": f"{self.loss:.6f}",
            "val_accuracy": f"{self.accuracy:.6f}",
        }
        if self.monitor != ACCURACY:
            row[f"val_{self.monitor.replace('-', '_')}"] = f"{self.value:.6f}"
        return row
