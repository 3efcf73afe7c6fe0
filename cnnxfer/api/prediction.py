"""`predict`: ranking the classes of images."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from cnnxfer.api.arguments import Pathlike
from cnnxfer.console import CONSOLE
from cnnxfer.data.dataset import MAX_PIXELS
from cnnxfer.reporting import Reporter, SilentReporter
from cnnxfer.runs import Run

if TYPE_CHECKING:
    from cnnxfer.prediction.prediction import Prediction
    from cnnxfer.prediction.request import PredictionRequest


def predict(
    inputs: Pathlike | Iterable[Pathlike],
    *,
    model: Run | Pathlike | None = None,
    top: int | None = None,
    min_confidence: float | None = None,
    recursive: bool = True,
    column: str | None = None,
    frames: str = "first",
    max_pixels: int = MAX_PIXELS,
    allow_private: bool = False,
    tta: str = "none",
    dense: bool = False,
    engine: str = "auto",
    precision: str = "auto",
    batch: int | None = None,
    runs_dir: Pathlike | None = None,
    reporter: Reporter | None = CONSOLE,
) -> Iterator[Prediction]:
    """Ranks the classes of images.

    Args:
        inputs: files, folders, globs, `.zip` and `.tar` archives, http(s) addresses,
            tables with a column of paths, `@FILE` for a list with a file, folder,
            archive or address in each line, and "-" for such a list on stdin.
        model: a run, or the name of a backbone, which then has its ImageNet head. By
            default the latest run or, if there is none, the built-in backbone.
        top: the number of classes in each prediction; by default 5, or all if there
            are fewer.
        min_confidence: a probability above 0 and at most 1; if no class reaches it,
            `Prediction.label` is "unsure". If images may have several labels, each
            label must also reach its own threshold.
        recursive: whether folders are searched with their subfolders.
        column: the column of tables that has the paths; by default "path", or the only
            column.
        frames: "first", or "all" for one prediction for each frame of a file.
        max_pixels: the largest number of pixels of an image; larger images are not
            decoded.
        allow_private: whether addresses may lead into private networks.
        tta: the views whose predictions are averaged: "none" (the central view only),
            "flip", "five", "ten" or "scales".
        dense: whether the network sees the whole image, without cropping.
        engine: "openvino", "keras", or "auto": the fastest engine whose outputs agree
            with those of Keras in float32, which is checked on the first images.
        precision: "float32", "bfloat16", or "auto": the fastest one whose outputs
            agree in the same way.
        batch: the number of images that are computed at once; by default the fastest
            for the engine. It becomes smaller if memory runs out.
        runs_dir: the directory of all runs; by default `CNNXFER_RUNS`, or `runs`.
        reporter: shows messages and progress; None for silence.

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

    if isinstance(inputs, str | Path):
        inputs = [inputs]
    request = open_request(
        [str(item) for item in inputs],
        model=model,
        top=top,
        min_confidence=min_confidence,
        recursive=recursive,
        column=column,
        frames=frames,
        max_pixels=max_pixels,
        allow_private=allow_private,
        tta=tta,
        dense=dense,
        engine=engine,
        precision=precision,
        batch=batch,
        runs_dir=runs_dir,
        reporter=reporter or SilentReporter(),
    )
    return _predictions(request)


def _predictions(request: PredictionRequest) -> Iterator[Prediction]:
    from cnnxfer.prediction.outputs.totals import Totals

    totals = Totals()
    # If the caller stops early, the decoders end at once, not at garbage collection.
    with closing(request.answers):
        for prediction in totals.watch(request.predictions()):
            # A source that has the content of its file would keep it all in memory.
            is_light = prediction.source and not prediction.source.here
            yield (
                prediction if is_light else dataclasses.replace(prediction, source=None)
            )
    if repeats := totals.repeats(request.classifier.model.name):
        request.reporter.warn(f"{repeats}.")
    request.answers.prepare_next_time()
