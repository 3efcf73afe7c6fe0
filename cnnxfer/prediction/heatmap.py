"""`--heatmap`: where in each picture its class is, as colours over it."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path, PurePath

import numpy as np
from PIL import Image

from cnnxfer.data.decode import MAX_PIXELS
from cnnxfer.data.picture import Picture
from cnnxfer.errors import ConfigError, DataError
from cnnxfer.files import atomic_path
from cnnxfer.prediction.copies import safe_name
from cnnxfer.prediction.prediction import Prediction
from cnnxfer.prediction.stages import Flow, Stage
from cnnxfer.reporting import Reporter

LARGEST = 1024  # longer side of a heat map, in pixels
COVER = 0.5  # how much of the picture the colours hide
# sRGB, from no heat to the greatest: from purple to yellow in steps of equal lightness
# (0.22 to 0.92 in OKLab, https://bottosson.github.io/posts/oklab), so that nothing
# looks like an edge that is none, to anybody's eyes.
COLOURS = (
    (29, 9, 70),
    (94, 24, 101),
    (168, 42, 99),
    (220, 96, 73),
    (246, 162, 65),
    (247, 231, 134),
)


def save_heatmaps(folder: Path, reporter: Reporter) -> Stage:
    """Returns a stage that draws the heat of each picture that has one.

    Files are called as the picture and its best class: `lake-grey_whale.png`. None is
    overwritten; what is there already is not written again.

    Args:
        folder: made if need be.
        reporter: told at the end how many there are.

    Raises:
        ConfigError: if the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"--heatmap {folder} cannot be made ({error.strerror}). "
            "Name a folder that can be written."
        ) from error

    def stage(predictions: Iterable[Prediction]) -> Flow:
        drawn = 0
        for prediction in predictions:
            picture = shown_picture(prediction)
            if picture is not None and prediction.heat is not None:
                save_heatmap(picture, prediction.heat, folder / file_name(prediction))
                drawn += 1
            yield prediction
        reporter.info(f"{drawn:,} heat maps in {folder}")

    return stage


def shown_picture(prediction: Prediction) -> Image.Image | None:
    """Returns the whole picture, mode RGB, at most `LARGEST` pixels long and high.

    None if there is none, or none any more.
    """
    if prediction.error is not None or prediction.source is None:
        return None
    try:
        picture = Picture(
            prediction.source.read(),
            frame=prediction.frame or 0,
            max_pixels=max(MAX_PIXELS, prediction.width * prediction.height),
        )
        scale = min(1.0, LARGEST / max(picture.width, picture.height))
        width, height = picture.width, picture.height
        size = (max(1, round(scale * width)), max(1, round(scale * height)))
        return Image.fromarray(picture.view((0, 0, width, height), size))
    except DataError:  # it is another file than a moment ago
        return None


def file_name(prediction: Prediction) -> str:
    """Returns what a heat map is called: the picture's own name, frame and class."""
    frame = "" if prediction.frame is None else f"-{prediction.frame}"
    label = prediction.label.replace(" ", "_")
    return safe_name(f"{PurePath(prediction.path).stem}{frame}-{label}") + ".png"


def save_heatmap(picture: Image.Image, heat: np.ndarray, path: Path) -> Path:
    """Writes a picture under transparent heat, as PNG.

    The greatest heat has the brightest colour, however small it is: the map says where
    the class is, not how probable.

    Args:
        picture: mode RGB.
        heat: float32 `(rows, columns)`, at least 0, over the whole picture.
        path: where it goes, unless another file is there.

    Returns:
        Where it is: at `path`, or beside it under the first number that is free. A
        file that is equal to it stays.

    Raises:
        OSError: if it cannot be written; it names the file.
    """
    stream = io.BytesIO()
    heated(picture, heat).save(stream, "PNG")
    for choice in _choices(path):
        if not os.path.lexists(choice):
            with atomic_path(choice) as temporary:
                temporary.write_bytes(stream.getvalue())
            return choice
        if choice.is_file() and choice.read_bytes() == stream.getvalue():
            return choice
    raise AssertionError("there is always another number")


def heated(picture: Image.Image, heat: np.ndarray) -> Image.Image:
    """Returns a picture under transparent heat; see `save_heatmap`."""
    share = heat / max(float(heat.max()), 1e-12)
    smooth = Image.fromarray(share.astype(np.float32)).resize(
        picture.size, Image.Resampling.BICUBIC
    )
    warmth = np.asarray(smooth).clip(0, 1)[..., None]
    places = np.linspace(0, 1, len(COLOURS))
    colour = np.concatenate(
        [np.interp(warmth, places, channel) for channel in zip(*COLOURS, strict=True)],
        axis=-1,
    )
    pixels = np.asarray(picture)
    mixed = pixels + COVER * (colour - pixels)
    return Image.fromarray(np.rint(mixed).astype(np.uint8))


def _choices(path: Path) -> Iterator[Path]:
    yield path
    for number in count(2):
        yield path.with_name(f"{path.stem}-{number}{path.suffix}")
