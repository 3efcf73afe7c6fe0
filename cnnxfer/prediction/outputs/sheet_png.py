"""A contact sheet as one PNG image."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from textwrap import wrap

from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from cnnxfer.prediction.outputs.folder import bare_name
from cnnxfer.prediction.outputs.thumbnails import ThumbnailReader
from cnnxfer.prediction.prediction import Prediction
from cnnxfer.reporting import Reporter, counted, printable

MAX_IMAGES = 500  # about 5,000 by 7,500 pixels and 30 MB
SHOWN_CLASSES = 3
TILE, PICTURE, LINE, GAP = 240, 180, 20, 14  # in pixels
PAPER, BLANK, INK, PALE = "#ffffff", "#f5f5f4", "#1c1917", "#78716c"
BAR, DOUBT, BAD = "#bfdcf5", "#e7e0cf", "#b42318"

Tile = tuple[Prediction, Image.Image | None]


@contextmanager
def png_sheet(
    path: Path, title: str, reporter: Reporter
) -> Iterator[Callable[[Prediction], None]]:
    """Opens a sheet and yields the function that adds a prediction to it.

    The first `MAX_IMAGES` images are drawn at the end of the block. Text is drawn in
    Pillow's built-in font, which has Latin letters only.

    Args:
        path: path of the file to write.
        title: title of the sheet.
        reporter: receives a warning if there are more than `MAX_IMAGES` images.
    """
    tiles: list[Tile] = []
    images = 0
    reader = ThumbnailReader(TILE, PICTURE)

    def add(prediction: Prediction) -> None:
        nonlocal images
        images += 1
        if len(tiles) < MAX_IMAGES:
            picture = reader.read(prediction)
            # The source is dropped, because it may hold a whole file in memory.
            tiles.append((replace(prediction, source=None, heat=None), picture))

    yield add
    mark = PngInfo()
    mark.add_text("Software", "cnnxfer")
    sheet = _draw(tiles, title, images)
    sheet.save(path, "PNG", compress_level=3, pnginfo=mark)  # 3 of 9 is fast
    if images > len(tiles):
        reporter.warn(
            f"the sheet shows the first {len(tiles):,} of {images:,} images. "
            "To show all, give it the suffix .html"
        )


def _draw(tiles: list[Tile], title: str, images: int) -> Image.Image:
    lines = min(SHOWN_CLASSES, max((len(p.ranking) for p, _ in tiles), default=0))
    height = PICTURE + LINE * (1 + lines) + GAP
    # The sheet has about the proportions of a sheet of paper.
    columns = max(3, math.ceil(math.sqrt(len(tiles) * height / (TILE * 1.414))))
    rows = math.ceil(len(tiles) / columns)
    top = GAP + 2 * LINE
    size = (columns * (TILE + GAP) + GAP, top + rows * (height + GAP) + GAP)
    sheet = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(sheet)
    heading = f"{title}: {counted(images, 'image')}"
    _write(draw, (GAP, GAP), heading, size[0] - 2 * GAP, INK, 20)
    for number, (prediction, picture) in enumerate(tiles):
        row, column = divmod(number, columns)
        left, upper = GAP + column * (TILE + GAP), top + row * (height + GAP)
        _draw_tile(sheet, draw, left, upper, prediction, picture, lines)
    return sheet


def _draw_tile(
    sheet: Image.Image,
    draw: ImageDraw.ImageDraw,
    left: int,
    top: int,
    prediction: Prediction,
    picture: Image.Image | None,
    lines: int,
) -> None:
    if picture is not None:
        across, down = (TILE - picture.width) // 2, (PICTURE - picture.height) // 2
        sheet.paste(picture, (left + across, top + down))
    elif prediction.error is not None:
        draw.rectangle((left, top, left + TILE - 1, top + PICTURE - 1), BLANK)
        reason = "\n".join(wrap(printable(prediction.error), 30)[:6])
        middle = (left + TILE // 2, top + PICTURE // 2)
        draw.text(middle, reason, BAD, _font(13), anchor="mm", align="center")
    top += PICTURE + 4
    name = (bare_name(prediction.path) or prediction.path) + prediction.frame_mark
    if prediction.unsure:
        name = f"{prediction.label}: {name}"
    _write(draw, (left, top), name, TILE, BAD if prediction.unsure else PALE)
    for ranked in prediction.answers_first[:lines]:
        top += LINE
        bar = round(TILE * ranked.probability)
        doubt = prediction.unsure or prediction.lacks(ranked)
        if bar > 0:
            box = (left, top, left + bar - 1, top + LINE - 3)
            draw.rectangle(box, DOUBT if doubt else BAR)
        ink = PALE if prediction.lacks(ranked) else INK
        _write(draw, (left + 4, top), ranked.label, TILE - 60, ink)
        figure = f"{ranked.probability:.1%}"
        draw.text((left + TILE - 4, top + 1), figure, ink, _font(13), anchor="ra")


def _write(
    draw: ImageDraw.ImageDraw,
    corner: tuple[int, int],
    text: str,
    width: int,
    colour: str,
    size: int = 13,
) -> None:
    """Writes one line of text, shortened to `width` pixels."""
    font, text = _font(size), printable(text)
    whole = text
    while text and font.getlength(text) > width:
        text = f"{whole[: len(text) - 2]}…"
    draw.text((corner[0], corner[1] + 1), text, colour, font)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
