"""Draws the built-in data set of synthetic flowers.

With it, every command runs without a network or a download. The five classes differ in
shape and share their colours. Number, size, pose, light, background and sharpness
vary, and some images are hard, so that accuracy stays below 100%.

A flower is a mesh of small facets. It is built in its own frame, looking along +z
with petals about 1 long, then turned, moved into the picture (y up, z towards the
viewer) and painted.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from cnnxfer.data.sample.flower_parts import (
    ALONG,
    Array,
    Generator,
    Mesh,
    bend,
    floret_disc,
    gradient,
    join,
    leaf,
    outline,
    paint,
    ribbon,
    unit,
    whorl,
)
from cnnxfer.reporting import Reporter

CLASS_NAMES = ("daisy", "poppy", "rose", "sunflower", "tulip")
IMAGES_PER_CLASS = 120
VERSION = 1  # raised when the images change; it names their folder in the cache

Size: TypeAlias = npt.NDArray[np.int64]  # width, height in pixels

SUPERSAMPLING = 2  # images are painted so many times larger, for smooth edges

PETAL_COLOURS = {
    "white": (240, 238, 232),
    "cream": (240, 224, 172),
    "yellow": (240, 196, 40),
    "orange": (232, 126, 36),
    "red": (196, 34, 36),
    "crimson": (132, 24, 44),
    "pink": (230, 134, 166),
    "magenta": (186, 52, 122),
    "purple": (112, 62, 150),
}
# The petal colours of each class; a colour that occurs twice is twice as likely.
CLASS_COLOURS = {
    "daisy": "white white white cream yellow orange red pink magenta purple",
    "poppy": "red red red crimson orange yellow white pink magenta purple",
    "rose": "red red crimson pink pink white cream yellow orange magenta purple",
    "sunflower": "yellow yellow yellow orange orange cream crimson red white pink",
    "tulip": "red red crimson yellow orange pink pink purple magenta white cream",
}
GREENS = np.array(
    [(58, 104, 40), (88, 132, 52), (40, 78, 44), (112, 146, 70), (70, 110, 84)]
)
SOIL_BARK_STRAW = np.array([(104, 84, 60), (60, 50, 40), (150, 132, 104)])
SKY_WALL_SHADE = np.array([(176, 200, 222), (206, 206, 200), (28, 34, 30)])


def draw(class_name: str, number: int) -> Image.Image:
    """Returns one synthetic image: RGB, with sides of 240 to 340 pixels.

    It depends only on the class and on the number of the image in it, from 0, without a
    limit. Other versions of NumPy and Pillow, or another processor, may give slightly
    different pixels.
    """
    label = CLASS_NAMES.index(class_name)
    rng = np.random.Generator(np.random.PCG64([VERSION, label, number]))
    size = SUPERSAMPLING * rng.integers(240, 341, 2)
    picture = _background(rng, size)
    canvas = ImageDraw.Draw(picture)
    light = unit(np.array([*rng.normal(0, 0.5, 2), 1]))
    for mesh in (*_plants(rng, class_name, size), *_grass(rng, size)):
        paint(canvas, mesh, light)
    return _photograph(rng, ImageOps.flip(picture.reduce(SUPERSAMPLING)))


def write_sample(directory: Path, reporter: Reporter) -> None:
    """Writes a folder a class, of `IMAGES_PER_CLASS` JPEGs, into an empty directory."""
    total = len(CLASS_NAMES) * IMAGES_PER_CLASS
    with reporter.progress("drawing synthetic flowers", total, "images") as advance:
        for class_name in CLASS_NAMES:
            (directory / class_name).mkdir()
            for number in range(IMAGES_PER_CLASS):
                path = directory / class_name / f"{class_name}-{number:03d}.jpg"
                quality = 40 + number * 37 % 56  # 40 to 95, in no visible order
                draw(class_name, number).save(path, quality=quality)
                advance()


# The flowers of each class, each in its own frame.


def _daisy(rng: Generator, colour: Array) -> Mesh:
    """Returns many thin petals, blunt at the tip, around a small disc."""
    disc = rng.uniform(0.2, 0.36)
    count = int(rng.integers(14, 28))
    radius = 0.7 * disc + (1 - 0.7 * disc) * ALONG
    height = rng.uniform(-0.2, 0.5) * ALONG**1.6
    half_width = rng.uniform(1.9, 2.9) / count * outline(0.7, 0.5)
    shades = gradient(0.85 * colour, colour)
    petals = whorl(rng, count, radius, height, half_width, shades)
    pollen = np.array((90, 60, 30) if rng.random() < 0.2 else (226, 172, 40))
    return join(petals, floret_disc(rng, disc, 0.1, 90, pollen))


def _poppy(rng: Generator, colour: Array) -> Mesh:
    """Returns a bowl of a few wide crinkled petals, dark at the heart."""
    openness = rng.uniform(0.5, 1)
    heart = colour * rng.uniform(0.1, 0.8)
    rings = [
        whorl(
            rng,
            int(rng.integers(2, 4)),
            radius=(0.06 + 0.94 * ALONG**0.9) * (openness + 0.08 * ring),
            height=(1.15 - openness) * ALONG**1.5 - 0.03 * ring,
            half_width=rng.uniform(0.8, 1.05) * outline(0.8, 0.85),
            colours=gradient(heart, colour, 0.5),
            start=ring / 2,
            ripple=0.05,
            rounding=0.28,
        )
        for ring in (0, 1)
    ]
    stamens = floret_disc(rng, 0.24, 0.06, 50, np.array((50, 36, 44)))
    pod = floret_disc(rng, 0.1, 0.22, 24, np.array((120, 140, 80)))
    return join(*rings, stamens, pod)


def _rose(rng: Generator, colour: Array) -> Mesh:
    """Returns layers of petals, upright at the heart and rolled back outside."""
    openness = rng.uniform(0.6, 1)
    layers = int(rng.integers(5, 8))
    whorls = [
        whorl(
            rng,
            2 + layer // 2,
            radius=spread * (0.25 + 0.55 * ALONG + 0.25 * spread * ALONG**5),
            height=(0.95 - 0.55 * spread) * np.sin(2.1 * ALONG) - 0.3 * spread,
            half_width=spread * outline(0.5, 0.8),
            colours=gradient(0.45 * colour, colour, 1.2),
            start=rng.random(),
            ripple=0.03,
            rounding=0.16,
        )
        for layer, spread in enumerate(openness * np.linspace(0.12, 1, layers))
    ]
    return join(*whorls)


def _sunflower(rng: Generator, colour: Array) -> Mesh:
    """Returns two rings of broad pointed petals around a large disc of seeds."""
    disc = rng.uniform(0.38, 0.55)
    count = int(rng.integers(13, 20))
    lift = rng.uniform(-0.1, 0.5)
    rings = [
        whorl(
            rng,
            count,
            radius=0.85 * disc + (1 - 0.08 * ring - 0.85 * disc) * ALONG,
            height=(lift + 0.12 * ring) * ALONG**1.4 - 0.05 * (1 - ring),
            half_width=rng.uniform(2, 2.7) / count * outline(0.5, 0),
            colours=gradient((0.62 + 0.1 * ring) * colour, colour),
            start=ring / 2,
        )
        for ring in (0, 1)
    ]
    seeds = rng.choice([(66, 42, 24), (96, 60, 26), (120, 100, 40)])
    return join(*rings, floret_disc(rng, disc, 0.08, 360, seeds))


def _tulip(rng: Generator, colour: Array) -> Mesh:
    """Returns a tall cup of two times three petals."""
    belly = 0.64 * np.sin(np.pi * (0.06 + 0.55 * ALONG))
    opening = rng.uniform(-0.22, 0.3)
    base = colour * rng.uniform(0.6, 1) + rng.uniform(0, 50)
    rings = [
        whorl(
            rng,
            3,
            radius=(1 - 0.24 * ring) * belly + opening * ALONG**2,
            height=1.5 * ALONG - 0.5,
            half_width=rng.uniform(0.52, 0.64) * outline(0.45, 0.1),
            colours=gradient(base, colour),
            start=ring / 2,
        )
        for ring in (0, 1)
    ]
    return join(*rings)


FLOWERS = {
    "daisy": _daisy,
    "poppy": _poppy,
    "rose": _rose,
    "sunflower": _sunflower,
    "tulip": _tulip,
}


# The scene around the flowers, and the photograph of it.


def _background(rng: Generator, size: Size) -> Image.Image:
    """Returns a garden out of focus: patches of colour and blobs of other flowers."""
    grounds = np.concatenate([GREENS, SOIL_BARK_STRAW, SKY_WALL_SHADE])
    colours = rng.choice(grounds, int(rng.integers(2, 5)))
    rows, columns = rng.integers(3, 10, 2)
    patches = rng.choice(colours, (rows, columns))
    patches = patches * rng.normal(1, 0.15, (rows, columns, 1))
    # It is blurred, so a quarter of the resolution is enough.
    small = _image(patches).resize(size // 4, Image.Resampling.BICUBIC)
    canvas = ImageDraw.Draw(small)
    for _ in range(int(rng.integers(0, 30))):
        spot = rng.choice([*PETAL_COLOURS.values(), *GREENS, *GREENS])
        centre, radius = rng.uniform(0, size // 4).tolist(), rng.uniform(2, 12)
        canvas.circle(centre, radius, fill=tuple(spot.tolist()))
    blurred = small.filter(ImageFilter.GaussianBlur(rng.uniform(1.5, 7)))
    return blurred.resize(size, Image.Resampling.BILINEAR)


def _plants(rng: Generator, class_name: str, size: Size) -> Iterator[Mesh]:
    """Yields stems, leaves and flowers, the smallest plant first."""
    colour_name = rng.choice(CLASS_COLOURS[class_name].split())
    colour = PETAL_COLOURS[colour_name] + rng.normal(0, 10, 3)
    green = rng.choice(GREENS) * rng.uniform(0.8, 1.3)
    count = int(rng.choice([1, 1, 1, 2, 3, 5, 8]))
    margin = 0.25 if count == 1 else 0.1
    radii = rng.uniform(0.16, 0.5, count) * min(size) / count**0.45
    for radius in sorted(radii):
        centre = size * rng.uniform(margin, 1 - margin, 2)
        pose = _pose(rng, sideways=class_name == "tulip")
        behind = -radius * pose[:2, 2]
        root = centre + radius * np.array([rng.normal(0, 1), -6])
        stem = bend(centre, centre + 1.8 * behind, root)
        yield ribbon(stem, np.full(len(stem), 0.06 * radius), green)
        for joint in rng.choice(stem[3:9], int(rng.integers(0, 4))):
            reach = rng.uniform(0.5, 2, 2) * (rng.choice([-1, 1]), 0.4)
            yield leaf(joint, joint + radius * reach, 0.25 * radius, green)
        flower = FLOWERS[class_name](rng, colour)
        yield Mesh(radius * flower.corners @ pose.T + [*centre, 0], flower.colours)


def _grass(rng: Generator, size: Size) -> Iterator[Mesh]:
    """Yields blades of grass in the foreground, which hide part of the flowers."""
    for _ in range(int(rng.choice([0, 0, 2, 5, 9, 14]))):
        root = np.array([rng.uniform(0, size[0]), -10])
        tip = root + min(size) * np.array([rng.normal(0, 0.25), rng.uniform(0.2, 0.8)])
        green = rng.choice(GREENS) * rng.uniform(0.7, 1.3)
        yield leaf(root, tip, min(size) * rng.choice([0.01, 0.015, 0.05]), green)


def _pose(rng: Generator, sideways: bool) -> Array:
    """Returns a rotation that turns a flower away from the viewer, mostly upwards."""
    tilt = rng.uniform(0.9, 1.6) if sideways else rng.uniform(0, 1.15)
    towards = np.pi / 2 + rng.normal(0, 0.2 if sideways else 0.8)
    cos, sin = np.cos(tilt), np.sin(tilt)
    about_y = np.array([(cos, 0, sin), (0, 1, 0), (-sin, 0, cos)])
    spin = rng.uniform(0, 2 * np.pi)
    return np.asarray(_about_z(towards) @ about_y @ _about_z(spin))


def _about_z(angle: float) -> Array:
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([(cos, -sin, 0), (sin, cos, 0), (0, 0, 1)])


def _photograph(rng: Generator, picture: Image.Image) -> Image.Image:
    """Returns a picture with focus, exposure, white balance, sunlight and noise."""
    blur = float(rng.choice([0, 0.5, 1, 2, 3]))
    curve = np.linspace(0, 1, 256) ** rng.uniform(0.75, 1.4)
    table = np.outer(rng.normal(0.97, 0.06, 3), 255 * curve).clip(0, 255)
    picture = picture.filter(ImageFilter.GaussianBlur(blur))
    pixels = np.asarray(picture.point(table.round().astype(int).ravel().tolist()))
    rows = np.linspace(-1, 1, picture.height, dtype=np.float32)[:, None, None]
    columns = np.linspace(-1, 1, picture.width, dtype=np.float32)[:, None]
    down, right = rng.normal(0, 0.2, 2).astype(np.float32)
    noise = rng.standard_normal((*pixels.shape[:2], 1), np.float32)
    noise *= np.float32(rng.uniform(0, 8))
    return _image(pixels * (1 + down * rows + right * columns) + noise)


def _image(pixels: npt.NDArray[np.floating]) -> Image.Image:
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
