"""A picture of what the network will see: photographs and training views of each."""

from __future__ import annotations

import dataclasses
import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import zip_longest
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from cnnxfer.config import Config
from cnnxfer.data.augmentation.keyed_random import KeyedRandom
from cnnxfer.data.augmentation.mixing import mix
from cnnxfer.data.dataset import DIVIDER, Dataset, Example
from cnnxfer.data.images.picture import Picture
from cnnxfer.data.views.views import CentralViews, open_picture, training_views
from cnnxfer.errors import ConfigError, DataError
from cnnxfer.files import atomic_path, bears_mark
from cnnxfer.reporting import Reporter, counted, printable

MAX_IMAGES, MAX_VIEWS = 50, 20
MARK = ("Title", "cnnxfer preview")  # what a preview is known by, near its beginning
LINE, GAP, LETTERS = 20, 12, 13  # in pixels
PAPER, INK, PALE = "#ffffff", "#1c1917", "#78716c"
LEAST_SHARE = 0.005  # of a class that is worth a word


@dataclass(frozen=True)
class Preview:
    """What a preview shows, from top to bottom.

    Attributes:
        path: path of the PNG.
        level: level of the augmentation.
        image_size: side of each view in pixels.
        images: ids of the photographs.
        labels: names of their classes; several are joined by "|".
    """

    path: Path
    level: str
    image_size: int
    images: tuple[str, ...]
    labels: tuple[str, ...]


def check_counts(images: int, views: int) -> None:
    """Makes sure that a preview is no larger than a screen or two.

    Raises:
        ConfigError: if there are no images or views, or too many.
    """
    for option, count, most in (
        ("--images", images, MAX_IMAGES),
        ("--views", views, MAX_VIEWS),
    ):
        if not 1 <= count <= most:
            raise ConfigError(f"{option} is {count}; it must be from 1 to {most}.")


def check_own(path: Path) -> None:
    """Makes sure that a preview overwrites no picture of others.

    Raises:
        ConfigError: if the name is none of a PNG, or what is there is no preview.
    """
    if path.suffix.lower() != ".png":
        raise ConfigError(f"--out is {path}; its suffix should be .png.")
    if path.exists() and not bears_mark(path, "\0".join(MARK).encode()):
        raise ConfigError(
            f"--out {path} is there already, and is no preview of cnnxfer. "
            "Name another file, or remove it first."
        )


def write_preview(
    path: Path,
    dataset: Dataset,
    config: Config,
    *,
    image_size: int,
    images: int,
    views: int,
    reporter: Reporter,
) -> Preview:
    """Draws photographs of a set: the central view of each, then training views.

    Every pixel of a view is one that the network will see. Where images are mixed,
    those of one column are a batch.

    Args:
        path: the PNG that is written, whole or not at all.
        dataset: what to show; classes take turns, and the seed chooses the images.
        config: its `augment`, `central_crop` and `seed` decide the views.
        image_size: side of the views in pixels.
        images: how many, at most.
        views: how many of each; those of the first epochs.
        reporter: told of images that cannot be read.

    Raises:
        DataError: if no image can be read.
        OSError: if the file cannot be written; it names it.
    """
    shown = _choose(dataset, config.seed, images, reporter)
    examples = [example for example, _ in shown]
    labels = [DIVIDER.join(_names(dataset, example)) for example in examples]
    central = CentralViews(config.central_crop)
    columns = [[central.of(e).of(picture, image_size) for e, picture in shown]]
    captions = [labels]
    for epoch in range(views):
        drawn = training_views(config, epoch)
        pixels = [drawn.of(e).of(picture, image_size) for e, picture in shown]
        chances = KeyedRandom(f"{config.seed} {epoch} 0")
        mixed, shares = mix(
            np.stack(pixels),
            np.eye(len(shown), dtype=np.float32),
            config.augment,
            chances,
        )
        columns.append(list(mixed))
        recipes = [_recipe(row, labels) for row in shares]
        captions.append(
            [
                "" if recipe == f"{label} 100%" else recipe
                for recipe, label in zip(recipes, labels, strict=True)
            ]
        )
    heading = (
        f"{dataset.title or dataset.name}, augmentation {config.augment.level}, "
        f"seed {config.seed}: the view that validation sees, then "
        f"{counted(views, 'training view')} at {image_size} pixels"
    )
    sheet = _draw(columns, captions, heading, image_size)
    mark = PngInfo()
    mark.add_text(*MARK)
    with atomic_path(path) as temporary:
        sheet.save(temporary, "PNG", compress_level=3, pnginfo=mark)
    return Preview(
        path,
        config.augment.level,
        image_size,
        tuple(example.id for example in examples),
        tuple(labels),
    )


def _choose(
    dataset: Dataset, seed: int, count: int, reporter: Reporter
) -> list[tuple[Example, Picture]]:
    """Returns images that can be read, of all classes in turn."""
    chosen: list[tuple[Example, Picture]] = []
    reason: DataError | None = None
    for example in _in_turn(dataset.examples, seed):
        if len(chosen) == count:
            break
        try:
            content = example.read()
            found = dataclasses.replace(
                example, sha256=hashlib.sha256(content).hexdigest()
            )
            picture = open_picture(found)
            CentralViews(1).of(found).of(picture, 1)  # decodes it
        except DataError as error:
            reason = error
            reporter.warn(f"{example.id} is left out: {error}")
        else:
            chosen.append((found, picture))
    if not chosen:
        why = f": {reason}" if reason else ""
        raise DataError(f"{dataset.name} has no image that can be shown{why}.")
    return chosen


def _in_turn(examples: Sequence[Example], seed: int) -> Iterator[Example]:
    """Yields one of each class, another of each, and so on; those to train on alone."""
    classes: dict[tuple[int, ...], list[Example]] = defaultdict(list)
    for example in examples:
        if example.split in (None, "train"):
            classes[example.labels].append(example)
    for members in classes.values():
        members.sort(
            key=lambda example: KeyedRandom(f"{seed} {example.id}").of("preview")
        )
    for turn in zip_longest(*(classes[labels] for labels in sorted(classes))):
        yield from (example for example in turn if example is not None)


def _names(dataset: Dataset, example: Example) -> list[str]:
    return [dataset.class_names[label] for label in example.labels]


def _recipe(shares: np.ndarray, labels: Sequence[str]) -> str:
    """Returns what a view consists of: classes, and their shares."""
    parts: dict[str, float] = defaultdict(float)
    for share, label in zip(shares.tolist(), labels, strict=True):
        parts[label] += share
    ranked = sorted(parts.items(), key=lambda part: -part[1])
    return ", ".join(
        f"{label} {share:.0%}" for label, share in ranked if share >= LEAST_SHARE
    )


def _draw(
    columns: Sequence[Sequence[np.ndarray]],
    captions: Sequence[Sequence[str]],
    heading: str,
    size: int,
) -> Image.Image:
    across, down = size + GAP, size + LINE + GAP
    top = GAP + 2 * LINE
    width = GAP + len(columns) * across
    sheet = Image.new("RGB", (width, top + len(columns[0]) * down), PAPER)
    draw = ImageDraw.Draw(sheet)
    _write(draw, (GAP, GAP), heading, width - 2 * GAP, INK, LETTERS + 3)
    for column, (views, words) in enumerate(zip(columns, captions, strict=True)):
        for row, (pixels, caption) in enumerate(zip(views, words, strict=True)):
            left, upper = GAP + column * across, top + row * down
            sheet.paste(Image.fromarray(pixels), (left, upper))
            colour = PALE if column else INK
            _write(draw, (left, upper + size + 2), caption, size, colour, LETTERS)
    return sheet


def _write(
    draw: ImageDraw.ImageDraw,
    corner: tuple[int, int],
    text: str,
    width: int,
    colour: str,
    size: int,
) -> None:
    """Writes one line, cut where there is no more room."""
    font, text = _font(size), printable(text)
    whole = text
    while text and font.getlength(text) > width:
        text = f"{whole[: len(text) - 2]}…"
    draw.text(corner, text, colour, font)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
