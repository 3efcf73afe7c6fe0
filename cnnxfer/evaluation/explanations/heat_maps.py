"""Heat maps of whole upright pictures: where a model sees a class in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from cnnxfer.data.dataset import Example
from cnnxfer.data.geometry import Geometry, Seen
from cnnxfer.data.parallel import parallel_map
from cnnxfer.data.views.views import Square, open_picture
from cnnxfer.errors import ConfigError, DataError
from cnnxfer.prediction.model_source import ModelSource
from cnnxfer.quiet import import_tensorflow_quietly
from cnnxfer.reporting import Reporter
from cnnxfer.spelling import command, option

if TYPE_CHECKING:
    from cnnxfer.networks.explained.heat import HeatMapper

MAX_SIDE = 1024  # longest side of a heat map, in pixels
READ_AT_ONCE = 64  # pictures whose views are in memory


def check_explainable(model: ModelSource) -> None:
    """Checks that a model answers with classes, which heat maps explain.

    Raises:
        ConfigError: if it answers with boxes or masks, which say themselves where what
            they name is.
    """
    check_layers(model)
    if model.task.follows_views:
        instead = command("predict", "INPUT", model=model.place, drawn="FOLDER")
        raise ConfigError(
            f"{model.place} does {model.task.name}, and heat maps explain classes: its "
            f"answers say themselves where something is. To see them: {instead}"
        )


def check_layers(model: ModelSource) -> None:
    """Checks that a model has layers to look into.

    Raises:
        ConfigError: if it is exported for another runtime.
    """
    if model.exported:
        raise ConfigError(
            f"{model.place} is exported for another runtime, which has no layers to "
            f"look into. Name the run that it came from: {option('--model', 'RUN')}"
        )


def open_mapper(
    model: ModelSource, method: str, layer: str | None, reporter: Reporter
) -> HeatMapper:
    """Returns a model, loaded, whose answers are explained.

    Raises:
        ConfigError: if it does not answer with classes, or has no such layer.
        RunError: if weights could not be downloaded.
    """
    check_explainable(model)
    network = model.network(reporter)
    import_tensorflow_quietly()
    from cnnxfer.networks.explained.heat import HeatMapper

    return HeatMapper(
        network.build(), network.outputs, model.backbone, method=method, layer=layer
    )


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


def size_within(picture: tuple[int, int], side: int) -> tuple[int, int]:
    """Returns the width and height of a picture, reduced to a longest side."""
    scale = min(1.0, side / max(picture))
    return max(1, round(picture[0] * scale)), max(1, round(picture[1] * scale))


def heat_in_picture(
    heat: np.ndarray,
    place: Geometry,
    picture: tuple[int, int],
    size: tuple[int, int],
) -> np.ndarray:
    """Returns the heat in a view as heat in its picture, smoothly from place to place.

    Args:
        heat: float32 `(rows, columns)` in [0, 1], at equal parts of the view.
        place: where the view lies in the upright picture.
        picture: the width and height of the picture, in pixels.
        size: the width and height of the result.

    Returns:
        float32 `(height, width)` in [0, 1]; 0 outside of the view.
    """
    # Where the corners of the result lie in the picture, in the view, and in the heat.
    corners = np.array([(0, 0), (picture[0], 0), (0, picture[1])])
    cells = place.to_view(corners) * (np.array(heat.shape[::-1]) / place.size)
    start, right, down = cells
    across, along = (right - start) / size[0], (down - start) / size[1]
    affine = (across[0], along[0], start[0], across[1], along[1], start[1])
    found = Image.fromarray(heat.astype(np.float32)).transform(
        size, Image.Transform.AFFINE, affine, Image.Resampling.BICUBIC
    )
    return np.asarray(found).clip(0, 1)
