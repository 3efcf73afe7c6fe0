"""Pictures side by side, each above its caption."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw

from cnnxfer.data.images.drawing import BLACK, WHITE, font_of
from cnnxfer.reporting import printable

GAP, TEXT = 12, 16  # between panels, and the size of captions, in pixels
ROOM = 160  # for a caption below a narrow picture
Panel = tuple[Image.Image | None, str]  # a picture, if it could be read; its caption


def in_rows(rows: Sequence[Sequence[Panel]]) -> Image.Image:
    """Returns rows of pictures, side by side, each above its caption."""
    font = font_of(TEXT)
    line = TEXT + GAP
    shown = [[(each or _nothing(), text) for each, text in row] for row in rows if row]
    heights = [max(each.height for each, _ in row) + line for row in shown]
    widths = [sum(_width(each) + GAP for each, _ in row) + GAP for row in shown]
    size = max(widths), sum(heights) + GAP * (len(shown) + 1)
    sheet = Image.new("RGB", size, WHITE)
    draw = ImageDraw.Draw(sheet)
    y = GAP
    for row, height in zip(shown, heights, strict=True):
        x = GAP
        for each, text in row:
            sheet.paste(each, (x, y))
            place = (x, y + each.height + GAP // 3)
            draw.text(place, _fitting(draw, text, _width(each)), BLACK, font)
            x += _width(each) + GAP
        y += height + GAP
    return sheet


def _width(picture: Image.Image) -> int:
    return max(picture.width, ROOM)


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
