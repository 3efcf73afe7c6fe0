"""Pictures of explanations: the picture beside its heat, and what is beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image, ImageDraw

from cnnxfer.data.images.drawing import BLACK, WHITE, font_of
from cnnxfer.data.images.source import ImageSource
from cnnxfer.evaluation.explanations.explanation import Explanation
from cnnxfer.pages.thumbnails import ThumbnailReader
from cnnxfer.prediction.outputs.folder import bare_name
from cnnxfer.prediction.outputs.heatmap import draw_heatmap
from cnnxfer.prediction.outputs.thumbnail import read_thumbnail
from cnnxfer.reporting import printable

GAP, TEXT = 12, 16  # between panels, and the size of captions, in pixels
Panel = tuple[Image.Image | None, str]  # a picture, if it could be read; its caption


def panels(explanation: Explanation, side: int) -> Iterator[Panel]:
    """Yields the picture, and the picture with the heat of each class.

    A frame shows what the model sees, where that is not all of the picture.

    Args:
        explanation: of a picture that was read.
        side: longest side of a panel, in pixels.
    """
    prediction = explanation.prediction
    picture = read_thumbnail(ThumbnailReader(side, side), prediction)
    name = bare_name(prediction.path) or prediction.path
    yield picture, name + prediction.frame_mark
    for number, each in enumerate(explanation.classes):
        drawn = None
        if picture:
            heat = explanation.heat(number, max(picture.size))
            drawn = _framed(draw_heatmap(picture, heat), explanation)
        yield drawn, each.caption


def neighbour_panels(explanation: Explanation, side: int) -> Iterator[Panel]:
    """Yields the nearest training images; see `panels`."""
    for each in explanation.neighbours:
        source = ImageSource(each.example.id, each.example.read)
        yield ThumbnailReader(side, side).read(source), each.caption


def in_rows(rows: Sequence[Sequence[Panel]]) -> Image.Image:
    """Returns rows of pictures, side by side, each above its caption."""
    font = font_of(TEXT)
    line = TEXT + GAP
    shown = [[(each or _nothing(), text) for each, text in row] for row in rows if row]
    heights = [max(each.height for each, _ in row) + line for row in shown]
    widths = [sum(each.width + GAP for each, _ in row) + GAP for row in shown]
    size = max(widths), sum(heights) + GAP * (len(shown) + 1)
    sheet = Image.new("RGB", size, WHITE)
    draw = ImageDraw.Draw(sheet)
    y = GAP
    for row, height in zip(shown, heights, strict=True):
        x = GAP
        for each, text in row:
            sheet.paste(each, (x, y))
            place = (x, y + each.height + GAP // 3)
            draw.text(place, _fitting(draw, text, each.width), BLACK, font)
            x += each.width + GAP
        y += height + GAP
    return sheet


def _framed(picture: Image.Image, explanation: Explanation) -> Image.Image:
    """Returns a picture with a frame around what the model sees of it."""
    assert explanation.place
    scale = picture.width / explanation.size[0]
    left, top, right, bottom = np.rint(scale * np.array(explanation.place.region))
    if left <= 0 and top <= 0 and right >= picture.width and bottom >= picture.height:
        return picture
    draw = ImageDraw.Draw(picture)
    # A dark line beside the light one shows it on any ground.
    draw.rectangle((left, top, right - 1, bottom - 1), outline=WHITE)
    draw.rectangle((left - 1, top - 1, right, bottom), outline=BLACK)
    return picture


def _nothing() -> Image.Image:
    """Returns what stands for a picture that cannot be read any more."""
    return Image.new("RGB", (120, 90), (224, 224, 224))


def _fitting(draw: ImageDraw.ImageDraw, text: str, width: int) -> str:
    """Returns as much of a text as there is room for; its end tells more."""
    text = printable(text)
    if draw.textlength(text, font_of(TEXT)) <= width:
        return text
    while text and draw.textlength(f"…{text}", font_of(TEXT)) > width:
        text = text[1:]
    return f"…{text}"
