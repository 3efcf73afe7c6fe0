"""What a model answers to images: computed once, then taken from the cache."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import version
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from cnnxfer.config.prediction import ClassifierOptions
from cnnxfer.data.dataset import Example
from cnnxfer.data.images.decode import DECODER
from cnnxfer.data.images.source import ImageSource
from cnnxfer.engines.agreement import VERSION as COMPARISON
from cnnxfer.engines.engine import Network
from cnnxfer.engines.options import check_own_choice
from cnnxfer.evaluation.answer_cache import AnswerCache
from cnnxfer.evaluation.kept_answers import FoundArrays, KeptAnswer
from cnnxfer.prediction.model_source import ModelSource, run_model
from cnnxfer.prediction.tta import tta_views
from cnnxfer.reporting import Reporter, counted
from cnnxfer.runs import Run

if TYPE_CHECKING:
    from cnnxfer.engines.calibration import Calibration
    from cnnxfer.prediction.classifier import Classifier

FORMAT = 1  # increased when the same network gives other answers, or is kept otherwise
# How many answers, and how many of their bytes, are computed before they are kept.
CHUNK_ANSWERS = 1000
CHUNK_BYTES = 64 << 20
# The engines and precisions that may answer, each as well as any other; see
# `choose_engine`. Of those that have answered the same images, the first one counts.
VARIANTS = (("openvino", "bfloat16"), ("openvino", "float32"), ("keras", "float32"))
Variant = tuple[str, str]


@dataclass(frozen=True)
class Answered:
    """Images that a model has answered.

    Attributes:
        examples: the images.
        sizes: the width and height of each upright image, in pixels.
        found: what was found in each image, as `Decision.measure` takes it.
        unreadable: how many other images could not be read.
    """

    examples: tuple[Example, ...]
    sizes: tuple[tuple[int, int], ...]
    found: Sequence[np.ndarray]
    unreadable: int


def answers_to(
    run: Run,
    examples: Sequence[Example],
    reporter: Reporter,
    options: ClassifierOptions,
    place: str = "",
) -> Answered:
    """Returns what a run's model answers to images; see `answers_to_parts`."""
    model = run_model(run)
    (answered,) = answers_to_parts(model, [examples], reporter, options, place)
    return answered


def answers_to_parts(
    model: ModelSource,
    parts: Sequence[Sequence[Example]],
    reporter: Reporter,
    options: ClassifierOptions,
    place: str = "",
) -> list[Answered]:
    """Returns what a model answers to images, asking it about new ones alone.

    Answers are kept in the cache by the content of the model and of the images, so
    later commands ask no network for them, and don't load one. All answers of a call
    are of one engine in one precision.

    Args:
        model: the model.
        parts: lists of images, whose content is known by its SHA-256.
        reporter: shows the progress, and warns of images that cannot be read.
        options: say which engine may run the network, and which views it sees; not
            `dense` and no `tiles`.
        place: where else than at their place the run's training pictures may be, on
            which int8 is calibrated.

    Returns:
        The answers to each of the parts.

    Raises:
        ConfigError: if this machine lacks the engine or the precision.
        RunError: if an engine or a precision that is asked for by name does not answer
            as Keras does, or there are no training pictures to calibrate int8 on.
    """
    assert not options.dense
    assert options.tiles == "none"
    unique = {example.sha256: example for part in parts for example in part}
    assert "" not in unique, "an image has not been read"
    network, calibration = model.network(reporter), None
    if network.own_engine:
        check_own_choice(options.engine, options.precision)
    if options.precision == "int8":
        from cnnxfer.prediction.calibrating import no_calibration, run_calibration

        calibration = run_calibration(model, network.image_size, reporter, place)
        if calibration is None:
            raise no_calibration(model)
    caches = _caches(model, network, options, calibration, reporter)
    found = {variant: cache.find(unique) for variant, cache in caches.items()}
    variant = max(found, key=lambda variant: len(found[variant]))
    kept, errors = found[variant], dict[str, str]()
    if kept:
        reporter.detail(
            f"{len(kept):,} of {counted(len(unique), 'image')} answered before, by "
            f"{' in '.join(variant)}"
        )
    if len(kept) < len(unique):
        from cnnxfer.prediction.classifier import Classifier  # imports OpenVINO

        with closing(
            Classifier(model, options, reporter, calibration=calibration)
        ) as classifier:
            while new := [
                example
                for image, example in unique.items()
                if image not in kept and image not in errors
            ]:
                computed, unreadable = _compute(classifier, new, caches, reporter)
                if classifier.variant not in (variant, None):
                    # Not the one that has answered before, so this one answers all.
                    variant = classifier.variant
                    kept = found.setdefault(variant, {})
                kept |= computed
                errors |= unreadable
    for example in chain.from_iterable(parts):
        if example.sha256 in errors:
            reporter.warn(f"left out {example.id}: {errors[example.sha256]}")
    return [_answered(part, kept) for part in parts]


def _answered(part: Sequence[Example], kept: Mapping[str, KeptAnswer]) -> Answered:
    known = [example for example in part if example.sha256 in kept]
    answers = [kept[example.sha256] for example in known]
    return Answered(
        tuple(known),
        tuple(answer.size for answer in answers),
        FoundArrays(answers),
        len(part) - len(known),
    )


def _caches(
    model: ModelSource,
    network: Network,
    options: ClassifierOptions,
    calibration: Calibration | None,
    reporter: Reporter,
) -> dict[Variant, AnswerCache]:
    """Returns the cache of each engine and precision that the options allow."""
    views = tta_views(options.tta, model.fraction, network.image_size, model.fit)
    key = {
        "format": FORMAT,
        "comparison": COMPARISON,
        "network": network.key,
        "outputs": repr(network.outputs),
        "views": repr(views),
        "decoder": DECODER,
        "keras": version("keras"),
    }
    if calibration:
        key |= {"calibration": calibration.key, "nncf": version("nncf")}
    variants = (("openvino", "int8"),) if calibration else VARIANTS
    runtimes: dict[Variant, str] = {
        (engine, precision): f"{engine} {version(engine)}"
        for engine, precision in variants
        if options.engine in ("auto", engine)
        and options.precision in ("auto", precision)
    }
    if own := network.own_engine:
        runtimes = {(own.name, own.precision): own.runtime}
    return {
        (engine, precision): AnswerCache(
            {**key, "engine": runtime, "precision": precision}, reporter
        )
        for (engine, precision), runtime in runtimes.items()
    }


def _compute(
    classifier: Classifier,
    examples: Sequence[Example],
    caches: Mapping[Variant, AnswerCache],
    reporter: Reporter,
) -> tuple[dict[str, KeptAnswer], dict[str, str]]:
    """Returns and keeps a model's answers, and why the other images cannot be read.

    Both are by the SHA-256 that the examples have. An image that has changed since then
    is kept by what it is now.
    """
    computed, errors = dict[str, KeptAnswer](), dict[str, str]()
    unkept, unkept_bytes = dict[str, KeptAnswer](), 0

    def keep() -> None:
        # On a GPU, Keras answers in float32 where bfloat16 is asked for.
        variant = classifier.variant
        if unkept and variant and variant in caches:
            caches[variant].add(unkept)

    sources = [ImageSource(example.id, example.read) for example in examples]
    progress = reporter.progress("evaluating", len(examples), "images")
    try:
        answers = classifier.answers(sources, progress)
        for example, answer in zip(examples, answers, strict=True):
            picture = answer.picture
            if answer.found is None:
                assert picture.error
                errors[example.sha256] = picture.error
                continue
            kept = KeptAnswer.of(answer.found, (picture.width, picture.height))
            computed[example.sha256] = unkept[picture.sha256] = kept
            unkept_bytes += len(kept.content)
            if len(unkept) >= CHUNK_ANSWERS or unkept_bytes >= CHUNK_BYTES:
                keep()
                unkept, unkept_bytes = {}, 0
    finally:  # also of a pass that is interrupted
        keep()
    return computed, errors
