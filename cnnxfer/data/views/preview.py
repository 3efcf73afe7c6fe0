"""Draws previews: a PNG of photographs and of training views of each."""

from __future__ import annotations

from base64 import b64encode
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from PIL.PngImagePlugin import PngInfo

from cnnxfer.config import Config
from cnnxfer.data.annotation import LABEL_SEPARATOR
from cnnxfer.data.augmentation.keyed_random import KeyedRandom
from cnnxfer.data.augmentation.mixing import mix
from cnnxfer.data.dataset import Dataset, Example
from cnnxfer.data.geometry import Seen
from cnnxfer.data.images.drawing import colour_of, font_of
from cnnxfer.data.images.names import is_other_file
from cnnxfer.data.images.passed_over import OTHER, PassedOver
from cnnxfer.data.views.shown_image import ShownImage
from cnnxfer.data.views.views import central_views, training_views
from cnnxfer.errors import ConfigError, DataError
from cnnxfer.files import atomic_path, is_empty_or_has_marker
from cnnxfer.notebook import table
from cnnxfer.reporting import Reporter, counted, printable
from cnnxfer.spelling import option

MAX_IMAGES, MAX_VIEWS = 50, 20
MARK = ("Title", "cnnxfer preview")  # metadata by which a preview is recognized
LINE_HEIGHT, GAP, FONT_SIZE = 20, 12, 13  # in pixels
SMALLEST_TILE = 96  # pixels; smaller views are enlarged, to be seen
PAPER, INK, PALE = "#ffffff", "#1c1917", "#78716c"
MIN_SHARE = 0.005  # smaller shares of a class are not named in captions


@dataclass(frozen=True)
class Preview:
    """A preview that was written, and what it shows.

    Attributes:
        path: the PNG file.
        level: the name of the augmentation level.
        image_size: the side of each view, in pixels.
        images: the ids of the images, from top to bottom.
        labels: the names of their classes; several are joined by "|".
    """

    path: Path
    level: str
    image_size: int
    images: tuple[str, ...]
    labels: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Preview({str(self.path)!r}: {counted(len(self.images), 'image')})"

    def _repr_html_(self) -> str:
        picture = b64encode(self.path.read_bytes()).decode("ascii")
        title = f"augmentation {self.level}, {self.image_size} pixels"
        return table(title, [], picture=f"data:image/png;base64,{picture}")


def check_counts(images: int, views: int) -> None:
    """Checks that a preview will not be larger than a screen or two.

    Args:
        images: how many images it will show: 1 to 50.
        views: how many training views of each it will show: 1 to 20.

    Raises:
        ConfigError: if one of the two is out of its range.
    """
    for name, count, maximum in (
        ("--images", images, MAX_IMAGES),
        ("--views", views, MAX_VIEWS),
    ):
        if not 1 <= count <= maximum:
            raise ConfigError(
                f"{option(name)} is {count}; it must be from 1 to {maximum}."
            )


def check_preview_path(path: Path) -> None:
    """Checks that a preview may be written: it overwrites only another preview.

    Args:
        path: the file to write.

    Raises:
        ConfigError: if the suffix is not .png, or the file exists and is not a
            preview.
    """
    if path.suffix.lower() != ".png":
        raise ConfigError(f"{option('--out')} is {path}; its suffix should be .png.")
    if path.exists() and not is_empty_or_has_marker(path, "\0".join(MARK).encode()):
        raise ConfigError(
            f"{option('--out', path)} already exists and is not a preview of cnnxfer. "
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
    """Draws images of a data set: the central view of each, then training views.

    The views have exactly the pixels that the network will see; of small ones, each
    pixel is drawn as a square. What is known of places is drawn over them: the boxes of
    objects, or the classes of pixels as colours. Where augmentation mixes the images of
    a batch, the images of a column are mixed.

    Args:
        path: the PNG file; it is written completely or not at all.
        dataset: the images to choose from; classes take turns, and the seed decides
            which images of a class are shown.
        config: its `augment`, `fit`, `central_crop` and `seed` decide the views.
        image_size: the side of the views, in pixels.
        images: the most images to show.
        views: how many training views of each image are shown, from the first epoch
            on.
        reporter: warns of images that cannot be read, and counts other files.

    Returns:
        What the preview shows.

    Raises:
        DataError: if no image can be read.
        OSError: if the file cannot be written; the error names it.
    """
    shown = _choose(dataset, config.seed, images, reporter)
    labels = [LABEL_SEPARATOR.join(_names(dataset, each.example)) for each in shown]
    columns = [[each.seen(central_views(config), image_size) for each in shown]]
    captions = [
        [
            "" if each.has_places else label
            for each, label in zip(shown, labels, strict=True)
        ]
    ]
    for epoch in range(views):
        random_views = training_views(config, epoch)
        seen = [each.seen(random_views, image_size) for each in shown]
        random = KeyedRandom(f"{config.seed} {epoch} 0")
        mixed, shares = mix(
            np.stack([each.pixels for each in seen]),
            np.eye(len(shown), dtype=np.float32),
            config.augment,
            random,
        )
        columns.append(
            [
                Seen(pixels, each.geometry)
                for pixels, each in zip(mixed, seen, strict=True)
            ]
        )
        mixtures = [_mixture(row, labels) for row in shares]
        captions.append(
            [
                "" if mixture == f"{label} 100%" else mixture
                for mixture, label in zip(mixtures, labels, strict=True)
            ]
        )
    heading = (
        f"{dataset.title or dataset.name}, augmentation {config.augment.level}, "
        f"seed {config.seed}: the view that validation sees, then "
        f"{counted(views, 'training view')} at {image_size} pixels"
    )
    size = image_size * -(-SMALLEST_TILE // image_size)
    tiles = [
        [
            each.tile(view, size, dataset.class_names)
            for each, view in zip(shown, column, strict=True)
        ]
        for column in columns
    ]
    legends = [each.example.labels if each.has_places else None for each in shown]
    sheet = _draw(tiles, captions, heading, size)
    _write_legends(sheet, legends, dataset.class_names, size)
    mark = PngInfo()
    mark.add_text(*MARK)
    with atomic_path(path) as temporary:
        sheet.save(temporary, "PNG", compress_level=3, pnginfo=mark)
    return Preview(
        path,
        config.augment.level,
        image_size,
        tuple(each.example.id for each in shown),
        tuple(labels),
    )


def _choose(
    dataset: Dataset, seed: int, count: int, reporter: Reporter
) -> list[ShownImage]:
    """Returns readable images, of all classes in turn."""
    chosen: list[ShownImage] = []
    reason: DataError | None = None
    passed_over = PassedOver()
    for example in _in_turn(dataset.examples, seed):
        if len(chosen) == count:
            break
        try:
            found = ShownImage.of(example)
        except DataError as error:
            reason = error
            if is_other_file(example.id, str(error)):
                passed_over.add(OTHER, example.id)
            else:
                reporter.warn(f"{example.id} is left out: {error}")
        else:
            chosen.append(found)
    if line := passed_over.line():
        reporter.info(line)
    if not chosen:
        why = f": {reason}" if reason else ""
        raise DataError(f"{dataset.name} has no image that can be shown{why}.")
    return chosen


def _in_turn(examples: Sequence[Example], seed: int) -> Iterator[Example]:
    """Yields the images to train on: one of each class, another of each, and so on."""
    classes: dict[tuple[int, ...], list[Example]] = defaultdict(list)
    for example in examples:
        if example.split in (None, "train"):
            classes[example.labels].append(example)
    for members in classes.values():
        members.sort(
            key=lambda example: KeyedRandom(f"{seed} {example.id}").uniform("preview")
        )
    for turn in zip_longest(*(classes[labels] for labels in sorted(classes))):
        yield from (example for example in turn if example is not None)


def _names(dataset: Dataset, example: Example) -> list[str]:
    return [dataset.class_names[label] for label in example.labels]


def _mixture(shares: np.ndarray, labels: Sequence[str]) -> str:
    """Returns the classes that a view was mixed of, with their shares in percent."""
    totals: dict[str, float] = defaultdict(float)
    for share, label in zip(shares.tolist(), labels, strict=True):
        totals[label] += share
    ranked = sorted(totals.items(), key=lambda item: -item[1])
    return ", ".join(
        f"{label} {share:.0%}" for label, share in ranked if share >= MIN_SHARE
    )


def _draw(
    columns: Sequence[Sequence[Image.Image]],
    captions: Sequence[Sequence[str]],
    heading: str,
    size: int,
) -> Image.Image:
    across, down = size + GAP, size + LINE_HEIGHT + GAP
    top = GAP + 2 * LINE_HEIGHT
    width = GAP + len(columns) * across
    sheet = Image.new("RGB", (width, top + len(columns[0]) * down), PAPER)
    draw = ImageDraw.Draw(sheet)
    _write(draw, (GAP, GAP), heading, width - 2 * GAP, INK, FONT_SIZE + 3)
    for column, (tiles, words) in enumerate(zip(columns, captions, strict=True)):
        for row, (tile, caption) in enumerate(zip(tiles, words, strict=True)):
            left, upper = GAP + column * across, top + row * down
            sheet.paste(tile, (left, upper))
            colour = PALE if column else INK
            _write(draw, (left, upper + size + 2), caption, size, colour, FONT_SIZE)
    return sheet


def _write_legends(
    sheet: Image.Image,
    legends: Sequence[Sequence[int] | None],
    class_names: Sequence[str],
    size: int,
) -> None:
    """Writes below rows the names of these classes, each behind its colour."""
    draw, font = ImageDraw.Draw(sheet), font_of(FONT_SIZE)
    for row, labels in enumerate(legends):
        left = GAP
        upper = GAP + 2 * LINE_HEIGHT + row * (size + LINE_HEIGHT + GAP) + size + 2
        if labels == ():
            _write(draw, (left, upper), "no objects", size, PALE, FONT_SIZE)
        for label in labels or ():
            chip = (left, upper + 2, left + FONT_SIZE - 2, upper + FONT_SIZE)
            draw.rectangle(chip, colour_of(label))
            name, beginning = class_names[label], left + FONT_SIZE + 3
            _write(
                draw, (beginning, upper), name, sheet.width - beginning, INK, FONT_SIZE
            )
            left = beginning + round(font.getlength(printable(name))) + GAP


def _write(
    draw: ImageDraw.ImageDraw,
    corner: tuple[int, int],
    text: str,
    width: int,
    colour: str,
    size: int,
) -> None:
    """Writes one line of text, shortened to the width."""
    font, text = font_of(size), printable(text)
    whole = text
    while text and font.getlength(text) > width:
        text = f"{whole[: len(text) - 2]}…"
    draw.text(corner, text, colour, font)
