"""Answers as named tensors, in the form that both protocols write."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cnnxfer.data.annotation import LABEL_SEPARATOR
from cnnxfer.prediction.prediction import Prediction
from cnnxfer.tasks.answer import Kind

INPUT = "images"  # encoded images, or pixels


@dataclass(frozen=True)
class Output:
    """One named output of a model.

    Attributes:
        name: its name.
        datatype: as the Open Inference Protocol calls it: BYTES or FP32.
        shape: of the values of one image; -1 for as many as there are.
        filler: what stands where another image of the batch has a value more.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    filler: Any = ""


_LABEL = Output("label", "BYTES", ())
_RANKING = (
    _LABEL,
    Output("classes", "BYTES", (-1,)),
    Output("scores", "FP32", (-1,), 0.0),
)
OUTPUTS: dict[Kind, tuple[Output, ...]] = {
    "classes": _RANKING,
    "objects": (*_RANKING, Output("boxes", "FP32", (-1, 4), 0.0)),
    "masks": (*_RANKING, Output("mask", "BYTES", ())),
}


def values(prediction: Prediction) -> dict[str, Any]:
    """Returns what an image's outputs hold, by their names.

    `label` is what `predict` calls the image, "unsure" included. `classes` and `scores`
    are the ranking, the classes of the objects with their scores, or the classes of the
    mask with their shares of the pixels. `boxes` are left, top, right and bottom edges
    in pixels of the upright image; `mask` is a PNG whose values are the classes.
    """
    answer = prediction.answer
    lines = answer.lines()
    found: dict[str, Any] = {
        "label": LABEL_SEPARATOR.join(prediction.labels) or prediction.label,
        "classes": [line.label for line in lines],
        "scores": [line.fraction for line in lines],
    }
    if answer.kind == "objects":
        found["boxes"] = [list(item.box) for item in answer.objects]
    if answer.mask is not None:
        found["mask"] = mask_png(answer.mask)
    return found


def columns(kind: Kind, predictions: Sequence[Prediction]) -> dict[str, np.ndarray]:
    """Returns the values of each output for a batch, `(images, ...)`.

    Rows are padded to one length with `filler`: no name, and a score of 0. Those of
    BYTES are Python's objects.
    """
    rows = [values(prediction) for prediction in predictions]
    found = {}
    for output in OUTPUTS[kind]:
        cells = [row[output.name] for row in rows]
        dtype = np.float32 if output.datatype == "FP32" else np.object_
        shape = [len(cells), *output.shape]
        if output.shape:
            shape[1] = max(map(len, cells))
        found[output.name] = np.full(shape, output.filler, dtype)
        for place, cell in enumerate(cells):
            if not output.shape:
                found[output.name][place] = cell
            elif cell:
                found[output.name][place, : len(cell)] = cell
    return found


def mask_png(mask: np.ndarray) -> bytes:
    """Returns a mask as a PNG of one channel, whose values are the classes.

    It has no palette, as those of `predict` have: in its place, the decoders of
    TensorFlow and OpenCV would return the colours.

    Args:
        mask: uint8 `(height, width)`.
    """
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(mask).save(stream, "PNG")
    return stream.getvalue()
