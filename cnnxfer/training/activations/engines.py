"""Chooses engines for the network before a cut, and loads its activations."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial

import numpy as np

from cnnxfer.data.dataset import Example
from cnnxfer.data.spread import evenly_spaced, spread
from cnnxfer.data.views.views import Views, pixel_batches, training_views
from cnnxfer.engines.calibration import training_calibration
from cnnxfer.engines.choice import SAMPLES, choose_engine
from cnnxfer.engines.engine import Engine
from cnnxfer.errors import RunError
from cnnxfer.networks.cut import CutNetwork
from cnnxfer.spelling import option
from cnnxfer.tasks.agreement import Verdict
from cnnxfer.training.activations.compute import load_activations
from cnnxfer.training.activations.store import Activations, ActivationStore
from cnnxfer.training.activations.together import load_together
from cnnxfer.training.setup import Setup

Reference = Callable[[np.ndarray], np.ndarray]
Choose = Callable[..., Engine]  # of `engine`, `precision` and perhaps `batch`


def engines_for(
    setup: Setup,
    network: CutNetwork,
    reference: Reference | None = None,
    *,
    used: str,
) -> Iterator[Engine]:
    """Yields the engines that the settings allow, the fastest first.

    Workers have those that the first of them has chosen.

    Args:
        setup: has the settings and the images.
        network: the part of the network before the cut.
        reference: computes the network's output for pixels in Keras; None to build a
            model for it.
        used: the `engine_text` of the engine that a resumed stage began with, from
            which they begin if it is still available; "" for a new stage.

    Raises:
        RunError: if the engine that the user asked for deviates from Keras.
    """
    choose = _choice(setup, network, reference)
    workers = setup.devices.workers
    if workers and not workers.is_first:
        while True:
            name, precision, batch = workers.agreed(None)
            yield choose(engine=name, precision=precision, batch=batch)
    for engine in _from_the_used_on(setup, choose, used):
        if workers:
            workers.agreed([engine.name, engine.precision, engine.batch_size])
        yield engine


def _from_the_used_on(setup: Setup, choose: Choose, used: str) -> Iterator[Engine]:
    found = not used
    for engine in _allowed_engines(setup, choose):
        found = found or engine_text(engine) == used
        if found:
            yield engine
    if not found:  # another machine, or another version of an engine
        setup.reporter.warn(
            f"{used}, with which this stage began, is no longer available. The result "
            "will differ slightly from that of an uninterrupted run."
        )
        yield from _allowed_engines(setup, choose)


def engine_text(engine: Engine) -> str:
    """Returns the name and the precision of an engine, as a run's state has them."""
    return f"{engine.name} {engine.precision}"


def _choice(setup: Setup, network: CutNetwork, reference: Reference | None) -> Choose:
    """Returns `choose_engine`, to be told engine and precision, for these images."""
    examples = [*setup.splits.validation, *setup.splits.train]
    pixels = cache(lambda: central_pixels(setup, spread(examples, SAMPLES)))
    return partial(
        choose_engine,
        network,
        samples=pixels,
        reference=cache(lambda: reference(pixels())) if reference else None,
        calibration=partial(
            training_calibration,
            setup.splits.train,
            setup.central_views,
            setup.image_size,
        ),
        reporter=setup.reporter,
    )


def _allowed_engines(setup: Setup, choose: Choose) -> Iterator[Engine]:
    name, precision = setup.config.engine, setup.config.precision
    choices = [(name, "auto" if precision == "float16" else precision)]
    if precision == "auto":
        choices.append((name, "float32"))
    if name == "auto" and precision not in ("bfloat16", "int8"):
        choices.append(("keras", "float32"))
    tried = set()
    for name, precision in choices:
        engine = choose(engine=name, precision=precision)
        if (engine.name, engine.precision) not in tried:
            tried.add((engine.name, engine.precision))
            yield engine


def load_split_activations(
    setup: Setup,
    network: CutNetwork,
    engine: Engine,
    store: ActivationStore,
    *,
    views: int,
    title: str,
) -> tuple[list[Activations], Activations]:
    """Returns the activations of the training views and of the validation images.

    In the title of the progress, "{}" stands for the name of the split.

    Raises:
        DataError: if an image can no longer be read.
        RunError: see `load_activations`.
    """
    config, splits = setup.config, setup.splits
    workers = setup.devices.workers
    load_shared = partial(load_together, workers) if workers else load_activations

    def load(
        name: str, examples: Sequence[Example], of: list[Views]
    ) -> list[Activations]:
        return load_shared(
            network,
            engine,
            examples,
            of,
            store=store,
            reporter=setup.reporter,
            title=title.format(name),
        )

    training = [training_views(config, view) for view in range(views)]
    with setup.reporter.expecting(len(splits.validation), "images"):
        train = load("training", splits.train, training)
    (validation,) = load("validation", splits.validation, [setup.central_views])
    return train, validation


def disagreement_error(engine: Engine, verdict: Verdict) -> RunError:
    """Returns the error to raise when the last engine deviates from Keras."""
    # int8 is for activations that are cached.
    uncached = "" if engine.precision == "int8" else f", or {option('--cache', False)}"
    return RunError(
        f"the network on features of {engine.name} in {engine.precision} gives other "
        f"answers than the saved model: {verdict.figures}. Try "
        f"{option('--engine', 'auto')} and {option('--precision', 'auto')}{uncached}."
    )


def warn_of_no_int8(setup: Setup) -> None:
    """Warns, where no activations are kept, if they were to be computed in int8."""
    if setup.config.precision == "int8":
        setup.reporter.warn(
            "nothing is computed in int8: it is for frozen layers whose activations "
            "are kept, and here none are."
        )


def validation_samples(setup: Setup) -> tuple[np.ndarray, np.ndarray]:
    """Returns some validation images.

    Returns:
        int64 `(samples,)`: the indices of the images among the validation images, and
        uint8 `(samples, size, size, 3)`: their central views.
    """
    validation = setup.splits.validation
    samples = evenly_spaced(len(validation), SAMPLES)
    return samples, central_pixels(setup, [validation[index] for index in samples])


def central_pixels(setup: Setup, examples: Sequence[Example]) -> np.ndarray:
    """Returns the central views of some images, uint8 `(images, size, size, 3)`."""
    batches = pixel_batches(
        examples,
        [setup.central_views],
        image_size=setup.image_size,
        batch_size=len(examples),
    )
    return next(batches)
