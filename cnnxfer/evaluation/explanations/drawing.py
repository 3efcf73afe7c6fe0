"""Pictures of explanations: the picture beside its heat, and what is beside it."""

from __future__ import annotations

from collections.abc import Iterator

from cnnxfer.data.images.source import ImageSource
from cnnxfer.evaluation.explanations.explanation import Explanation
from cnnxfer.pages.thumbnails import ThumbnailReader
from cnnxfer.prediction.outputs.folder import bare_name
from cnnxfer.prediction.outputs.heatmap import heat_over
from cnnxfer.prediction.outputs.panels import Panel
from cnnxfer.prediction.outputs.thumbnail import read_thumbnail


def panels(explanation: Explanation, side: int) -> Iterator[Panel]:
    """Yields the picture, and the picture with the heat of each class.

    Args:
        explanation: of a picture that was read.
        side: longest side of a panel, in pixels.
    """
    prediction = explanation.prediction
    picture = read_thumbnail(ThumbnailReader(side, side), prediction)
    name = bare_name(prediction.path) or prediction.path
    yield picture, name + prediction.frame_mark
    for each in explanation.classes:
        yield picture and heat_over(picture, each, explanation.size), each.caption


def neighbour_panels(explanation: Explanation, side: int) -> Iterator[Panel]:
    """Yields the nearest training images; see `panels`."""
    for each in explanation.neighbours:
        source = ImageSource(each.example.id, each.example.read)
        yield ThumbnailReader(side, side).read(source), each.caption
