"""Masks seen through a view, as its pixels are; and a view's classes, in the image."""

from __future__ import annotations

import numpy as np

from cnnxfer.data.class_mask import IGNORED
from cnnxfer.data.geometry import Geometry

BAND_BYTES = 4_000_000  # of interpolated logits at a time; the processor's cache has it


def mask_view(
    mask: np.ndarray, geometry: Geometry, size: int, fill: int = IGNORED
) -> np.ndarray:
    """Returns what a view shows of a mask: the label in the middle of each pixel.

    Args:
        mask: the labels of the whole upright image, uint8 `(height, width)`.
        geometry: where the view lies in the image.
        size: the side of the result, in pixels; that of the view may be another.
        fill: the label beyond the image.

    Returns:
        uint8 `(size, size)`.
    """
    height, width = mask.shape
    steps = (np.arange(size) + 0.5) / size - 0.5
    (x, y), (a, b), (c, d) = geometry.middle, geometry.across, geometry.down
    columns, rows = x + a * steps[None], y + d * steps[:, None]
    if not geometry.upright:  # or else one row of columns is enough for all
        columns, rows = columns + c * steps[:, None], rows + b * steps[None]
    columns, rows = np.floor(columns).astype(int), np.floor(rows).astype(int)
    seen = mask[rows.clip(0, height - 1), columns.clip(0, width - 1)]
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    labels: np.ndarray = np.where(inside, seen, np.uint8(fill))
    return labels


def labels_on_image(
    logits: np.ndarray, geometry: Geometry, width: int, height: int
) -> np.ndarray:
    """Returns the class of each pixel of an image: the best of interpolated logits.

    The logits are interpolated bilinearly at the middle of each pixel, a band of the
    image at a time, so that memory does not grow with the number of classes.

    Args:
        logits: of the view, float32 `(rows, columns, classes)`, with at most 255
            classes.
        geometry: where the view lies in the image; it may be mirrored, but not turned.
        width: the width of the upright image, in pixels.
        height: its height.

    Returns:
        uint8 `(height, width)`; `IGNORED` where the view does not show the image.
    """
    assert geometry.upright
    planes = np.ascontiguousarray(logits.transpose(2, 0, 1), np.float32)
    _, rows, columns = planes.shape
    (x, y), (a, _), (_, d) = geometry.middle, geometry.across, geometry.down
    left, right, across, in_columns = _neighbours(x, a, width, columns)
    upper, lower, down, in_rows = _neighbours(y, d, height, rows)
    labels = np.zeros((height, width), np.uint8)
    band_rows = max(1, BAND_BYTES // (4 * width))
    for start in range(0, height, band_rows):
        band = slice(start, start + band_rows)
        first, last = upper[band].min(), lower[band].max() + 1
        weights, found, best = down[band, None], labels[band], None
        for label, plane in enumerate(planes[:, first:last]):
            wide = plane[:, left] * (1 - across) + plane[:, right] * across
            values = wide[upper[band] - first] * (1 - weights)
            values += wide[lower[band] - first] * weights
            if best is None:
                best = values
            else:
                found[values > best] = label
                np.maximum(best, values, out=best)
        found[:, ~in_columns] = IGNORED
        found[~in_rows[band]] = IGNORED
    return labels


def _neighbours(
    middle: float, way: float, length: int, cells: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Returns between which cells of a view the pixels of an image lie, along an axis.

    They are the cell before and the cell behind each pixel, the weight of the latter,
    float32, and whether the pixel is in the view; all `(length,)`.
    """
    places = (np.arange(length) + 0.5 - middle) / way + 0.5  # 0 to 1 in the view
    cell = places * cells - 0.5
    before = np.floor(cell)
    weights = (cell - before).astype(np.float32)
    low, high = (side.clip(0, cells - 1).astype(int) for side in (before, before + 1))
    return low, high, weights, (places >= 0) & (places < 1)
