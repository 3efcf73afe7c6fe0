"""Chooses engines for the network before a cut, and loads its activations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache

import numpy as np

from cnnxfer.data.dataset import Example
from cnnxfer.data.views.views import CentralViews, pixel_batches, training_views
from cnnxfer.engines.choice import SAMPLES, choose_engine
from cnnxfer.engines.engine import Engine
from cnnxfer.errors import RunError
from cnnxfer.networks.cut import CutNetwork
from cnnxfer.spelling import option
from cnnxfer.tasks.agreement import Verdict
from cnnxfer.training.activations.compute import load_activations
from cnnxfer.training.activations.store import Activations, ActivationStore
from cnnxfer.training.task import Setup, Task


def engines_for(
    task: Task,
    network: CutNetwork,
    reference: Callable[[np.ndarray], np.ndarray] | None = None,
) -> Iterator[Engine]:
    """Yields the engines that the settings allow, the fastest first.

    Args:
        task: has the settings and the images.
        network: the part of the network before the cut.
        reference: computes the network's output for pixels in Keras; None to build a
            model for it.

    Raises:
        RunError: if the engine that the user asked for deviates from Keras.
    """
    name, precision = task.config.engine, task.config.precision
    choices = [(name, "auto" if precision == "float16" else precision)]
    if precision == "auto":
        choices.append((name, "float32"))
    if name == "auto" and precision != "bfloat16":
        choices.append(("keras", "float32"))
    examples = [*task.splits.validation, *task.splits.train]
    pixels = cache(
        lambda: central_pixels(
            task, [examples[i] for i in evenly_spaced(len(examples))]
        )
    )
    tried = set()
    for name, precision in choices:
        engine = choose_engine(
            network,
            engine=name,
            precision=precision,
            samples=pixels,
            reference=cache(lambda: reference(pixels())) if reference else None,
            reporter=task.reporter,
        )
        if (engine.name, engine.precision) not in tried:
            tried.add((engine.name, engine.precision))
            yield engine


def load_split_activations(
    task: Task,
    network: CutNetwork,
    engine: Engine,
    store: ActivationStore,
    *,
    views: int,
    title: str,
) -> tuple[list[Activations], Activations]:
    """Returns the activations of the training views and of the validation images.

    Args:
        task: has the settings and the images.
        network: the part of the network before the cut.
        engine: runs the network.
        store: the cache of activations.
        views: the number of views of each training image.
        title: the title of the progress; "{}" stands for the name of the split.

    Returns:
        The activations of each training view, and those of the validation images.

    Raises:
        DataError: if an image can no longer be read.
        RunError: see `load_activations`.
    """
    config = task.config
    train = load_activations(
        network,
        engine,
        task.splits.train,
        [training_views(config, view) for view in range(views)],
        store=store,
        reporter=task.reporter,
        title=title.format("training"),
    )
    (validation,) = load_activations(
        network,
        engine,
        task.splits.validation,
        [CentralViews(config.central_crop)],
        store=store,
        reporter=task.reporter,
        title=title.format("validation"),
    )
    return train, validation


def disagreement_error(engine: Engine, verdict: Verdict) -> RunError:
    """Returns the error to raise when the last engine deviates from Keras."""
    return RunError(
        f"the network on features of {engine.name} in {engine.precision} gives other "
        f"answers than the saved model: {verdict.figures}. Try "
        f"{option('--engine', 'auto')} and {option('--precision', 'auto')}, or "
        f"{option('--cache', False)}."
    )


def validation_samples(setup: Setup) -> tuple[np.ndarray, np.ndarray]:
    """Returns some validation images.

    Returns:
        int64 `(samples,)`: the indices of the images among the validation images, and
        uint8 `(samples, size, size, 3)`: their central views.
    """
    validation = setup.splits.validation
    samples = evenly_spaced(len(validation))
    return samples, central_pixels(setup, [validation[index] for index in samples])


def central_pixels(task: Task, examples: Sequence[Example]) -> np.ndarray:
    """Returns the central views of some images, uint8 `(images, size, size, 3)`."""
    batches = pixel_batches(
        examples,
        [CentralViews(task.config.central_crop)],
        image_size=task.image_size,
        batch_size=len(examples),
    )
    return next(batches)


def evenly_spaced(items: int, count: int = SAMPLES) -> np.ndarray:
    """Returns at most `count` indices below `items`, evenly spaced, as int64."""
    return np.unique(np.linspace(0, items - 1, count).round().astype(int))
