"""Images that engines are compared on before the first client has sent one."""

from __future__ import annotations

import io

import numpy as np

from cnnxfer.data.dataset import TRAIN, VALIDATION, Example
from cnnxfer.data.decoding.frames import FrameReader
from cnnxfer.data.run_images import find_images
from cnnxfer.data.sample.flowers import CLASS_NAMES, draw
from cnnxfer.data.spread import spread
from cnnxfer.engines.trial import SAMPLES
from cnnxfer.errors import CnnxferError
from cnnxfer.prediction.model_source import ModelSource
from cnnxfer.prediction.pictures import read_pictures
from cnnxfer.prediction.tta import tta_views
from cnnxfer.reporting import Reporter
from cnnxfer.runs import Run
from cnnxfer.spelling import command


def sample_images(model: ModelSource, size: int, reporter: Reporter) -> np.ndarray:
    """Returns images as a network sees them: those of the run, or drawn flowers.

    Flowers are fewer than `SAMPLES`: they show whether a network was converted rightly,
    and no verdict on bfloat16 is reached on them.

    Args:
        model: the model.
        size: the side of what the network sees, in pixels.
        reporter: warned of images that cannot be read.

    Returns:
        uint8 `(images, size, size, 3)`.
    """
    examples = _examples(model.run, reporter) if model.run else []
    if examples:
        pictures = read_pictures(spread(examples, SAMPLES), model, size, reporter)
        if len(pictures.pixels):
            return pictures.pixels
    return _flowers(model, size)


def _examples(run: Run, reporter: Reporter) -> list[Example]:
    retry = command("evaluate", run.path, data="NEW_PLACE")  # compares engines, too
    try:
        found = find_images(
            run, run.config.data, reporter, retry=retry, parts=[TRAIN, VALIDATION]
        )
    except CnnxferError as error:
        reporter.info(f"engines are compared on drawn flowers, since {error}")
        return []
    return [*found.splits.validation, *found.splits.train]


def _flowers(model: ModelSource, size: int) -> np.ndarray:
    reader = FrameReader(tta_views("none", model.fraction, size, model.fit))
    views = []
    for name in CLASS_NAMES:
        stream = io.BytesIO()
        draw(name, 0).save(stream, "PNG")
        for _, pixels in reader(stream.getvalue()):
            assert pixels is not None
            views.append(pixels[0])
    return np.stack(views)
