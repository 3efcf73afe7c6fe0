"""Totals of a prediction: numbers of images, speed and errors."""

import re
import time
from collections import Counter
from collections.abc import Iterable

from cnnxfer.prediction.known_images import describe_known_images
from cnnxfer.prediction.outputs.stages import Flow
from cnnxfer.prediction.prediction import Prediction
from cnnxfer.reporting import Reporter, counted

SHOWN_KINDS = 8
SHOWN_LABELS = 8


class Totals:
    """Counts the predictions that pass through `watch`.

    Attributes:
        images: the number of predictions, including unreadable images.
        earlier: how many of them were made before; see `ResumableFile`.
        failures: the number of unreadable images by kind of error. The kind is the text
            of the error before its first colon or semicolon.
        labels: the number of images by what they show; those of a model that answers
            with several labels count for each.
        unsure: the number of images by the word for no answer, such as "unsure".
        splits: the number of images that the model's run has, by split.
        seconds: time from the start of `watch` to the latest prediction.
    """

    def __init__(self) -> None:
        self.images = 0
        self.earlier = 0
        self.failures: Counter[str] = Counter()
        self.labels: Counter[str] = Counter()
        self.unsure: Counter[str] = Counter()
        self.splits: Counter[str] = Counter()
        self.seconds = 0.0

    def watch(self, predictions: Iterable[Prediction]) -> Flow:
        """Counts each prediction and passes it on; see `Stage`."""
        started = time.monotonic()
        for prediction in predictions:
            self.images += 1
            if prediction.error is not None:
                self.failures[re.split("[:;]", prediction.error)[0]] += 1
            elif prediction.unsure:
                self.unsure[prediction.label] += 1
            else:
                self.labels.update(dict.fromkeys(prediction.labels, 1))
            if prediction.split is not None:
                self.splits[prediction.split] += 1
            self.seconds = time.monotonic() - started
            yield prediction

    @property
    def summary(self) -> str:
        """The number and speed, such as "1,000 images in 4.2 s (238 images/s)"."""
        new = self.images - self.earlier
        rate = f" ({_rate(new / max(self.seconds, 1e-3))})" if new > 1 else ""
        done = counted(self.images, "image")
        if self.earlier:
            done += f": {self.earlier:,} from before, {new:,}"
        return f"{done} in {_seconds(self.seconds)}{rate}"

    @property
    def answers(self) -> str:
        """How many images show what, such as "17 iris, 3 rose, 4 unsure"."""
        most = self.labels.most_common(SHOWN_LABELS)
        if more := len(self.labels) - len(most):
            rest = self.labels.total() - sum(count for _, count in most)
            most.append((f"of {more:,} other class{'es' * (more > 1)}", rest))
        most += self.unsure.most_common()
        return ", ".join(f"{count:,} {label}" for label, count in most)

    @property
    def problems(self) -> str:
        """The number of unreadable images by kind of error; empty if there are none.

        An example is "3 images could not be read: 2 truncated JPEG, 1 not an image".
        """
        if not self.failures:
            return ""
        most = self.failures.most_common(SHOWN_KINDS)
        kinds = [f"{count:,} {kind}" for kind, count in most]
        if (more := len(self.failures) - SHOWN_KINDS) > 0:
            kinds.append(f"and {more} other kinds" if more > 1 else "and 1 other kind")
        failed = counted(self.failures.total(), "image")
        return f"{failed} could not be read: {', '.join(kinds)}"

    def warn(self, model: str, reporter: Reporter) -> None:
        """Warns of images that could not be read, and of such that the model knows."""
        if repeats := self.repeats(model):
            reporter.warn(f"{repeats}.")
        if self.problems:
            reporter.warn(f"{self.problems}.")

    def repeats(self, model: str) -> str:
        """Returns a warning, without its full stop, about images that a model knows.

        It is empty if the model was trained and validated on none of them.
        """
        known = describe_known_images(self.splits, self.images, model)
        return known and f"{known}; these do not show how it performs on new images"


def _rate(rate: float) -> str:
    return f"{rate:.1f} images/s" if rate < 9.95 else f"{rate:,.0f} images/s"


def _seconds(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"
