"""What computes the part of a classifier before a cut, and how well it does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache

import numpy as np

from cnnxfer.data.dataset import Example
from cnnxfer.data.views.views import CentralViews, pixel_batches, training_views
from cnnxfer.engines.agreement import Verdict
from cnnxfer.engines.choice import SAMPLES, choose_engine
from cnnxfer.engines.engine import Engine
from cnnxfer.errors import RunError
from cnnxfer.networks.cut import CutNetwork
from cnnxfer.training.activations.compute import load_activations
from cnnxfer.training.activations.store import Activations, ActivationStore
from cnnxfer.training.task import Setup, Task


def engines_for(
    task: Task,
    network: CutNetwork,
    reference: Callable[[np.ndarray], np.ndarray] | None = None,
) -> Iterator[Engine]:
    """Yields engines, the fastest first, as far as the settings leave the choice.

    Args:
        task: its settings and images.
        network: what lies before the cut.
        reference: what Keras makes of pixels, where the caller has that at hand.

    Raises:
        RunError: if an engine that was asked for strays from Keras.
    """
    name, precision = task.config.engine, task.config.precision
    choices = [(name, "auto" if precision == "float16" else precision)]
    if precision == "auto":
        choices.append((name, "float32"))
    if name == "auto" and precision != "bfloat16":
        choices.append(("keras", "float32"))
    examples = [*task.parts.validation, *task.parts.train]
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


def activations_of_parts(
    task: Task,
    network: CutNetwork,
    engine: Engine,
    store: ActivationStore,
    *,
    views: int,
    title: str,
) -> tuple[list[Activations], Activations]:
    """Returns what is kept of the training views, and of the validation images.

    Args:
        task: its settings and images.
        network: what lies before the cut.
        engine: what computes it.
        store: where activations are kept.
        views: of each training image.
        title: of the progress; "{}" stands for the part.

    Raises:
        DataError: if an image cannot be read any more.
        RunError: see `load_activations`.
    """
    config = task.config
    train = load_activations(
        network,
        engine,
        task.parts.train,
        [training_views(config, view) for view in range(views)],
        store=store,
        reporter=task.reporter,
        title=title.format("training"),
    )
    (validation,) = load_activations(
        network,
        engine,
        task.parts.validation,
        [CentralViews(config.central_crop)],
        store=store,
        reporter=task.reporter,
        title=title.format("validation"),
    )
    return train, validation


def disagreement(engine: Engine, verdict: Verdict) -> RunError:
    """Returns the error of the last engine that there was to try."""
    return RunError(
        f"the features of {engine.name} in {engine.precision} make another classifier "
        f"than the saved model: {verdict.figures}. Try --engine auto --precision auto, "
        "or --no-cache."
    )


def some_of_validation(setup: Setup) -> tuple[np.ndarray, np.ndarray]:
    """Returns numbers of validation images, and their uint8 pixels."""
    validation = setup.parts.validation
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
    """Returns indices of at most `count` of so many items, evenly spread over them."""
    return np.unique(np.linspace(0, items - 1, count).round().astype(int))
