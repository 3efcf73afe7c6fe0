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
            tables with a column of paths, `@FILE` with a file, folder, archive or
            address a line, and "-" for such a list on stdin.
        model: a run, or a backbone's name for its ImageNet head. By default the
            latest run, or the built-in backbone where there is none.
        top: how many classes to name; by default 5, or all if there are fewer.
        min_confidence: the probability, above 0 and at most 1, below which a class is
            no answer: `Prediction.label` is "unsure". Where an image may have several,
            each must reach its own threshold besides.
        recursive: whether folders are walked with all that lies below.
        column: the one of tables that holds paths; by default "path", or the only one.
        frames: "first", or "all" of a file that has several, one prediction each.
        max_pixels: larger pictures are not decoded.
        allow_private: whether addresses may lead into private networks.
        tta: what of a picture is looked at, and averaged: "none" (the middle),
            "flip", "five", "ten" or "scales"; see `tta_views`.
        dense: whether the whole picture is looked at instead, without cropping.
        engine: "openvino", "keras", or "auto": the fastest that answers as Keras
            does in float32, which is checked on the first images.
        precision: "float32", "bfloat16", or "auto": the fastest, likewise.
        batch: how many pictures are computed at once; by default as many as the
            engine does best with. Fewer where memory runs out.
        runs_dir: where runs live; `runs` by default.
        reporter: told of the progress; the logger "cnnxfer" by default.

    Returns:
        A prediction for each image, in the order of the inputs; one with an `error`
        for an image that cannot be read.

    Raises:
        ConfigError: if the model or an option is unknown or cannot be had here, or
            the model has fewer classes than `top`.
        DataError: if an input does not exist or holds no image.
        RunError: if the run has no model, weights could not be downloaded, or no
            picture fits into memory; or an engine or a precision that is asked for
            by name does not answer as Keras does.
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
