"""Pictures of what the channels of a layer see, as PNGs in a folder or as one page."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from cnnxfer.data.images.drawing import WHITE
from cnnxfer.evaluation.explanations.explained_layer import Channel, ExplainedLayer
from cnnxfer.evaluation.explanations.outputs import GENERATOR, PAGE
from cnnxfer.prediction.outputs.folder import FileAdder, created_folder
from cnnxfer.prediction.outputs.heatmap import draw_heatmap
from cnnxfer.prediction.outputs.panels import in_rows
from cnnxfer.spelling import option

SIDE = 96  # of a patch, in pixels
FILTER_SIDE = 44
SPACE = 2  # between patches


def write_layer(layer: ExplainedLayer, out: Path) -> None:
    """Writes a picture for each channel, and one of the filters if there are any.

    Args:
        layer: what is shown.
        out: a folder, in which no file is overwritten; or an HTML file.
    """
    if out.suffix.lower() == PAGE:
        from cnnxfer.pages.page import write
        from cnnxfer.pages.thumbnails import data_url

        write(
            out,
            "layer.html",
            generator=GENERATOR,
            title=f"what {layer.layer} of {layer.model} sees",
            layer=layer,
            pictures=((name, data_url(each)) for name, each in pictures(layer)),
        )
        return
    files = FileAdder()
    with created_folder(option("--out"), out):
        for name, picture in pictures(layer):
            content = io.BytesIO()
            picture.save(content, "PNG")
            files.add(out / f"{name.replace(' ', '-')}.png", content.getvalue())


def pictures(layer: ExplainedLayer) -> Iterator[tuple[str, Image.Image]]:
    """Yields the name and the picture of the filters, if any, and of each channel."""
    if layer.filters is not None:
        yield "filters", _grid([_scaled(each, FILTER_SIDE) for each in layer.filters])
    for channel in layer.channels:
        yield f"channel {channel.number:03d}", channel_picture(channel)


def channel_picture(channel: Channel) -> Image.Image:
    """Returns what a channel sees where it is strongest, and its maps beside that.

    A map has its own maximum in the brightest colour; what is below 0 has none.
    """
    patches = [_scaled(patch.pixels, SIDE) for patch in channel.patches]
    maps = [
        draw_heatmap(_scaled(patch.view, SIDE), patch.map.clip(0))
        for patch in channel.patches
    ]
    texts = f"channel {channel.number}: what it sees", "where it is active"
    return in_rows([list(zip([_grid(patches), _grid(maps)], texts, strict=True))])


def _grid(tiles: Sequence[Image.Image]) -> Image.Image:
    """Returns pictures of one size in a square, row by row."""
    width, height = tiles[0].size
    columns = math.ceil(math.sqrt(len(tiles)))
    rows = math.ceil(len(tiles) / columns)
    size = columns * (width + SPACE) - SPACE, rows * (height + SPACE) - SPACE
    grid = Image.new("RGB", size, WHITE)
    for number, tile in enumerate(tiles):
        row, column = divmod(number, columns)
        grid.paste(tile, (column * (width + SPACE), row * (height + SPACE)))
    return grid


def _scaled(pixels: np.ndarray, side: int) -> Image.Image:
    """Returns pixels in a square; few of them stay recognizable as pixels."""
    if pixels.shape[-1] == 1:
        pixels = np.repeat(pixels, 3, axis=-1)
    small = max(pixels.shape[:2]) < side
    how = Image.Resampling.NEAREST if small else Image.Resampling.BICUBIC
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    return ImageOps.pad(picture, (side, side), how, color=WHITE)
