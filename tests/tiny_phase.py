"""A phase that trains a tiny network on generated numbers in a moment."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from recording_reporter import RecordingReporter

from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.config import Config, FineTune
from cnnxfer.data.annotation import Labels
from cnnxfer.data.dataset import Example
from cnnxfer.data.prepared import Splits
from cnnxfer.runs import Run
from cnnxfer.tasks.agreement import Verdict
from cnnxfer.tasks.catalog import TASKS
from cnnxfer.tasks.score import Score
from cnnxfer.training.loop.checkpoint import read_checkpoint
from cnnxfer.training.loop.progress import Progress
from cnnxfer.training.loop.recorder import RunRecorder
from cnnxfer.training.loop.session import Session
from cnnxfer.training.optimization.devices import Devices
from cnnxfer.training.setup import Setup
from cnnxfer.training.trained_network import Order, TrainedNetwork

CLASSES = ("a", "b", "c")
FEATURES, TRAIN, VALIDATION, BATCH = 5, 26, 20, 4
STEPS = TRAIN // BATCH
# The defaults of these settings may change; the tests depend on the values.
SETTINGS = FineTune(
    epochs=3,
    learning_rate=0.05,
    optimizer="sgd",
    momentum=0.9,
    nesterov=True,
    weight_decay=0.0,
    schedule="cosine",
    warmup_epochs=0.5,
    label_smoothing=0.0,
    clip_norm="none",
    patience="none",
    ema="none",
    accumulate=1,
    keep="best",
)


class Killed(BaseException):
    """Stands for the end of a killed process: nothing more is saved."""


class TinyNetwork(TrainedNetwork):
    """A network that classifies five noisy numbers, with a frozen layer and a norm.

    Attributes:
        closed: whether `close` was called.
        largest_batch: the largest batch size that batches were asked for.
    """

    def __init__(self, setup: Setup) -> None:
        keras.utils.set_random_seed(1)
        with setup.devices.scope():
            inputs = keras.Input((FEATURES,), name="numbers")
            frozen = keras.layers.Dense(7, name="frozen", trainable=False)
            x = keras.layers.Dense(8, activation="relu", name="hidden")(frozen(inputs))
            x = keras.layers.BatchNormalization(name="norm")(x)
            x = keras.layers.Dropout(0.3, name="drop")(x)
            x = keras.layers.Dropout(0.3, name="again")(x)
            outputs = keras.layers.Dense(len(CLASSES), name="logits")(x)
            model = keras.Model(inputs, outputs)
        super().__init__(setup, model, model)
        self.train = numbers(TRAIN, 0)
        self.validation = numbers(VALIDATION, 1)
        self.closed = False
        self.largest_batch = 0

    def training_batches(
        self,
        order: Order,
        *,
        batch_size: int,
        steps_per_epoch: int,
        first_step: int,
        stride: int = 1,
    ) -> Any:
        self.largest_batch = max(self.largest_batch, batch_size)
        labels = np.arange(TRAIN) % len(CLASSES)

        def batch(step: np.int64) -> tuple[np.ndarray, np.ndarray]:
            epoch, position = divmod(int(step), steps_per_epoch)
            chosen = order(epoch)[position * batch_size : (position + 1) * batch_size]
            return self.train[chosen], np.eye(3, dtype=np.float32)[labels[chosen]]

        def tensors(step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            inputs, targets = tf.numpy_function(batch, [step], (tf.float32, tf.float32))
            return (
                tf.ensure_shape(inputs, (batch_size, FEATURES)),
                tf.ensure_shape(targets, (batch_size, len(CLASSES))),
            )

        steps = tf.data.Dataset.range(first_step, np.iinfo(np.int64).max, stride)
        return steps.map(tensors).prefetch(2)

    def validation_batches(
        self, batch_size: int, first_step: int = 0, stride: int = 1
    ) -> tuple[Any, int]:
        filled = np.resize(
            self.validation, (-(-VALIDATION // batch_size) * batch_size, FEATURES)
        )
        batches = tf.data.Dataset.from_tensor_slices(filled).batch(batch_size)
        return batches.shard(stride, first_step), len(filled) // batch_size

    def agreement(self) -> Verdict:
        return Verdict(True, "it is the same network")

    def close(self) -> None:
        self.closed = True


def numbers(count: int, seed: int) -> np.ndarray:
    """Returns float32 `(count, 5)`; the first three numbers depend on the class."""
    noise = np.random.default_rng(seed).normal(0, 1.0, (count, FEATURES))
    noise[np.arange(count), np.arange(count) % len(CLASSES)] += 1.5
    return noise.astype(np.float32)


def tiny_setup(path: Path, batch: int = BATCH, **config: Any) -> Setup:
    """Returns the setup of a run in the directory `path`."""
    path.mkdir(exist_ok=True)

    def examples(count: int) -> list[Example]:
        return [
            Example(str(i), Labels((i % len(CLASSES),)), None, path)
            for i in range(count)
        ]

    settings = replace(Config(), task="classification", batch_size=batch, **config)
    Run(path).write_config(settings)
    Run(path).write_classes(CLASSES)
    return Setup(
        config=settings,
        backbone=BACKBONES.get("mobilenet-0.25"),
        class_names=CLASSES,
        splits=Splits(examples(TRAIN), examples(VALIDATION), []),
        devices=Devices(),
        precision="float32",
        reporter=RecordingReporter(),
        task=TASKS.get("classification"),
    )


def tiny_phase(
    path: Path,
    settings: FineTune = SETTINGS,
    *,
    stage: int = 0,
    previous: Progress | None = None,
    extra_epochs: int = 0,
    **config: Any,
) -> Session:
    """Returns a phase at its beginning, or at the last checkpoint in `path`."""
    setup = tiny_setup(path, **config)
    trained = TinyNetwork(setup)
    recorder = RunRecorder(Run(path), trained.classifier, VALIDATION)
    checkpoint = recorder.last_checkpoint(setup.reporter)
    phase = Session(
        setup,
        "fine_tune",
        settings,
        trained,
        recorder,
        checkpoint=checkpoint,
        stage=stage,
        previous=previous,
        extra_epochs=extra_epochs,
    )
    if not checkpoint:  # so that any epoch is better
        phase.set_initial_score(replace(phase.score(0), figures={"accuracy": 0.0}))
    return phase


def scored(accuracy: float, loss: float = 0.5, epoch: int = 0) -> Score:
    """Returns the score of a model on images that have one label each."""
    return Score({"accuracy": accuracy}, loss=loss, epoch=epoch)


def at_update(phase: Session, number: int, act: Callable[[], None]) -> None:
    """Calls `act` once, before the update with a number, from 0."""
    update = phase.stepper.update

    def act_then_update(current: int, rate: float) -> tuple[float, float]:
        if current == number:
            phase.stepper.update = update
            act()
        return update(current, rate)

    phase.stepper.update = act_then_update


def kill() -> None:
    """Simulates the end of the process."""
    raise Killed


def end_of(phase: Session) -> dict[str, Any]:
    """Returns every number that a phase ends with, except times."""
    run = phase.recorder.run
    checkpoint = read_checkpoint(run.checkpoints_dir)
    assert checkpoint
    digest = hashlib.sha256()
    for weight in phase.trained.classifier.get_weights():
        digest.update(weight.tobytes())
    progress = asdict(checkpoint.progress)
    times = {"seconds": 0.0, "epoch_seconds": 0.0, "start": 0, "time_limit": 0.0}
    return {
        "weights": digest.hexdigest(),
        "arrays": {
            name: value.tobytes() for name, value in checkpoint.arrays().items()
        },
        "model": keras.saving.load_model(run.model_path).get_weights()[0].tobytes(),
        "progress": {**progress, **times},
        "history": [{**row, "seconds": ""} for row in run.history],
        "metrics": run.metrics,
    }
