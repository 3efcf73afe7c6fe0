"""How far a phase is: all that determines its next step besides its variables."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Literal

from cnnxfer.config import Phase
from cnnxfer.errors import ConfigError
from cnnxfer.reporting import counted
from cnnxfer.spelling import option
from cnnxfer.tasks.score import Score
from cnnxfer.training.setup import Setup


@dataclass
class Progress:
    """How far a stage of a phase is. A checkpoint holds it as JSON."""

    phase: str  # one of `PHASES`
    stage: int  # from 0, in a phase that unfreezes gradually
    first_epoch: int  # how many epochs the previous stages had
    epochs: int  # that this stage is to have
    steps_per_epoch: int  # updates of the weights
    batch_size: int  # images in an update
    accumulate: int  # parts of a batch that are computed one after another
    peak: float  # the highest learning rate, as the user set it or `search` found it
    scale: float = 1.0  # of all learning rates, below 1 once the peak was too high
    lowered: int = 0  # how many times the stage restarted at a lower rate
    epoch: int = 0  # how many epochs of this stage are finished
    step: int = 0  # how many updates of the current epoch are done
    finished: bool = False
    extended: int = 0  # how many of `epochs` were added later, by `resume`
    planned: bool = False  # `epochs` and `steps_per_epoch` fit the time budget already
    time_limit: float = 0.0  # of `seconds`, after which no epoch begins; 0 for none
    start: int = 0  # the number of the checkpoint that the stage would restart from
    seconds: float = 0.0  # of the phase so far, in all its processes
    epoch_seconds: float = 0.0  # of the current epoch so far
    loss_sum: float = 0.0  # over the current epoch's updates
    accuracy_sum: float = 0.0  # likewise
    patient_since: int = 0  # the epoch from which early stopping counts at the earliest
    before: Score | None = None  # that the stage began with; None if not measured
    kept: Score | None = None  # of the model to keep
    leader: Score | None = None  # the best of this stage's epochs
    last: Score | None = None  # of the last finished epoch
    rates: dict[str, Any] = field(default_factory=dict)  # see `Rates.state`
    watch: dict[str, Any] = field(default_factory=dict)  # see `DivergenceWatch.state`

    @property
    def updates(self) -> int:
        """The number of updates of this stage that are done."""
        return self.epoch * self.steps_per_epoch + self.step

    @property
    def number(self) -> int:
        """The number of the current epoch, from 1, counted over all stages."""
        return self.first_epoch + self.epoch + 1

    @property
    def last_number(self) -> int:
        """The number of this stage's last epoch, counted over all stages."""
        return self.first_epoch + self.epochs

    @property
    def part_size(self) -> int:
        """The number of images that are computed at once."""
        return self.batch_size // self.accumulate

    def start_epoch(self) -> None:
        """Counts the current epoch as finished and begins the next."""
        self.epoch += 1
        self.step = 0
        self.loss_sum = self.accuracy_sum = self.epoch_seconds = 0.0

    def extend(self, epochs: int) -> None:
        """Adds epochs to those of the stage; if it has ended, to those it has trained.

        The learning rates become those of a phase that had as many epochs in all from
        its beginning.
        """
        self.epochs = (self.epoch if self.finished else self.epochs) + epochs
        self.extended += epochs
        self.finished = False
        self.planned = True
        self.time_limit = 0.0
        self.patient_since = self.epoch

    def end_reason(self, patience: int | Literal["none"]) -> str:
        """Returns why the stage ends after the last finished epoch; "" if it goes on.

        Args:
            patience: how many epochs without a better one end the stage.
        """
        assert self.leader
        waited = min(
            self.first_epoch + self.epoch - self.leader.epoch,
            self.epoch - self.patient_since,
        )
        if self.epoch >= self.epochs:
            return "all epochs are done"
        if patience != "none" and waited >= patience:
            return f"no better epoch for {counted(patience, 'epoch')}"
        if self.time_limit and self.seconds >= self.time_limit:
            return "the time is up"
        return ""


def parts_per_batch(batch_size: int, least: int, workers: int = 1) -> int:
    """Returns the lowest number of equal parts of a batch that is at least `least`.

    Workers, among whom the batch can be divided, have equally many parts each.
    """
    parts = range(min(least, batch_size), batch_size + 1)
    return next(
        number for number in parts if batch_size % number == 0 and number % workers == 0
    )


def initial_progress(
    setup: Setup,
    name: str,
    settings: Phase,
    *,
    default_batch_size: int,
    stage: int,
    previous: Progress | None,
    preparation_seconds: float,
) -> Progress:
    """Returns the progress at the beginning of a stage.

    What was too much for fewer layers is too much for more. So a stage keeps the batch
    size, the parts and the learning rate of the one before.

    Raises:
        ConfigError: if gradients are to be accumulated on several devices, or in
            float16.
    """
    devices, images = setup.devices, len(setup.splits.train)
    if settings.accumulate > 1 and devices.replicas > 1:
        raise ConfigError(
            f"{option('--accumulate')} is {settings.accumulate}, which several devices "
            f"can't do together. Use {option('--devices', 'one')}."
        )
    if settings.accumulate > 1 and setup.precision == "float16" and not devices.workers:
        # Keras skips a part whose gradients overflow, so later updates would combine
        # parts of two batches.
        raise ConfigError(
            f"{option('--accumulate')} is {settings.accumulate}, which float16 can't "
            f"do. Use {option('--precision', 'bfloat16')}, or float32."
        )
    wanted = setup.config.batch_size
    if isinstance(wanted, str):  # `auto` is found later
        wanted = default_batch_size
    batch_size = devices.batch_size(wanted, images)
    progress = Progress(
        phase=name,
        stage=stage,
        first_epoch=0,
        epochs=settings.epochs,
        steps_per_epoch=images // batch_size,
        batch_size=batch_size,
        accumulate=parts_per_batch(batch_size, settings.accumulate, devices.shares),
        # `auto` is found later.
        peak=0.0 if settings.learning_rate == "auto" else settings.learning_rate,
        seconds=preparation_seconds,
    )
    if not previous:
        return progress
    return dataclasses.replace(
        progress,
        first_epoch=previous.number - 1,  # stages may end early
        steps_per_epoch=images // previous.batch_size,
        batch_size=previous.batch_size,
        accumulate=previous.accumulate,
        peak=previous.peak,
        scale=previous.scale,
        seconds=previous.seconds + preparation_seconds,
        before=previous.last,
        kept=previous.kept,
    )
