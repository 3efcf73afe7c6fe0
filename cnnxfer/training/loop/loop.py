"""A phase, or a stage of one: from where it stopped to its end."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TypeVar

import keras
import numpy as np

from cnnxfer.config import FineTune, Phase
from cnnxfer.errors import RunError
from cnnxfer.hardware.memory import is_out_of_memory
from cnnxfer.networks.saving import save_model
from cnnxfer.reporting import Advance
from cnnxfer.stopping import Stop, listening
from cnnxfer.tasks.score import Score
from cnnxfer.tasks.targets import targets_of
from cnnxfer.tasks.thresholds import keep_thresholds
from cnnxfer.training.loop.checkpoint import (
    Checkpoint,
    read_arrays,
    restore,
    save_checkpoint,
    values_of,
)
from cnnxfer.training.loop.divergence import Watch
from cnnxfer.training.loop.messages import (
    epoch_lines,
    history_row,
    interruption,
    live_text,
    title,
    told_extension,
)
from cnnxfer.training.loop.progress import Progress, beginning
from cnnxfer.training.loop.recovery import Diverged, lower_rate, use_less_memory
from cnnxfer.training.loop.stepper import Stepper
from cnnxfer.training.loop.time_budget import fit_into_time
from cnnxfer.training.optimization.learning_rates import Rates
from cnnxfer.training.phases.trained_network import Trainee
from cnnxfer.training.task import Setup

Result = TypeVar("Result")

CHANCE_IMAGES = 1000  # enough to tell what guessing costs


class Stopped(Exception):
    """Somebody asked for a stop, and all is at rest."""


class PhaseRun:
    """A phase of a run, or a stage of one, ready to train.

    An update of the weights follows from the settings, its number and the variables.
    So a phase that was stopped, however, goes on from its last checkpoint as if it had
    not been: checkpoints lie between two updates, one at the beginning, one at each
    epoch's end, and one every so many seconds.

    Attributes:
        setup: the run.
        settings: how the phase trains.
        trainee: what it trains.
        progress: how far it is.
        stepper: what computes.
    """

    def __init__(
        self,
        setup: Setup,
        name: str,
        settings: Phase,
        trainee: Trainee,
        *,
        checkpoint: Checkpoint | None = None,
        stage: int = 0,
        before: Progress | None = None,
        factors: Mapping[str, float] | None = None,
        extra_epochs: int = 0,
        preparing: float = 0.0,
        share: float = 1.0,
    ) -> None:
        """Compiles the trainee's model; what is trainable in it is fixed from here.

        Args:
            setup: the run.
            name: `frozen` or `fine_tune`.
            settings: how the stage trains; its epochs are the stage's, and its
                learning rate is above 0, or `search` is to find one.
            trainee: what is trained.
            checkpoint: where this stage goes on; None for its beginning.
            stage: its number, from 0.
            before: where the stage before ended, if it was trained in this process.
            factors: multiples of the learning rate by variables' paths.
            extra_epochs: how many more the stage is to have than its settings say.
            preparing: seconds that went by since the stage before, or the start.
            share: of the time budget that is left, how much this stage may take.
        """
        self.setup = setup
        self.settings = settings
        self.trainee = trainee
        self.factors = factors
        self.share = share
        self.objective = setup.objective(settings.label_smoothing)
        targets = targets_of(setup.parts.train, len(setup.class_names))
        self.chance = self._loss_of_guessing(targets[:CHANCE_IMAGES])
        self.validation_targets = targets_of(
            setup.parts.validation, len(setup.class_names)
        )
        if checkpoint:
            self.progress = checkpoint.progress
            assert (self.progress.phase, self.progress.stage) == (name, stage)
            if not self.progress.updates:
                self.progress.start = checkpoint.number
        else:
            self.progress = beginning(
                setup,
                name,
                settings,
                stage=stage,
                before=before,
                preparing=preparing,
            )
        self._unsaved = not checkpoint
        self._explaining = False
        self._stop = Stop()
        self._ticked = self._saved = time.monotonic()
        self._epochs_seen = 0
        self.build()
        if checkpoint:
            restore(read_arrays(checkpoint), self.stepper.variables)
        # A step of JAX that fails has given away what it was to read.
        on_jax = keras.backend.backend() == "jax"
        self.spare = values_of(self._numbered()) if on_jax else {}
        added = extra_epochs - self.progress.extended
        if added:
            self.progress.extend(added)
            self.follow(self.progress)
            self._unsaved = True
            setup.reporter.info(told_extension(self.progress, added))

    @property
    def model(self) -> keras.Model:
        """What learns."""
        return self.trainee.model

    @property
    def best(self) -> Score | None:
        """The score of which `model.keras` holds the weights; None if there is none."""
        return self.progress.kept

    def begin_with(self, score: Score) -> None:
        """Takes the score of the model as it is, which is the run's."""
        self.progress.before = self.progress.kept = score
        self.follow(self.progress)

    def tried(self, trial: Callable[[], Result]) -> Result:
        """Returns what a trial before the first update finds, in the memory there is.

        Raises:
            Interrupted: on Ctrl-C.
            DataError: if an image cannot be read any more.
            RunError: if there is no memory for a single image.
        """
        with self._explained():
            while True:
                try:
                    return trial()
                except Exception as error:
                    self._take_less_memory(error)

    def score(self, epoch: int) -> Score:
        """Returns how well the model does on validation, now after `epoch` epochs.

        Raises:
            Interrupted: on Ctrl-C.
            DataError: if an image cannot be read any more.
            RunError: if memory ran out.
        """
        with self._explained():
            logits = self.stepper.answers(self._stop)
        if self._stop.asked:
            raise Stopped
        targets = self.validation_targets
        return self.objective.score(logits[: len(targets)], targets, epoch)

    def fit(self) -> Score:
        """Trains to the last epoch and returns the score of the model that is kept.

        The run's model, metrics and history grow with each epoch. At its end the
        trainee has the weights of the last one, or their averages.

        Raises:
            Interrupted: on Ctrl-C or SIGTERM, after saving.
            RunError: if training failed; the run keeps its model and checkpoints.
            DataError: if an image cannot be read any more.
        """
        with self._explained(), listening() as self._stop:
            try:
                self._begin()
                progress = self.progress
                left = progress.epochs * progress.steps_per_epoch - progress.updates
                with self.setup.reporter.progress(
                    title(progress), left, "batches"
                ) as advance:
                    while not self.progress.finished:
                        self._go_on(advance)
            except Stopped:
                with suppress(Diverged):
                    self.checkpoint()
                if not self.setup.run.model_path.exists():
                    self.save()
                raise interruption(self.setup.run, self.progress) from None
        self.trainee.close()
        if self._stop.asked:  # by the time that all was done, but others may follow
            raise interruption(self.setup.run, self.progress)
        self.stepper.use_averages()
        assert self.best
        return self.best

    def keep(self, score: Score, row: dict[str, str]) -> None:
        """Keeps an epoch: the model if it is to be kept, and the figures.

        Should the process die before the next checkpoint, all is written again.
        """
        run, progress = self.setup.run, self.progress
        if self._keeps_last or score.beats(progress.kept):
            self.save()
            keep_thresholds(run, score)
            progress.kept = score
        assert progress.kept
        run.add_history({"phase": progress.phase, "epoch": score.epoch, **row})
        images = len(self.validation_targets)
        run.update_metrics(**{progress.phase: progress.kept.as_metrics(images)})

    def save(self) -> None:
        """Writes the model to the run, in float32 whatever the precision here.

        So it answers the same on every machine, with or without a GPU.
        """
        with self.setup.run.saving():
            save_model(self.trainee.classifier, self.setup.run.model_path)

    def checkpoint(self) -> None:
        """Writes down where the phase is.

        Raises:
            Diverged: if some variable is no number any more; nothing is written.
            RunError: if it cannot be written.
        """
        self._tick()
        progress, run = self.progress, self.setup.run
        progress.rates, progress.watch = self._rates.state(), self._watch.state()
        values = values_of(self.stepper.variables)
        if not all(np.isfinite(value).all() for value in values.values()):
            raise Diverged("the weights are no numbers any more")
        with run.saving():
            number = save_checkpoint(
                run.checkpoints_dir,
                progress,
                values,
                also_keep=progress.start if self.watching else 0,
            )
        if not progress.updates:
            progress.start = number
        self._saved = time.monotonic()

    def build(self) -> None:
        """Compiles the model as the progress has it; its variables are to be set."""
        self.stepper = Stepper(
            self.setup,
            self.trainee,
            self.settings,
            self.objective,
            self.progress,
            self.factors,
        )
        self.follow(self.progress)

    def follow(self, progress: Progress) -> None:
        """Goes on from another progress; the variables are to be set."""
        self.progress = progress
        settings = dataclasses.replace(self.settings, epochs=progress.epochs)
        steps = progress.steps_per_epoch
        self._rates = Rates(settings, steps, progress.peak)
        if progress.rates:
            self._rates.restore(progress.rates)
        self._watch = Watch(self.chance, progress.before, progress.watch)
        # Until the epoch is over that begins with the highest rate.
        rates = [self._rates.at(epoch * steps) for epoch in range(progress.epochs)]
        self._watched_epochs = 1 + int(np.argmax(rates))
        self.stepper.begin_anew(steps)

    def recover(self) -> None:
        """Gives variables that a failed step took with it their first values again."""
        for name, value in self.spare.items():
            self._numbered()[name].assign(value)

    def take_back(self, back: Progress) -> None:
        """Takes back what epochs kept that do not count any more.

        Args:
            back: where the stage began.
        """
        run = self.setup.run
        if back.stage:  # the model from before is written over, by a better one
            back.kept = self.progress.kept
        elif run.parent:
            run.copy_model(run.parent)
            run.update_metrics(**{back.phase: None})

    @property
    def begun(self) -> bool:
        """Whether there is a checkpoint of this stage to go on from."""
        return not self._unsaved

    @property
    def rate(self) -> float:
        """The learning rate of the next update."""
        return self._rates.at(self.progress.updates) * self.progress.scale

    @property
    def watching(self) -> bool:
        """Whether too high a rate would be taken back now."""
        return self.progress.epoch < self._watched_epochs

    def _begin(self) -> None:
        """Writes the first checkpoint, and plans the time."""
        if self._unsaved:
            self.checkpoint()
            self._unsaved = False
        self._plan()

    def _plan(self) -> None:
        """Has as many epochs as fit into the time, if there is a limit to it."""
        seconds = self.setup.config.time_budget
        if seconds and not self.progress.planned:
            left = (seconds - self.progress.seconds) * self.share
            self.tried(lambda: fit_into_time(self, left))
            self.checkpoint()

    def _go_on(self, advance: Advance) -> None:
        """Trains to the end of an epoch, or to what stands in the way of it."""
        try:
            self._train_epoch(advance)
            return
        except Diverged as trouble:
            done = self.progress.updates
            lower_rate(self, trouble)
            self._plan()
        except Exception as error:
            done = self.progress.updates
            self._take_less_memory(error)
        advance(self.progress.updates - done)

    def _take_less_memory(self, error: Exception) -> None:
        """Goes on in smaller parts if memory ran out; else raises the error."""
        if self.trainee.failure or not is_out_of_memory(error):
            raise error
        error.__traceback__ = None  # it would hold on to memory
        use_less_memory(self)

    def _train_epoch(self, advance: Advance) -> None:
        progress = self.progress
        if not progress.step:
            self._tick()
            progress.epoch_seconds = 0.0  # without what came before the epoch
        while progress.step < progress.steps_per_epoch:
            if self._stop.asked:
                raise Stopped
            loss, accuracy = self.stepper.update(self.number, self.rate)
            late = 2 * progress.step >= progress.steps_per_epoch
            trouble = self._watch.update_done(loss, late)
            if trouble and (self.watching or not math.isfinite(loss)):
                raise Diverged(trouble)
            progress.step += 1
            progress.loss_sum += loss
            progress.accuracy_sum += accuracy
            self._tick()
            advance(note=live_text(progress))
            if self._ticked - self._saved >= self.setup.config.checkpoint_every:
                self.checkpoint()
        self._end_epoch()

    def _end_epoch(self) -> None:
        progress = self.progress
        rate = self._rates.at(progress.epoch * progress.steps_per_epoch)
        rate *= progress.scale
        images = len(self.validation_targets)
        with self.stepper.averages():
            score = self.score(progress.number)
            trouble = self._watch.epoch_done(score, images)
            if trouble and (self.watching or not math.isfinite(score.loss)):
                raise Diverged(trouble)
            self._tick()
            self.keep(score, history_row(progress, score, rate))
        for line in epoch_lines(progress, score, first=not self._epochs_seen):
            self.setup.reporter.info(line)
        self._epochs_seen += 1
        if score.beats(progress.leader):
            progress.leader = score
        progress.last = score
        self._rates.epoch_ended(score)
        progress.start_epoch()
        if reason := progress.end_reason(self.settings.patience):
            progress.finished = True
            if progress.epoch < progress.epochs:
                self.setup.reporter.info(f"the phase ends here: {reason}")
        self.checkpoint()

    @property
    def number(self) -> int:
        """Number of the next update, over all stages."""
        progress = self.progress
        return progress.first_epoch * progress.steps_per_epoch + progress.updates

    @property
    def _keeps_last(self) -> bool:
        return isinstance(self.settings, FineTune) and self.settings.keep == "last"

    def _loss_of_guessing(self, targets: np.ndarray) -> float:
        losses = self.objective.loss(targets, np.zeros_like(targets))
        return float(np.mean(keras.ops.convert_to_numpy(losses)))

    def _numbered(self) -> dict[str, keras.Variable]:
        return {str(i): variable for i, variable in enumerate(self.model.variables)}

    def _tick(self) -> None:
        """Counts the time that went by."""
        now = time.monotonic()
        self.progress.seconds += now - self._ticked
        self.progress.epoch_seconds += now - self._ticked
        self._ticked = now

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turns what stops Keras into an error that says what to do."""
        if self._explaining:
            yield
            return
        self._explaining = True
        try:
            yield
        except KeyboardInterrupt:
            self.trainee.close()
            raise interruption(self.setup.run, self.progress) from None
        except Exception as error:
            self.trainee.close()
            if self.trainee.failure:
                raise self.trainee.failure from None
            if is_out_of_memory(error):
                raise RunError(
                    f"memory ran out with --batch {self.progress.batch_size} at "
                    f"{self.setup.image_size} pixels. Try half of it."
                ) from error
            raise
        finally:
            self._explaining = False
