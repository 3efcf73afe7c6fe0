"""Heat maps of whole upright pictures: where a model sees a class in them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cnnxfer.data.dataset import Example
from cnnxfer.data.geometry import Seen
from cnnxfer.data.parallel import parallel_map
from cnnxfer.data.views.views import Square, open_picture
from cnnxfer.errors import DataError
from cnnxfer.prediction.explainable import open_mapper
from cnnxfer.prediction.heat import MAX_SIDE, heat_in_picture, size_within
from cnnxfer.prediction.model_source import ModelSource
from cnnxfer.reporting import Reporter

READ_AT_ONCE = 64  # pictures whose views are in memory


def heat_maps(
    model: ModelSource,
    examples: Sequence[Example],
    labels: Sequence[int],
    method: str = "grad-cam",
    *,
    side: int = MAX_SIDE,
    reporter: Reporter,
) -> list[np.ndarray | None]:
    """Returns where a model sees a class in each of some pictures.

    Args:
        model: a run, or a backbone with its ImageNet head; see `find_model`.
        examples: the pictures.
        labels: for each picture, the class that is explained, which need not be the
            one that the model answers.
        method: `grad-cam`, or `score-cam`, which takes fifty times as long.
        side: longest side of a map, in pixels; maps of smaller pictures are smaller.
        reporter: shows the progress.

    Returns:
        float32 `(height, width)` in [0, 1] for each picture, in the proportions of the
        upright picture: 1 where the class is seen best, and 0 where nothing speaks for
        it or the model is not shown that part of the picture. None for a picture that
        cannot be read.

    Raises:
        ConfigError: if the model does not answer with classes.
    """
    mapper = open_mapper(model, method, None, reporter)
    view = Square(model.fraction, fit=model.fit)
    size = mapper.image_size

    def see(at: int) -> tuple[int, Seen, tuple[int, int]] | None:
        try:
            picture = open_picture(examples[at])
            return at, view.of(picture, size), (picture.width, picture.height)
        except DataError:
            return None

    maps: list[np.ndarray | None] = [None] * len(examples)
    with reporter.progress("explaining", len(examples), "images") as advance:
        for start in range(0, len(examples), READ_AT_ONCE):
            part = range(len(examples))[start : start + READ_AT_ONCE]
            seen = [each for each in parallel_map(see, part) if each]
            if seen:
                views = np.stack([shown.pixels for _, shown, _ in seen])
                heats = mapper.heat(views, np.array([[labels[at]] for at, *_ in seen]))
                for (at, shown, picture), (heat,) in zip(seen, heats, strict=True):
                    shape = size_within(picture, side)
                    maps[at] = heat_in_picture(heat, shown.geometry, picture, shape)
            advance(len(part))
    return maps
