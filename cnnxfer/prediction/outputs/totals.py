"""How many images there were, how fast, and what was wrong with some of them."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterable

from cnnxfer.prediction.known_images import warn_of_known
from cnnxfer.prediction.outputs.stages import Flow
from cnnxfer.prediction.prediction import Prediction
from cnnxfer.reporting import counted

SHOWN_KINDS = 8


class Totals:
    """Counts predictions that go by.

    Attributes:
        images: how many went by, those that could not be read included.
        earlier: how many of them were there from before; see `ResumableFile`.
        failures: of each kind, how many could not be read. The kind is what an
            error says before its first colon or semicolon.
        splits: of the model's own images, how many there were of each part.
        seconds: from the beginning of `watch` to the last prediction so far.
    """

    def __init__(self) -> None:
        self.images = 0
        self.earlier = 0
        self.failures: Counter[str] = Counter()
        self.splits: Counter[str] = Counter()
        self.seconds = 0.0

    def watch(self, predictions: Iterable[Prediction]) -> Flow:
        """Counts each prediction and hands it on: a `Stage`."""
        started = time.monotonic()
        for prediction in predictions:
            self.images += 1
            if prediction.error is not None:
                self.failures[re.split("[:;]", prediction.error)[0]] += 1
            if prediction.split is not None:
                self.splits[prediction.split] += 1
            self.seconds = time.monotonic() - started
            yield prediction

    @property
    def summary(self) -> str:
        """Such as "1,000 images in 4.2 s (238 images/s)"."""
        new = self.images - self.earlier
        rate = f" ({_rate(new / max(self.seconds, 1e-3))})" if new > 1 else ""
        done = counted(self.images, "image")
        if self.earlier:
            done += f": {self.earlier:,} from before, {new:,}"
        return f"{done} in {_seconds(self.seconds)}{rate}"

    @property
    def problems(self) -> str:
        """Such as "3 images could not be read: 2 truncated JPEG, 1 not an image".

        Empty if all could be read.
        """
        if not self.failures:
            return ""
        most = self.failures.most_common(SHOWN_KINDS)
        kinds = [f"{count:,} {kind}" for kind, count in most]
        if (more := len(self.failures) - SHOWN_KINDS) > 0:
            kinds.append(f"and {more} other kinds" if more > 1 else "and 1 other kind")
        failed = counted(self.failures.total(), "image")
        return f"{failed} could not be read: {', '.join(kinds)}"

    def repeats(self, model: str) -> str:
        """Warns of images that a model has learned from, if there are any."""
        seen = warn_of_known(self.splits, self.images, model)
        return seen and f"{seen}: that is no test of how it does on new pictures"


def _rate(rate: float) -> str:
    return f"{rate:.1f} images/s" if rate < 9.95 else f"{rate:,.0f} images/s"


def _seconds(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"
