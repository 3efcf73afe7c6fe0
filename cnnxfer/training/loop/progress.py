"""How far a phase is: all that its next step follows from, besides its variables."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field, fields
from typing import Any

from cnnxfer.config import Phase
from cnnxfer.errors import ConfigError
from cnnxfer.reporting import counted
from cnnxfer.tasks.score import Score
from cnnxfer.training.task import Setup

BATCH_SIZE = 32


@dataclass
class Progress:
    """How far a stage of a phase is. A checkpoint holds it as JSON.

    Attributes:
        phase: `frozen` or `fine_tune`.
        stage: of a phase that unfreezes step by step, from 0.
        first_epoch: how many epochs the stages before had.
        epochs: how many this stage is to have.
        steps_per_epoch: updates of the weights in an epoch.
        batch_size: images an update.
        accumulate: how many parts of a batch are computed one after the other.
        peak: the learning rate that was asked for or found: the highest.
        scale: by which all rates are multiplied, since the peak was too high.
        lowered: how many times that was found.
        epoch: how many epochs of this stage are finished.
        step: how many updates of the next one are done.
        finished: whether nothing is left to do.
        extended: how many of the epochs were added to those it was to have at first.
        planned: whether `epochs` and `steps_per_epoch` are those that fit the time.
        time_limit: of `seconds`, after which no epoch begins; 0 for none.
        start: number of the checkpoint from which the stage begins again.
        seconds: how long the phase has taken so far, in all its processes.
        epoch_seconds: how much of that is the epoch's under way.
        loss_sum: over the updates of the epoch under way.
        accuracy_sum: the same.
        patient_since: the epoch from which on early stopping counts, besides the
            best one's.
        before: the score that the stage began with, where it was measured.
        kept: the score of which `model.keras` holds the weights.
        leader: the best of this stage's epochs.
        last: of the last finished epoch.
        rates: state of the learning rates.
        watch: state of what looks for too high a rate.
    """

    phase: str
    stage: int
    first_epoch: int
    epochs: int
    steps_per_epoch: int
    batch_size: int
    accumulate: int
    peak: float
    scale: float = 1.0
    lowered: int = 0
    epoch: int = 0
    step: int = 0
    finished: bool = False
    extended: int = 0
    planned: bool = False
    time_limit: float = 0.0
    start: int = 0
    seconds: float = 0.0
    epoch_seconds: float = 0.0
    loss_sum: float = 0.0
    accuracy_sum: float = 0.0
    patient_since: int = 0
    before: Score | None = None
    kept: Score | None = None
    leader: Score | None = None
    last: Score | None = None
    rates: dict[str, Any] = field(default_factory=dict)
    watch: dict[str, Any] = field(default_factory=dict)

    @property
    def updates(self) -> int:
        """How many updates of this stage are done."""
        return self.epoch * self.steps_per_epoch + self.step

    @property
    def number(self) -> int:
        """Number of the epoch under way, from 1, over all stages."""
        return self.first_epoch + self.epoch + 1

    @property
    def last_number(self) -> int:
        """Number of this stage's last epoch."""
        return self.first_epoch + self.epochs

    @property
    def part_size(self) -> int:
        """Images that are computed at once."""
        return self.batch_size // self.accumulate

    def start_epoch(self) -> None:
        """Counts the epoch under way as finished, and begins the next."""
        self.epoch += 1
        self.step = 0
        self.loss_sum = self.accuracy_sum = self.epoch_seconds = 0.0

    def extend(self, epochs: int) -> None:
        """Adds epochs, to what there were to be or to where the stage ended before.

        Their rates are those of a phase that had so many from its beginning.
        """
        self.epochs = (self.epoch if self.finished else self.epochs) + epochs
        self.extended += epochs
        self.finished = False
        self.planned = True
        self.time_limit = 0.0
        self.patient_since = self.epoch

    def end_reason(self, patience: int) -> str:
        """Returns why the stage ends with the epoch that is finished, or "".

        Args:
            patience: how many epochs without a better one end it; 0 for any.
        """
        assert self.leader
        waited = min(
            self.first_epoch + self.epoch - self.leader.epoch,
            self.epoch - self.patient_since,
        )
        if self.epoch >= self.epochs:
            return "all epochs are done"
        if patience and waited >= patience:
            return f"no better epoch for {counted(patience, 'epoch')}"
        if self.time_limit and self.seconds >= self.time_limit:
            return "the time is up"
        return ""

    def as_json(self) -> dict[str, Any]:
        """Returns what `from_json` reads back."""
        return dataclasses.asdict(self)

    @staticmethod
    def from_json(document: dict[str, Any]) -> Progress:
        """Reads back what `as_json` returned.

        Raises:
            KeyError, TypeError: if it is something else.
        """
        values = {item.name: document[item.name] for item in fields(Progress)}
        for name in ("before", "kept", "leader", "last"):
            if values[name] is not None:
                thresholds = tuple(values[name]["thresholds"])
                values[name] = Score(**{**values[name], "thresholds": thresholds})
        return Progress(**values)


def parts_of(batch_size: int, least: int) -> int:
    """Returns into how many equal parts a batch is cut: so many, or some more."""
    parts = range(min(least, batch_size), batch_size + 1)
    return next(number for number in parts if batch_size % number == 0)


def beginning(
    setup: Setup,
    name: str,
    settings: Phase,
    *,
    stage: int,
    before: Progress | None,
    preparing: float,
) -> Progress:
    """Returns where a stage begins.

    Args:
        setup: the run.
        name: of the phase.
        settings: of the stage.
        stage: its number.
        before: where the stage before ended. Its batches and rates go on: what was too
            much for fewer layers is too much for more.
        preparing: seconds that went by since then, or since the start.

    Raises:
        ConfigError: if gradients are to be accumulated by several devices, or in
            float16.
    """
    devices, images = setup.devices, len(setup.parts.train)
    if settings.accumulate > 1 and devices.replicas > 1:
        raise ConfigError(
            f"--accumulate is {settings.accumulate}, which several devices can't do "
            "together. Use --devices one."
        )
    if settings.accumulate > 1 and setup.precision == "float16":
        # Keras leaves out a part that overflows, and later updates would lie between
        # the parts of a batch.
        raise ConfigError(
            f"--accumulate is {settings.accumulate}, which float16 can't do. "
            "Use --precision bfloat16, or float32."
        )
    wanted = max(setup.config.batch_size, 0) or BATCH_SIZE
    batch_size = devices.batch_size(wanted, images)
    progress = Progress(
        phase=name,
        stage=stage,
        first_epoch=0,
        epochs=settings.epochs,
        steps_per_epoch=images // batch_size,
        batch_size=batch_size,
        accumulate=parts_of(batch_size, settings.accumulate),
        peak=settings.learning_rate,
        seconds=preparing,
    )
    if not before:
        return progress
    return dataclasses.replace(
        progress,
        first_epoch=before.number - 1,  # stages may end early
        steps_per_epoch=images // before.batch_size,
        batch_size=before.batch_size,
        accumulate=before.accumulate,
        peak=before.peak,
        scale=before.scale,
        seconds=before.seconds + preparing,
        before=before.last,
        kept=before.kept,
    )
