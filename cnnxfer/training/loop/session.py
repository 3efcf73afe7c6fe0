"""The state of a training phase, or of one stage of it, and how that state changes."""

import dataclasses
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import keras
import numpy as np

from cnnxfer.config import Phase
from cnnxfer.errors import ConfigError, RunError
from cnnxfer.hardware.memory import is_out_of_memory
from cnnxfer.spelling import option
from cnnxfer.stopping import Stop
from cnnxfer.tasks.score import Score
from cnnxfer.training.loop.checkpoint import Checkpoint, restore
from cnnxfer.training.loop.divergence import DivergenceWatch
from cnnxfer.training.loop.messages import extension_text
from cnnxfer.training.loop.progress import (
    Progress,
    initial_progress,
    parts_per_batch,
)
from cnnxfer.training.loop.recorder import Recorder
from cnnxfer.training.loop.stepper import Stepper
from cnnxfer.training.optimization.learning_rates import Rates
from cnnxfer.training.optimization.rolled_back import all_variables, state_hash
from cnnxfer.training.setup import Setup
from cnnxfer.training.trained_network import TrainedNetwork
from cnnxfer.training.variables import adapt_to_parts, set_values, values_of
from cnnxfer.training.workers.joining import clock, decided

CHANCE_LOSS_IMAGES = 1000  # enough to estimate the loss of guessing


class Stopped(Exception):
    """The user asked for a stop; it is raised between two updates."""


class Diverged(Exception):
    """Training makes the network worse; the message says what was observed."""


class Session:
    """The training of one phase of a run, or of one stage of a phase.

    The settings, the number of an update and the variables determine what an update
    computes. So a phase that was stopped in any way continues from its last checkpoint
    as if it had not been stopped. Checkpoints are written between two updates: at the
    beginning, at the ends of epochs (see `TrainedNetwork.save_after_seconds`), at a
    regular interval of time, and at the end.
    """

    def __init__(
        self,
        setup: Setup,
        name: str,
        settings: Phase,
        trained: TrainedNetwork,
        recorder: Recorder,
        *,
        checkpoint: Checkpoint | None = None,
        stage: int = 0,
        previous: Progress | None = None,
        factors: Mapping[str, float] | None = None,
        extra_epochs: int = 0,
        preparation_seconds: float = 0.0,
        time_share: float = 1.0,
    ) -> None:
        """Compiles the network's model; its trainable variables must not change later.

        Args:
            setup: everything the network is trained with.
            name: the name of the phase, one of `PHASES`.
            settings: the settings of the phase, with the number of epochs of this
                stage. If the learning rate is `auto`, call `search` before `fit`.
            trained: the network to train.
            recorder: records what the phase produces.
            checkpoint: that of this stage to continue from; None to begin.
            stage: the number of the stage, from 0.
            previous: the progress at the end of the previous stage, if that was
                trained in this process.
            factors: multiples of the learning rate by the paths of variables.
            extra_epochs: the number of epochs to add to those of the settings.
            preparation_seconds: the time since the end of the previous stage, or since
                the start of the phase.
            time_share: the fraction of the remaining time budget that this stage may
                take.
        """
        self.setup = setup
        self.settings = settings
        self.trained = trained
        self.recorder = recorder
        self.factors = factors
        self.time_share = time_share
        self.objective = setup.objective(settings.label_smoothing, trained.classifier)
        self.chance_loss = self.objective.chance_loss(
            setup.targets(setup.splits.train[:CHANCE_LOSS_IMAGES])
        )
        self.validation_targets = setup.targets(setup.splits.validation)
        if checkpoint:
            self.progress = checkpoint.progress
            assert (self.progress.phase, self.progress.stage) == (name, stage)
            saved_parts = self.progress.accumulate
            self._divide_batch()
            if not self.progress.updates:
                self.progress.start = checkpoint.number
        else:
            self.progress = initial_progress(
                setup,
                name,
                settings,
                default_batch_size=trained.default_batch_size,
                stage=stage,
                previous=previous,
                preparation_seconds=decided(float, lambda: preparation_seconds),
            )
        self.begun = checkpoint is not None  # there is one of this stage to return to
        self._explaining = False
        self.stop = Stop()
        self.stopping = False  # as all workers have agreed
        self._last_tick = self._last_checkpoint = clock()
        # The answers to the validation images that were scored last, float32
        # `(images, ...)`.
        self._logits: np.ndarray | None = None
        self.build()
        if checkpoint:
            self.restore(checkpoint, saved_parts)
        # A JAX step donates its input arrays, so a step that fails leaves variables
        # without values.
        on_jax = keras.backend.backend() == "jax"
        self.initial_values = values_of(self.model.variables) if on_jax else []
        added = extra_epochs - self.progress.extended
        if added:
            self.progress.extend(added)
            self.set_progress(self.progress)
            self.begun = False
            setup.reporter.info(extension_text(self.progress, added))
        if setup.devices.workers:
            weights = state_hash(all_variables(self.model))
            setup.devices.workers.require_same(weights, "the weights")

    @property
    def model(self) -> keras.Model:
        """The model that is trained."""
        return self.trained.model

    @property
    def best(self) -> Score | None:
        """The score of the model to keep; None before one has been scored."""
        return self.progress.kept

    def set_initial_score(self, score: Score) -> None:
        """Sets the score that the phase begins with: that of the run's model."""
        self.progress.before = self.progress.kept = score
        self.set_progress(self.progress)

    def score(self, epoch: int) -> Score:
        """Returns the score of the model on the validation images, after an epoch.

        Raises:
            Stopped: if the user asked for a stop.
            Interrupted: on Ctrl-C, outside `fit`.
            DataError: if an image can no longer be read.
            RunError: if memory ran out.
        """
        with self.explaining_errors():
            logits = self.stepper.validation_logits(self.stop)
        self.tick()
        if self.stopping:
            raise Stopped
        targets = self.validation_targets
        answers = logits[: len(targets)]
        self._logits = answers if len(answers) else None
        return decided(Score, lambda: self.objective.score(answers, targets, epoch))

    def validation_loss(self) -> float:
        """Returns the loss on the validation images, with the averages if any."""
        with self.stepper.using_averages():
            return self.score(0).loss

    def record_epoch(self, score: Score, row: dict[str, str]) -> None:
        """Records an epoch: its figures, and its model if that is the one to keep."""
        progress, weights = self.progress, None
        if self.settings.keep == "last" or score.beats(progress.kept):
            progress.kept, self.recorder.best_logits = score, self._logits
            weights = self.trained.learned_weights()
        self.recorder.add_epoch(progress, score, row, weights)

    def checkpoint(self) -> None:
        """Writes a checkpoint of the current state.

        Raises:
            Diverged: if a variable is no longer finite; nothing is written.
            RunError: if the checkpoint cannot be written.
        """
        self.tick()
        progress = self.progress
        progress.rates, progress.watch = self.rates.state(), self.watch.state()
        variables, counted = self.stepper.variables, self.stepper.counted_parts
        values = dict(zip(variables, values_of(variables.values()), strict=True))
        if not all(np.isfinite(value).all() for value in values.values()):
            raise Diverged("the weights are no longer finite numbers")
        if counted < progress.accumulate:  # as one process would have written it
            values = adapt_to_parts(values, variables, counted, progress.accumulate)
        number = self.recorder.write_checkpoint(
            progress, values, also_keep=progress.start if self.may_restart else 0
        )
        if not progress.updates:
            progress.start = number
        self.begun = True
        self._last_checkpoint = clock()

    def restore(self, checkpoint: Checkpoint, parts: int) -> None:
        """Gives the variables the values of a checkpoint of so many parts a batch."""
        variables, counted = self.stepper.variables, self.stepper.counted_parts
        values = adapt_to_parts(checkpoint.arrays(), variables, parts, counted)
        restore(values, variables)

    def _divide_batch(self) -> None:
        """Divides the batch of a checkpoint among the workers that there are now.

        Raises:
            ConfigError: if it cannot be divided.
        """
        progress, workers = self.progress, self.setup.devices.shares
        if progress.batch_size % workers:
            raise ConfigError(
                f"the run's batch of {progress.batch_size} cannot be divided among "
                f"{workers} workers. Start a number of workers that divides it."
            )
        parts = parts_per_batch(progress.batch_size, progress.accumulate, workers)
        if parts != progress.accumulate:
            self.setup.reporter.warn(
                f"{workers} workers divide a batch into {parts} parts; it had "
                f"{progress.accumulate}. So the result will differ slightly from that "
                "of an uninterrupted run."
            )
            progress.accumulate = parts
        replicas = self.setup.devices.replicas
        if parts > 1 and replicas > 1:
            raise ConfigError(
                f"the run divides a batch into {parts} parts, which {replicas} devices "
                "of one process can't compute. Go on with "
                f"{option('--devices', 'one')}, or with as many workers as before."
            )

    def build(self) -> None:
        """Compiles the model for the current batch size and number of parts.

        The optimizer is a new one; the caller sets the values of its variables.
        """
        self.stepper = Stepper(
            self.setup,
            self.trained,
            self.settings,
            self.objective,
            self.progress,
            self.factors,
        )
        self.set_progress(self.progress)

    def set_progress(self, progress: Progress) -> None:
        """Replaces the progress, and with it the learning rates and the watch.

        The caller sets the values of the variables.
        """
        self.progress = progress
        settings = dataclasses.replace(self.settings, epochs=progress.epochs)
        steps = progress.steps_per_epoch
        self.rates = Rates(settings, steps, progress.peak)
        if progress.rates:
            self.rates.restore(progress.rates)
        self.watch = DivergenceWatch(self.chance_loss, progress.before, progress.watch)
        # Up to the end of the epoch that begins with the highest rate.
        rates = [self.rates.at(epoch * steps) for epoch in range(progress.epochs)]
        self._watched_epochs = 1 + int(np.argmax(rates))
        self.stepper.set_steps_per_epoch(steps)

    def restore_initial_values(self) -> None:
        """Gives variables that a failed JAX step took with it their initial values."""
        if self.initial_values:
            set_values(self.model.variables, self.initial_values)

    @property
    def rate(self) -> float:
        """The learning rate of the next update."""
        return self.rates.at(self.progress.updates) * self.progress.scale

    @property
    def may_restart(self) -> bool:
        """Whether the stage would restart at a lower rate if it diverged now."""
        return self.progress.epoch < self._watched_epochs

    @property
    def checkpoint_is_due(self) -> bool:
        """Whether the time between two checkpoints has passed."""
        interval_seconds = self.setup.config.checkpoint_every
        if not self.progress.step:
            interval_seconds = min(interval_seconds, self.trained.save_after_seconds)
        return self._last_tick - self._last_checkpoint >= interval_seconds

    @property
    def update_number(self) -> int:
        """The number of the next update, counted from 0 over all stages."""
        progress = self.progress
        return progress.first_epoch * progress.steps_per_epoch + progress.updates

    def tick(self) -> None:
        """Adds the time since the last call to the seconds of phase and epoch.

        Workers agree on it, and on whether one of them was asked to stop.
        """
        now, self.stopping = time.monotonic(), self.stop.requested
        if workers := self.setup.devices.workers:
            told = workers.gathered([now, self.stopping])
            now, self.stopping = told[0][0], any(stopping for _, stopping in told)
        self.progress.seconds += now - self._last_tick
        self.progress.epoch_seconds += now - self._last_tick
        self._last_tick = now

    @contextmanager
    def explaining_errors(self) -> Iterator[None]:
        """Turns an exception that ends training into an error that says what to do."""
        if self._explaining:
            yield
            return
        self._explaining = True
        try:
            yield
        except KeyboardInterrupt:
            self.trained.close()
            raise self.recorder.interruption(self.progress) from None
        except Exception as error:
            self.trained.close()
            if self.trained.failure:
                raise self.trained.failure from None
            if is_out_of_memory(error):
                raise RunError(
                    "memory ran out with "
                    f"{option('--batch', self.progress.batch_size)} at "
                    f"{self.setup.image_size} pixels. Try half of it."
                ) from error
            raise
        finally:
            self._explaining = False
