"""A phase under way, or a stage of one: its state, and what may be asked of it."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import keras
import numpy as np

from cnnxfer.config import FineTune, Phase
from cnnxfer.errors import RunError
from cnnxfer.hardware.memory import is_out_of_memory
from cnnxfer.stopping import Stop
from cnnxfer.tasks.score import Score
from cnnxfer.tasks.targets import targets_of
from cnnxfer.training.loop.checkpoint import (
    Checkpoint,
    read_arrays,
    restore,
    values_of,
)
from cnnxfer.training.loop.divergence import DivergenceWatch
from cnnxfer.training.loop.messages import extension_text, interruption
from cnnxfer.training.loop.progress import Progress, beginning
from cnnxfer.training.loop.recorder import Recorder
from cnnxfer.training.loop.stepper import Stepper
from cnnxfer.training.optimization.learning_rates import Rates
from cnnxfer.training.task import Setup
from cnnxfer.training.trained_network import TrainedNetwork

CHANCE_IMAGES = 1000  # enough to tell what guessing costs


class Stopped(Exception):
    """Somebody asked for a stop, and no update is under way."""


class Diverged(Exception):
    """Training makes the network worse; the message says how it is seen."""


class Session:
    """A phase of a run, or a stage of one, under way.

    An update of the weights follows from the settings, its number and the variables.
    So a phase that was stopped, however, goes on from its last checkpoint as if it had
    not been: checkpoints lie between two updates, one at the beginning, one at each
    epoch's end, and one every so many seconds.

    Attributes:
        setup: the run.
        settings: how the phase trains.
        trained: what it trains.
        progress: how far it is.
        stepper: computes updates and answers.
        rates: the learning rates of all updates.
        watch: looks for too high a rate.
        recorder: writes what the run keeps.
        stop: whether somebody asked for the end.
        begun: whether there is a checkpoint of this stage to go on from.
        epochs_seen: how many epochs have ended in this process.
        share: of the time budget that is left, how much this stage may take.
    """

    def __init__(
        self,
        setup: Setup,
        name: str,
        settings: Phase,
        trained: TrainedNetwork,
        *,
        checkpoint: Checkpoint | None = None,
        stage: int = 0,
        before: Progress | None = None,
        factors: Mapping[str, float] | None = None,
        extra_epochs: int = 0,
        preparing: float = 0.0,
        share: float = 1.0,
    ) -> None:
        """Compiles the trained's model; what is trainable in it is fixed from here.

        Args:
            setup: the run.
            name: `frozen` or `fine_tune`.
            settings: how the stage trains; its epochs are the stage's, and its
                learning rate is above 0, or `search` is to find one.
            trained: what is trained.
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
        self.trained = trained
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
        self.begun = checkpoint is not None
        self._explaining = False
        self.stop = Stop()
        self.recorder = Recorder(
            setup.run, trained.classifier, len(setup.parts.validation)
        )
        self._ticked = self._saved = time.monotonic()
        self.epochs_seen = 0
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
            self.begun = False
            setup.reporter.info(extension_text(self.progress, added))

    @property
    def model(self) -> keras.Model:
        """What learns."""
        return self.trained.model

    @property
    def best(self) -> Score | None:
        """The score of which `model.keras` holds the weights; None if there is none."""
        return self.progress.kept

    def begin_with(self, score: Score) -> None:
        """Takes the score of the model as it is, which is the run's."""
        self.progress.before = self.progress.kept = score
        self.follow(self.progress)

    def score(self, epoch: int) -> Score:
        """Returns how well the model does on validation, now after `epoch` epochs.

        Raises:
            Interrupted: on Ctrl-C.
            DataError: if an image cannot be read any more.
            RunError: if memory ran out.
        """
        with self.explained():
            logits = self.stepper.answers(self.stop)
        if self.stop.asked:
            raise Stopped
        targets = self.validation_targets
        return self.objective.score(logits[: len(targets)], targets, epoch)

    def keep(self, score: Score, row: dict[str, str]) -> None:
        """Keeps an epoch: the model if it is to be kept, and the figures.

        Should the process die before the next checkpoint, all is written again.

        Args:
            score: of the epoch that is done.
            row: of the history, without phase and epoch.
        """
        progress = self.progress
        if self._keeps_last or score.beats(progress.kept):
            self.recorder.save_model(score)
            progress.kept = score
        self.recorder.add_epoch(progress, score, row)

    def checkpoint(self) -> None:
        """Writes down where the phase is.

        Raises:
            Diverged: if a variable is not a finite number any more; nothing is written.
            RunError: if it cannot be written.
        """
        self.tick()
        progress = self.progress
        progress.rates, progress.watch = self.rates.state(), self.watch.state()
        values = values_of(self.stepper.variables)
        if not all(np.isfinite(value).all() for value in values.values()):
            raise Diverged("the weights are no numbers any more")
        number = self.recorder.write_checkpoint(
            progress, values, also_keep=progress.start if self.watching else 0
        )
        if not progress.updates:
            progress.start = number
        self.begun = True
        self._saved = time.monotonic()

    def build(self) -> None:
        """Compiles the model as the progress has it; its variables are to be set."""
        self.stepper = Stepper(
            self.setup,
            self.trained,
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
        self.rates = Rates(settings, steps, progress.peak)
        if progress.rates:
            self.rates.restore(progress.rates)
        self.watch = DivergenceWatch(self.chance, progress.before, progress.watch)
        # Until the epoch is over that begins with the highest rate.
        rates = [self.rates.at(epoch * steps) for epoch in range(progress.epochs)]
        self._watched_epochs = 1 + int(np.argmax(rates))
        self.stepper.begin_anew(steps)

    def recover(self) -> None:
        """Gives variables that a failed step took with it their first values again."""
        for name, value in self.spare.items():
            self._numbered()[name].assign(value)

    @property
    def rate(self) -> float:
        """The learning rate of the next update."""
        return self.rates.at(self.progress.updates) * self.progress.scale

    @property
    def watching(self) -> bool:
        """Whether too high a rate would be taken back now."""
        return self.progress.epoch < self._watched_epochs

    @property
    def checkpoint_is_due(self) -> bool:
        """Whether the time between two checkpoints has gone by."""
        return self._ticked - self._saved >= self.setup.config.checkpoint_every

    @property
    def number(self) -> int:
        """Number of the next update, over all stages."""
        progress = self.progress
        return progress.first_epoch * progress.steps_per_epoch + progress.updates

    def tick(self) -> None:
        """Counts the time that went by."""
        now = time.monotonic()
        self.progress.seconds += now - self._ticked
        self.progress.epoch_seconds += now - self._ticked
        self._ticked = now

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turns what stops Keras into an error that says what to do."""
        if self._explaining:
            yield
            return
        self._explaining = True
        try:
            yield
        except KeyboardInterrupt:
            self.trained.close()
            raise interruption(self.setup.run, self.progress) from None
        except Exception as error:
            self.trained.close()
            if self.trained.failure:
                raise self.trained.failure from None
            if is_out_of_memory(error):
                raise RunError(
                    f"memory ran out with --batch {self.progress.batch_size} at "
                    f"{self.setup.image_size} pixels. Try half of it."
                ) from error
            raise
        finally:
            self._explaining = False

    @property
    def _keeps_last(self) -> bool:
        return isinstance(self.settings, FineTune) and self.settings.keep == "last"

    def _loss_of_guessing(self, targets: np.ndarray) -> float:
        losses = self.objective.loss(targets, np.zeros_like(targets))
        return float(np.mean(keras.ops.convert_to_numpy(losses)))

    def _numbered(self) -> dict[str, keras.Variable]:
        return {str(i): variable for i, variable in enumerate(self.model.variables)}
