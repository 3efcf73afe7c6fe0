"""The parts of synthetic flowers: petals, discs, stems and leaves.

Each part is a mesh of small facets, painted with Pillow, the farthest first.
"""

from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import ImageDraw

Array: TypeAlias = npt.NDArray[np.float64]
Generator: TypeAlias = np.random.Generator

ALONG = np.linspace(0, 1, 12)  # from the base of a petal to its tip


class Mesh(NamedTuple):
    """Facets with four corners each, and their colours.

    Attributes:
        corners: float64 `(facets, 4, 3)`, the x, y and z of each corner.
        colours: float64 `(facets, 3)`, RGB in levels of 255.
    """

    corners: Array
    colours: Array


def whorl(
    rng: Generator,
    count: int,
    radius: Array,
    height: Array,
    half_width: Array,
    colours: Array,
    start: float = 0.0,
    ripple: float = 0.02,
    rounding: float = 0.08,
) -> Mesh:
    """Returns petals around the axis, which differ by chance only.

    `radius`, `height`, `half_width` and `colours` are those of a petal at each of
    `ALONG`. `start` is how far the whorl is turned, in petals; `ripple`, how high the
    waves in a petal are, and `rounding`, how much its corners are shortened: fractions
    of its length.
    """
    along, shape = ALONG[:, None], (count, 1, 1)  # (petals, along, across)
    across = np.linspace(-1, 1, 4 if count > 8 else 10)  # few petals are wide ones
    turn = 2 * np.pi / count * (np.arange(count) + start + rng.normal(0, 0.08, count))
    angle = turn.reshape(shape) + across * (half_width / radius)[:, None]
    folds, phase = rng.uniform(2, 5, shape), rng.uniform(0, 6, shape)
    wave = ripple * along * np.sin(folds * across + phase)
    growth = rng.normal(1, 0.07, shape) * (1 - rounding * (along * across) ** 2)
    distance = growth * radius[:, None] * (1 + wave)
    rise = growth * height[:, None] + rng.normal(0, 0.06, shape) * along + wave
    points = np.stack([distance * np.cos(angle), distance * np.sin(angle), rise], -1)
    tone = rng.normal(1, 0.06, shape) * (1.03 - 0.15 * across**4)  # darker edges
    return _facets(points, colours[:, None] * tone[..., None])


def floret_disc(
    rng: Generator, radius: float, dome: float, count: int, colour: Array
) -> Mesh:
    """Returns a domed disc of `count` florets, on a spiral as in sunflowers."""
    order = np.sqrt((np.arange(count) + 0.5) / count)
    angle = np.pi * (3 - np.sqrt(5)) * np.arange(count)
    outwards = np.stack([np.cos(angle), np.sin(angle), 0 * angle], -1)
    sideways = np.stack([-np.sin(angle), np.cos(angle), 0 * angle], -1)
    rise = 0.1 + dome * (1 - order**2)
    centres = radius * order[:, None] * outwards + rise[:, None] * (0, 0, 1)
    points = np.stack([outwards, sideways, -outwards, -sideways], 1)
    corners = centres[:, None] + 2.4 * radius / np.sqrt(count) * points
    tone = rng.normal(1, 0.14, count) * (0.8 + 0.35 * order)
    return Mesh(corners, colour * tone[:, None])


def ribbon(path: Array, half_width: Array, colour: Array) -> Mesh:
    """Returns a stem or leaf along `path`, `(points, 2)`, in the picture's frame."""
    step = np.gradient(path, axis=0)
    sideways = unit(np.stack([-step[:, 1], step[:, 0]], -1)) * half_width[:, None]
    across = np.linspace(-1, 1, 5)
    flat = path[:, None] + sideways[:, None] * across[:, None]
    bulge = 0.8 * half_width[:, None, None] * (1 - np.abs(across[:, None]))
    points = np.concatenate([flat, bulge], -1)
    return _facets(points, np.broadcast_to(colour, points.shape))


def leaf(start: Array, tip: Array, half_width: float, colour: Array) -> Mesh:
    """Returns an arched leaf from `start` to `tip`, in the picture's frame."""
    path = bend(start, (start + tip) / 2 + (0, half_width), tip)
    swell = np.sin(np.pi * np.linspace(0.02, 1, len(path)) ** 0.8)
    return ribbon(path, half_width * swell, colour)


def bend(start: Array, towards: Array, end: Array) -> Array:
    """Returns 12 points, `(12, 2)`, of a Bézier curve with one control point."""
    t = np.linspace(0, 1, 12)[:, None]
    return (1 - t) ** 2 * start + 2 * t * (1 - t) * towards + t**2 * end


def outline(widest: float, tip: float) -> Array:
    """Returns a petal's width at each of `ALONG`: 1 at `widest`, `tip` at the end."""
    swell = np.sin(np.pi / 2 * (ALONG / widest).clip(0, 1))
    taper = ((ALONG - widest) / (1 - widest)).clip(0, 1) ** 2
    return 0.25 + 0.75 * swell - (1 - tip) * taper


def gradient(base: Array, tip: Array, power: float = 0.7) -> Array:
    """Returns a petal's RGB at each of `ALONG`; a high `power` keeps `base` longer."""
    return base + (tip - base) * ALONG[:, None] ** power


def join(*meshes: Mesh) -> Mesh:
    """Returns one mesh of the facets of all meshes."""
    corners, colours = zip(*meshes, strict=True)
    return Mesh(np.concatenate(corners), np.concatenate(colours))


def paint(canvas: ImageDraw.ImageDraw, mesh: Mesh, light: Array) -> None:
    """Paints a mesh upside down: y points up in a mesh, but down on the canvas.

    Farther facets are painted first. `light` is a direction, `(3,)`, of length 1.
    """
    corners, colours = mesh
    normals = np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])
    shade = 0.5 + 0.55 * np.abs(unit(normals) @ light)  # petals glow from behind too
    fills = (colours * shade[:, None]).clip(0, 255).astype(np.uint8)
    farthest_first = corners[:, :, 2].mean(axis=1).argsort(kind="stable")
    outlines = corners[farthest_first, :, :2].reshape(-1, 8).tolist()
    for outline, fill in zip(outlines, fills[farthest_first].tolist(), strict=True):
        canvas.polygon(outline, fill=tuple(fill))


def unit(vectors: Array) -> Array:
    """Returns the vectors scaled to length 1 along the last axis; zeros stay 0."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-9))


def _facets(points: Array, colours: Array) -> Mesh:
    """Returns the facets of grids of points, `(..., rows, columns, 3)`."""
    return Mesh(_corners(points), _corners(colours).mean(axis=1))


def _corners(grid: Array) -> Array:
    low, high = grid[..., :-1, :, :], grid[..., 1:, :, :]
    around = (low[..., :-1, :], high[..., :-1, :], high[..., 1:, :], low[..., 1:, :])
    return np.stack(around, axis=-2).reshape(-1, 4, 3)
