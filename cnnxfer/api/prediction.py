"""Ranking the classes of images."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from cnnxfer.api.arguments import Pathlike
from cnnxfer.data.dataset import MAX_PIXELS
from cnnxfer.reporting import Reporter
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
    reporter: Reporter | None = None,
) -> Iterator[Prediction]:
    """Ranks the classes of images.

    Args:
        inputs: files, folders, globs, `.zip` and `.tar` archives, http(s) addresses,
            tables with a column of paths, `@FILE` for a file that lists one file,
            folder, archive or address on each line, and "-" for such a list on stdin.
        model: a run, or the name of a backbone, which answers with its ImageNet
            classes. By default the latest run, or the built-in backbone if there is
            none.
        top: number of classes to name, from 1 to 1,000; by default 5, or all if there
            are fewer.
        min_confidence: the probability, above 0 and at most 1, below which a class is
            not an answer: then `Prediction.label` is "unsure". Where an image may have
            several classes, each must reach its own threshold, too.
        recursive: whether folders are read with everything below them.
        column: the column of tables that holds paths; by default "path", or the only
            one.
        frames: "first", or "all" for a prediction of each frame or page of a file.
        max_pixels: the number of pixels above which a picture is not decoded.
        allow_private: whether addresses may lead into private networks.
        tta: the views of each picture whose probabilities are averaged: "none" (the
            middle only), "flip" (and its mirror image), "five" (the middle and the
            corners), "ten" (these and their mirror images) or "scales" (three sizes
            of the middle).
        dense: whether the whole picture is looked at instead, without cropping.
        engine: "openvino", "keras", or "auto": the fastest whose answers agree with
            those of Keras in float32, which is checked on the first images.
        precision: what the engine computes in: "float32", "bfloat16", or "auto": the
            fastest that passes the same check.
        batch: number of pictures that are computed at once; by default as many as the
            engine is fastest with. They become fewer where memory runs out.
        runs_dir: the folder of the runs; by default $CNNXFER_RUNS, or `runs`.
        reporter: what hears of the progress; by default, the logger "cnnxfer".

    Returns:
        A prediction for each image, in the order of the inputs; one with an `error`
        for an image that cannot be read.

    Raises:
        ConfigError: if the model or an option is unknown or not available on this
            machine, or the model has fewer classes than `top`.
        DataError: if an input does not exist or holds no image.
        RunError: if the run has no model, weights could not be downloaded, not even
            one picture fits into memory, or an engine or a precision that is asked for
            by name does not agree with Keras.
    """
    from cnnxfer.prediction.request import open_request

    if isinstance(inputs, str | Path):
        inputs = [inputs]
    pile = open_request(
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
        reporter=reporter or Reporter(),
    )
    return _and_prepare(pile)


def _and_prepare(pile: PredictionRequest) -> Iterator[Prediction]:
    from cnnxfer.prediction.outputs.totals import Totals

    totals = Totals()
    # Who stops early is rid of the decoders at once, and not when garbage is collected.
    with closing(pile.answers):
        for prediction in totals.watch(pile.predictions()):
            # What holds a member of an archive would keep all of it in memory.
            kept = prediction.source and not prediction.source.here
            yield prediction if kept else dataclasses.replace(prediction, source=None)
    if repeats := totals.repeats(pile.model):
        pile.reporter.warn(f"{repeats}.")
    pile.answers.prepare_next_time()
