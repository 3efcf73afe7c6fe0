"""One phase: `fit`, with the best model kept and every epoch resumable."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
from keras import ops

from cnnxfer.config import Phase
from cnnxfer.data.loader import Loader
from cnnxfer.data.pipeline import central_batches, training_batches
from cnnxfer.data.targets import targets_of
from cnnxfer.errors import Interrupted, RunError
from cnnxfer.reporting import Advance, counted
from cnnxfer.training.checkpoint import Checkpoint, restore, save_checkpoint
from cnnxfer.training.model import all_layers, copy_weights, save_model
from cnnxfer.training.objective import objective_of
from cnnxfer.training.optimizers import Schedule, build_optimizer
from cnnxfer.training.prepare import Setup
from cnnxfer.training.sampling import epoch_order
from cnnxfer.training.score import Score
from cnnxfer.training.thresholds import keep_thresholds

BATCH_SIZE = 32


class PhaseRun:
    """A phase of a run, ready to train.

    Attributes:
        best: the best score so far, of which `model.keras` holds the weights; None
            before there is any.
        epoch: how many epochs are finished.
    """

    def __init__(
        self,
        setup: Setup,
        name: str,
        settings: Phase,
        model: keras.Model,
        checkpoint: Checkpoint | None,
    ) -> None:
        """Compiles `model`; what is trainable in it is fixed from here.

        Args:
            setup: the run.
            name: `frozen` or `fine_tune`.
            settings: how the phase trains.
            model: the classifier, its trainable layers set.
            checkpoint: where the phase goes on; None for its beginning.
        """
        self.setup = setup
        self.name = name
        self.settings = settings
        self.model = model
        self.best = checkpoint.best if checkpoint else None
        self.epoch = checkpoint.epoch if checkpoint else 0
        self._portable: keras.Model | None = None
        config, devices = setup.config, setup.devices
        train, validation = setup.parts.train, setup.parts.validation
        self.batch_size = config.batch_size or BATCH_SIZE
        self.objective = objective_of(setup, settings.label_smoothing)
        targets = targets_of(train, len(setup.class_names))
        self.validation_targets = targets_of(validation, len(setup.class_names))
        batch_size = devices.batch_size(self.batch_size, len(train))
        self.steps_per_epoch = len(train) // batch_size
        self.train_loader = Loader(train, setup.image_size)
        self.train_batches = training_batches(
            self.train_loader,
            targets,
            config,
            lambda epoch: epoch_order(targets, config.seed, epoch, config.sampling),
            batch_size=batch_size,
            steps_per_epoch=self.steps_per_epoch,
            first_epoch=self.epoch,
            prefetch_to=devices.prefetch_to,
        )
        # The last batch is filled up: one of another size would be compiled anew,
        # and replicas left without an image would fail.
        batch_size = devices.batch_size(self.batch_size, len(validation))
        filled = [*validation, *validation[: -len(validation) % batch_size]]
        self.validation_steps = len(filled) // batch_size
        self.validation_loader = Loader(filled, setup.image_size)
        self.validation_batches = central_batches(
            self.validation_loader,
            config.central_crop,
            batch_size=batch_size,
            prefetch_to=devices.prefetch_to,
        )
        self.schedule = Schedule(settings, self.steps_per_epoch)
        with devices.scope():
            optimizer = build_optimizer(
                settings,
                self.schedule,
                model,
                precision=setup.precision,
                replicas=devices.replicas,
            )
            model.compile(
                optimizer,
                loss=self.objective.loss,
                metrics=[self.objective.accuracy],
                auto_scale_loss=False,  # build_optimizer has done it
            )
            optimizer.build(model.trainable_variables)
        if checkpoint:
            restore(setup.run.checkpoints_dir, checkpoint, self.state())

    def score(self, epoch: int) -> Score:
        """Returns how well the model does on validation, now after `epoch` epochs.

        Raises:
            Interrupted: on Ctrl-C.
            DataError: if an image cannot be read any more.
        """
        with self._explained():
            # Given no steps, Keras warns where it cannot count the batches.
            logits = self.model.predict(
                self.validation_batches, steps=self.validation_steps, verbose=0
            )
        targets = self.validation_targets
        return self.objective.score(logits[: len(targets)], targets, epoch)

    def fit(self) -> Score:
        """Trains to the last epoch and returns the best score.

        An epoch that beats `best` becomes `best`, and `model.keras` has its weights.
        The run's metrics and history grow with each epoch.

        Raises:
            Interrupted: on Ctrl-C; the run keeps the best model so far.
            RunError: if the loss is no number any more, or memory ran out.
            DataError: if an image cannot be read any more.
        """
        left = self.settings.epochs - self.epoch
        if left <= 0 and self.best:
            return self.best
        reporter, batches = self.setup.reporter, left * self.steps_per_epoch
        with (
            self._explained(),
            reporter.progress(self.title, batches, "batches") as advance,
        ):
            self.model.fit(
                self.train_batches,
                initial_epoch=self.epoch,
                epochs=self.settings.epochs,
                steps_per_epoch=self.steps_per_epoch,
                callbacks=[_Keeper(self, advance)],
                shuffle=False,  # the batches are shuffled
                verbose=0,
            )
        self._close()
        assert self.best
        return self.best

    @property
    def title(self) -> str:
        """What the phase does, for people."""
        return "training the head" if self.name == "frozen" else "fine-tuning"

    def state(self) -> list[Any]:
        """Returns every variable that the phase changes, always in one order."""
        layers = [layer for layer in all_layers(self.model) if layer.trainable]
        weights = [weight for layer in layers for weight in layer.weights]
        return [*weights, *self.model.optimizer.variables]

    def save(self) -> None:
        """Writes the model to the run, in float32 whatever the precision here.

        So it answers the same on every machine, with or without a GPU.
        """
        model = self.model
        if self.setup.precision != "float32":
            if self._portable is None:
                self._portable = self.setup.build_classifier(precision="float32")
            copy_weights(model, self._portable)
            model = self._portable
        save_model(model, self.setup.run.model_path)

    def keep(self, score: Score, row: dict[str, Any]) -> None:
        """Keeps an epoch: the model if it is the best, its figures, the checkpoint."""
        run = self.setup.run
        if score.beats(self.best):
            self.save()
            # Should the process die in between, `resume` writes both again.
            keep_thresholds(run, score)
            self.best = score
        assert self.best
        run.add_history({"phase": self.name, "epoch": score.epoch, **row})
        images = len(self.setup.parts.validation)
        run.update_metrics(**{self.name: self.best.as_metrics(images)})
        save_checkpoint(run.checkpoints_dir, score.epoch, self.best, self.state())
        self.epoch = score.epoch

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turns what stops Keras into an error that says what to do."""
        try:
            yield
        except KeyboardInterrupt:
            self._close()
            raise self._interrupted() from None
        except Exception as error:
            self._close()
            failure = self.train_loader.failure or self.validation_loader.failure
            if failure:
                raise failure from None
            if type(error).__name__ == "ResourceExhaustedError":
                raise RunError(
                    f"memory ran out with --batch-size {self.batch_size} "
                    f"at {self.setup.image_size} pixels. Try half of it."
                ) from error
            raise

    def _close(self) -> None:
        self.train_loader.close()
        self.validation_loader.close()

    def _interrupted(self) -> Interrupted:
        run, best = self.setup.run, self.best
        if not run.model_path.exists():
            self.save()
        kept = "no epoch is finished yet"
        if best:
            epoch = f"of epoch {best.epoch}" if best.epoch else "as before this phase"
            kept = f"{epoch}, validation {best.text}"
        return Interrupted(
            f"interrupted in epoch {self.epoch + 1} of {self.settings.epochs} "
            f"({self.title}). {run.path} has a usable model ({kept}). "
            f"Go on with: cnnxfer resume {run.path}"
        )


class _Keeper(keras.callbacks.Callback):
    """Watches the loss, shows progress, and hands each epoch to the phase."""

    def __init__(self, phase: PhaseRun, advance: Advance) -> None:
        super().__init__()
        self.phase = phase
        self.advance = advance
        self.started = 0.0
        self.note = ""
        self.epochs_seen = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.started = time.perf_counter()
        # Dropout draws anew from here, so that a resumed epoch is the same epoch.
        for layer in all_layers(self.phase.model):
            if hasattr(layer, "seed_generator"):
                layer.seed_generator.state.assign([self.phase.setup.config.seed, epoch])

    def on_train_batch_end(self, batch: int, logs: dict[str, float]) -> None:
        phase = self.phase
        loss = logs["loss"]
        if not math.isfinite(loss):
            rate = self._learning_rate(batch)
            raise RunError(
                f"loss became {loss} in epoch {phase.epoch + 1}, step {batch + 1}, at "
                f"learning rate {rate:.3g}. Try a lower --lr."
            )
        self.advance(
            note=f"epoch {phase.epoch + 1}/{phase.settings.epochs}  "
            f"loss {loss:.3f}  accuracy {logs['accuracy']:.1%}{self.note}"
        )

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        phase = self.phase
        rate = self._learning_rate()
        score = phase.score(epoch + 1)
        if not math.isfinite(score.loss):
            raise RunError(
                f"validation loss is {score.loss} after epoch {score.epoch}, which "
                f"began at learning rate {rate:.3g}. Try a lower --lr."
            )
        seconds = time.perf_counter() - self.started
        phase.keep(
            score,
            {
                "learning_rate": f"{rate:.6g}",
                "loss": f"{logs['loss']:.6f}",
                "accuracy": f"{logs['accuracy']:.6f}",
                **score.as_history(),
                "seconds": f"{seconds:.2f}",
            },
        )
        self.note = f"  validation {score.text}"
        phase.setup.reporter.info(
            f"epoch {score.epoch:2d}/{phase.settings.epochs}  loss {logs['loss']:.3f}  "
            f"accuracy {logs['accuracy']:.1%}  validation {score.text}  "
            f"{seconds:.0f} s" + ("  best" if phase.best is score else "")
        )
        left = phase.settings.epochs - score.epoch
        if left and not self.epochs_seen:
            minutes = left * seconds / 60
            phase.setup.reporter.info(
                f"{counted(left, 'epoch')} to go, about {minutes:.0f} min"
            )
        self.epochs_seen += 1

    def _learning_rate(self, batch: int = 0) -> float:
        phase = self.phase
        step = phase.epoch * phase.steps_per_epoch + batch
        return float(ops.convert_to_numpy(phase.schedule(step)))
