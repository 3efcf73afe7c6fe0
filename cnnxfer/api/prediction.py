"""`predict`, `predict_into`, `merge` and `open_classifier`: what images show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, Unpack

from cnnxfer.api.arguments import Pathlike, as_texts
from cnnxfer.api.options import (
    OpenClassifierKeywords,
    PredictIntoKeywords,
    PredictKeywords,
)
from cnnxfer.config import override, prediction
from cnnxfer.config.options import settings_of
from cnnxfer.console import CONSOLE
from cnnxfer.reporting import Reporter, SilentReporter
from cnnxfer.runs import Run

if TYPE_CHECKING:
    from cnnxfer.prediction.classifier import Classifier
    from cnnxfer.prediction.outputs.totals import Totals
    from cnnxfer.prediction.prediction import Prediction
    from cnnxfer.prediction.request import PredictionRequest


def predict(
    inputs: Pathlike | Iterable[Pathlike],
    *,
    model: Run | Pathlike | None = None,
    runs_dir: Pathlike | None = None,
    reporter: Reporter | None = CONSOLE,
    **options: Unpack[PredictKeywords],
) -> Iterator[Prediction]:
    """Answers what images show: ranked classes, objects with boxes, or masks.

    Args:
        inputs: files, folders, globs, `.zip` and `.tar` archives, http(s) addresses,
            tables with a column of paths, `@FILE` for a list with a file, folder,
            archive or address in each line, and "-" for such a list on stdin.
        model: a run, or the name of a backbone, which then has its ImageNet head. By
            default the latest run or, if there is none, the built-in backbone.
        runs_dir: the directory of all runs; by default `CNNXFER_RUNS`, or `runs`.
        reporter: shows messages and progress; None for silence.
        **options: the options of the command line; None is their default.

    Returns:
        An iterator over one prediction for each image, in the order of the inputs. The
        prediction of an image that cannot be read has an `error`.

    Raises:
        ConfigError: if the model or an option is unknown or not available on this
            machine, or the model has fewer classes than `top`.
        DataError: if an input does not exist or contains no image.
        RunError: if the run has no model, weights cannot be downloaded, not even one
            image fits into memory, or the outputs of the requested engine or precision
            do not agree with those of Keras.
    """
    from cnnxfer.prediction.request import open_request

    request = open_request(
        as_texts(inputs),
        override(prediction.PredictOptions(), settings_of("predict", options)),
        model=model,
        runs_dir=runs_dir,
        heat=False,
        reporter=reporter or SilentReporter(),
    )
    return _predictions(request)


def _predictions(request: PredictionRequest) -> Iterator[Prediction]:
    from cnnxfer.prediction.outputs.totals import Totals

    totals = Totals()
    # If the caller stops early, the decoders end at once, not at garbage collection.
    with request.classifier as classifier:
        for found in totals.watch(request.predictions()):
            yield found.without_content()
        if repeats := totals.repeats(classifier.model.name):
            request.reporter.warn(f"{repeats}.")
        if line := request.passed_over.line():
            request.reporter.info(line)


def predict_into(
    inputs: Pathlike | Iterable[Pathlike],
    *,
    out: Pathlike | TextIO | None = None,
    model: Run | Pathlike | None = None,
    runs_dir: Pathlike | None = None,
    reporter: Reporter | None = CONSOLE,
    **options: Unpack[PredictIntoKeywords],
) -> Totals:
    """Answers what images show, and writes the predictions on the way.

    The arguments that `predict` has too mean the same here.

    Args:
        inputs: the images.
        out: the file to write the results to, which the suffix ".gz" compresses; the
            folder, if `format` is one; or a text stream, such as `sys.stdout`.
        model: a run, or the name of a backbone.
        runs_dir: the directory of all runs.
        reporter: shows messages and progress; None for silence.
        **options: the options of the command line; None is their default.

    Returns:
        How many images were answered, how many could not be read, and why.

    Raises:
        ConfigError: as `predict` does, or if an output cannot be written.
        DataError: as `predict` does, or if there are no images at all.
        RunError: as `predict` does.
    """
    from cnnxfer.prediction import into_outputs

    return into_outputs.predict_into(
        as_texts(inputs),
        override(prediction.PredictIntoOptions(), settings_of("predict_into", options)),
        Path(out) if isinstance(out, str) else out,
        model=model,
        runs_dir=runs_dir,
        reporter=reporter or SilentReporter(),
    )


def merge(
    parts: Pathlike | Iterable[Pathlike],
    *,
    out: Pathlike | TextIO | None = None,
    format: str = "auto",
    reporter: Reporter | None = CONSOLE,
) -> Totals:
    """Puts the answers of all shards together, as if one machine had given them.

    They are equal to the byte if the shards named an engine and a precision; otherwise
    each machine may have chosen others, which is a warning.

    Args:
        parts: the files that `predict_into` has written, one for each shard, in any
            order; each with what lies beside it under the suffix ".shard".
        out: the file or the folder to write the results to, or a text stream.
        format: the form of the results, as `predict_into` takes it.
        reporter: shows messages and progress; None for silence.

    Returns:
        How many images were answered, how many could not be read, and why.

    Raises:
        ConfigError: if the output cannot be written.
        DataError: if a part is missing, is there twice, has changed, or is of another
            prediction.
    """
    from cnnxfer.prediction import merging

    return merging.merge(
        list(map(Path, as_texts(parts))),
        Path(out) if isinstance(out, str) else out,
        format,
        reporter or SilentReporter(),
    )


def open_classifier(
    model: Run | Pathlike | None = None,
    *,
    runs_dir: Pathlike | None = None,
    reporter: Reporter | None = CONSOLE,
    **options: Unpack[OpenClassifierKeywords],
) -> Classifier:
    """Opens a model that answers one batch of images after another.

    It stays loaded, and the processes that decode images stay, until it is closed:

        with cnnxfer.open_classifier("latest") as classifier:
            predictions = classifier.predict(["a.jpg", "b.jpg"])

    Args:
        model: a run, or the name of a backbone, as `predict` takes it.
        runs_dir: the directory of all runs; by default `CNNXFER_RUNS`, or `runs`.
        reporter: shows messages; None for silence.
        **options: the options of `predict` that do not concern inputs.

    Raises:
        ConfigError: if the model or an option is unknown.
        RunError: if the run has no model, or weights cannot be downloaded.
    """
    from cnnxfer.prediction.classifier import Classifier
    from cnnxfer.prediction.model_source import find_model

    checked = override(
        prediction.ClassifierOptions(), settings_of("open_classifier", options)
    )
    return Classifier(
        find_model(model, runs_dir, reporter), checked, reporter or SilentReporter()
    )
