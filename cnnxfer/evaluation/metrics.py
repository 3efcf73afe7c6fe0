"""What an evaluation measured: the figures of the task, before and after."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from cnnxfer.evaluation.checked_answers import CheckedAnswers
from cnnxfer.evaluation.surest import SureAnswer
from cnnxfer.notebook import table
from cnnxfer.reporting import Result, counted
from cnnxfer.tasks.score import ACCURACY, NAMES
from cnnxfer.tasks.significance import SIGNIFICANCE_LEVEL, mcnemar_p_value
from cnnxfer.tasks.task import Figures

WIDE = 0.1  # an interval that says little: 5 points to both sides


@dataclass(frozen=True)
class Evaluation:
    """What was measured of a run's model on labelled images.

    Attributes:
        run: the name of the run.
        images: the number of images that were measured.
        unreadable: how many images could not be read and are left out.
        seen: how many are left out because the run was trained or validated on them.
        figures: the figures of the run's task, such as `ClassFigures`.
        before: the evaluation of the parent on the same images; None without a parent.
        gained: how many images are answered correctly that the parent did not; None
            without a parent.
        lost: how many images only the parent answered correctly; None without one.
        missing: how many of the run's test images are no longer in its data.
        answers: the answers to the images, in their order: iterate over them for a
            `Prediction` each.
        required: what the figure that stands for all should at least be, a fraction;
            None if nothing was asked for.
        surest_mistakes: the wrong answers that the model is surest of, at most 24, the
            surest first. With several labels an image, sure means that all labels are.
        surest_right: the same of the correct answers.
    """

    run: str
    images: int
    unreadable: int
    seen: int
    figures: Figures
    before: Evaluation | None = None
    gained: int | None = None
    lost: int | None = None
    missing: int = 0
    answers: CheckedAnswers | None = field(default=None, compare=False, repr=False)
    required: float | None = None
    surest_mistakes: tuple[SureAnswer, ...] = ()
    surest_right: tuple[SureAnswer, ...] = ()

    def __repr__(self) -> str:
        images = counted(self.images, "image")
        return f"Evaluation({self.run!r}: {self.headline} of {images})"

    def _repr_html_(self) -> str:
        lines = self.figures.lines(self.before.figures if self.before else None)
        title = f"{self.run}, measured on {counted(self.images, 'image')}"
        if self.missing:
            title += f"; {self.missing:,} missing"
        return table(title, self.figures.table.texts, *lines)

    def as_json(self) -> dict[str, Any]:
        """Returns the object that `evaluate --json` prints."""
        return self._measured | {
            "required": self.required,
            "passed": None if self.required is None else not self.shortfall,
        }

    @property
    def _measured(self) -> dict[str, Any]:
        return {
            "run": self.run,
            "images": self.images,
            "unreadable": self.unreadable,
            "seen": self.seen,
            "missing": self.missing,
            **dataclasses.asdict(self.figures),  # type: ignore[call-overload]
            "weakest": dict(self.figures.table.weakest_classes),
            "before": self.before._measured if self.before else None,
            "gained": self.gained,
            "lost": self.lost,
        }

    def as_metrics(self) -> dict[str, Any]:
        """Returns the entry of a run's metrics, with the share that is right.

        The figure that stands for all follows if it is another one.
        """
        before = self.before.as_metrics() if self.before else None
        right = dataclasses.asdict(self.figures.right)
        metrics = {**self._measured, "before": before, "right": right}
        figure, value = self.figures.headline
        if figure != ACCURACY:
            metrics["headline"] = {"figure": figure, **dataclasses.asdict(value)}
        return metrics

    @property
    def headline(self) -> str:
        """The figure that stands for all, with its name if it is not the accuracy."""
        figure, value = self.figures.headline
        return value.text if figure == ACCURACY else f"{NAMES[figure]} {value.text}"

    @property
    def right(self) -> int:
        """How many images are answered correctly."""
        return round(self.figures.right.value * self.images)

    @property
    def lines(self) -> list[str]:
        """The other figures of all images as lines of text."""
        return self.figures.lines(self.before.figures if self.before else None)

    @property
    def result(self) -> Result:
        """The figure that stands for all, and what to know of it."""
        figure, value = self.figures.headline
        facts = [value.named(NAMES[figure])]
        if self.before:
            _, before = self.before.figures.headline
            facts.append(f"before {before.value:.1%}")
        facts.append(counted(self.images, "image"))
        if self.unreadable:
            facts.append(f"{self.unreadable:,} unreadable")
        if self.missing:
            facts.append(f"{self.missing:,} missing")
        if self.seen:
            facts.append(f"{self.seen:,} left out, which the run knows")
        return Result(
            ", ".join(facts),
            (
                ("run", self.run),
                ("changes", self.changes if self.before else ""),
                ("weakest", self.figures.table.weakest),
                ("note", self.caution),
            ),
            good=not self.shortfall,
        )

    @property
    def shortfall(self) -> str:
        """Why the figure that stands for all is not enough; "" if it is."""
        figure, value = self.figures.headline
        if self.required is None or value.value >= self.required:
            return ""
        text = f"{NAMES[figure]} {value.sentence} is below {self.required:.1%}"
        if value.high >= self.required:
            text += ", which is in the interval: on other images it may be enough"
        return f"{text}."

    @property
    def caution(self) -> str:
        """A word on how little the images tell, where they are few; else ""."""
        _, value = self.figures.headline
        width = value.high - value.low
        if width <= WIDE:
            return ""
        return (
            f"few images: the interval is {100 * width:.0f} points wide; four times as "
            "many images would halve it"
        )

    @property
    def shares(self) -> str:
        """The figure before and after: `91.2% [88.5, 93.4] -> 94.1% [91.8, 95.8]`."""
        assert self.before
        _, value = self.figures.headline
        return f"{self.before.headline} -> {value.text}"

    @property
    def changes(self) -> str:
        """How many answers fine-tuning changed, and whether that is significant.

        For example "of 367 images, 14 became right and 5 wrong: could be chance".
        """
        assert self.gained is not None
        assert self.lost is not None
        return changes_text(self.images, self.gained, self.lost)


def changes_text(images: int, gained: int, lost: int) -> str:
    """Returns how many answers changed, and whether that is significant.

    Args:
        images: the number of images.
        gained: how many became right.
        lost: how many became wrong.
    """
    text = f"of {counted(images, 'image')}, "
    if not gained and not lost:
        return text + "none became right or wrong"
    significant = mcnemar_p_value(gained, lost) < SIGNIFICANCE_LEVEL
    verdict = "more than chance" if significant else "could be chance"
    return f"{text}{gained:,} became right and {lost:,} wrong: {verdict}"
