"""`--heatmap`: where in each picture its class is, as colours over it."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from cnnxfer.prediction.outputs.folder import (
    FileAdder,
    bare_name,
    created_folder,
    refuse_folder_of_inputs,
    safe_name,
)
from cnnxfer.prediction.outputs.stages import Flow, Stage
from cnnxfer.prediction.outputs.thumbnails import PictureReader
from cnnxfer.prediction.prediction import Prediction
from cnnxfer.reporting import Reporter, counted

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


def save_heatmaps(folder: Path, inputs: Sequence[str], reporter: Reporter) -> Stage:
    """Returns a stage that draws the heat of each picture that has one.

    Files are called as the picture and its best class: `lake-grey_whale.png`. None is
    overwritten; what is there already is not written again.

    Args:
        folder: made, if need be, when the flow begins; a ConfigError then says why not.
        inputs: what the images are found in.
        reporter: told at the end how many there are.

    Raises:
        ConfigError: if it lies where images are looked for.
    """
    refuse_folder_of_inputs("--heatmap", folder, inputs)

    def stage(predictions: Iterable[Prediction]) -> Flow:
        reader, files = PictureReader(LARGEST, LARGEST), FileAdder()
        drawn = 0
        with created_folder("--heatmap", folder):
            for prediction in predictions:
                picture = reader.read(prediction)
                if picture is not None and prediction.heat is not None:
                    content = encoded_heatmap(picture, prediction.heat)
                    files.add(folder / file_name(prediction), content)
                    drawn += 1
                yield prediction
        reporter.info(f"{counted(drawn, 'heat map')} in {folder}")

    return stage


def file_name(prediction: Prediction) -> str:
    """Returns what a heat map is called: the picture's own name, frame and class."""
    frame = "" if prediction.frame is None else f"-{prediction.frame}"
    label = prediction.label.replace(" ", "_")
    return safe_name(f"{Path(bare_name(prediction.path)).stem}{frame}-{label}") + ".png"


def encoded_heatmap(picture: Image.Image, heat: np.ndarray) -> bytes:
    """Returns a picture under transparent heat, as PNG; see `heated`."""
    stream = io.BytesIO()
    heated(picture, heat).save(stream, "PNG")
    return stream.getvalue()


def heated(picture: Image.Image, heat: np.ndarray) -> Image.Image:
    """Returns a picture under transparent heat.

    The greatest heat has the brightest colour, however small it is: the map says where
    the class is, not how probable.

    Args:
        picture: mode RGB.
        heat: float32 `(rows, columns)`, at least 0, over the whole picture.
    """
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
