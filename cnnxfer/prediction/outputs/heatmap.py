"""The output of `--heatmap`: each image beside colours that show where its class is."""

import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from cnnxfer.data.images.drawing import BLACK, WHITE
from cnnxfer.pages.thumbnails import ThumbnailReader
from cnnxfer.prediction.heat import Heat
from cnnxfer.prediction.outputs.folder import (
    FileAdder,
    bare_name,
    check_folder,
    created_folder,
    safe_name,
)
from cnnxfer.prediction.outputs.panels import in_rows
from cnnxfer.prediction.outputs.stages import Flow, Stage
from cnnxfer.prediction.outputs.thumbnail import read_thumbnail
from cnnxfer.prediction.prediction import Prediction
from cnnxfer.reporting import Reporter, counted
from cnnxfer.spelling import option

SIDE = 640  # longest side of an image, and of the one beside it, in pixels
OPACITY = 0.5  # of the colours over the image
# sRGB colours, from no heat to the greatest: purple to yellow in equal steps of
# lightness (0.22 to 0.92 in OKLab, https://bottosson.github.io/posts/oklab), so that no
# step looks like an edge, also to colour-blind people.
COLOURS = (
    (29, 9, 70),
    (94, 24, 101),
    (168, 42, 99),
    (220, 96, 73),
    (246, 162, 65),
    (247, 231, 134),
)


def save_heatmaps(folder: Path, inputs: Sequence[str], reporter: Reporter) -> Stage:
    """Returns a stage that draws a heat map for each prediction with heat.

    It is the image beside the same with colours, below which the class and its
    probability are written. Files are named after the image and its best class:
    `lake-grey_whale.png`. No file is overwritten, and a file that is already there is
    not written again.

    Raises:
        ConfigError: if the folder lies in a file, or where images are looked for; with
            the first prediction, if it cannot be created.
    """
    check_folder(option("--heatmap"), folder, inputs)

    def stage(predictions: Iterable[Prediction]) -> Flow:
        reader, files = ThumbnailReader(SIDE, SIDE), FileAdder()
        drawn = 0
        with created_folder(option("--heatmap"), folder):
            for prediction in predictions:
                image = read_thumbnail(reader, prediction)
                if image is not None and prediction.heat is not None:
                    content = _picture(image, prediction, prediction.heat)
                    files.add(folder / file_name(prediction), content)
                    drawn += 1
                yield prediction
        reporter.info(f"{counted(drawn, 'heat map')} in {folder}")

    return stage


def file_name(prediction: Prediction) -> str:
    """Returns the file name of a heat map: the image's name, its frame and class."""
    frame = "" if prediction.frame is None else f"-{prediction.frame}"
    label = prediction.label.replace(" ", "_")
    return safe_name(f"{Path(bare_name(prediction.path)).stem}{frame}-{label}") + ".png"


def heat_over(image: Image.Image, heat: Heat, size: tuple[int, int]) -> Image.Image:
    """Returns an image with its heat over it.

    A frame shows what the model sees, where that is not all of the image.

    Args:
        image: the whole upright image, of mode RGB and of any size.
        heat: where in it a class is seen.
        size: the width and height of the image in pixels, as the heat counts.
    """
    drawn = draw_heatmap(image, heat.in_picture(size, max(image.size)))
    left, top, right, bottom = np.rint(np.array(heat.region) * image.width / size[0])
    if left > 0 or top > 0 or right < image.width or bottom < image.height:
        draw = ImageDraw.Draw(drawn)
        # A dark line beside the light one shows it on any ground.
        draw.rectangle((left, top, right - 1, bottom - 1), outline=WHITE)
        draw.rectangle((left - 1, top - 1, right, bottom), outline=BLACK)
    return drawn


def caption_of(prediction: Prediction) -> str:
    """Returns whose heat is shown, such as "rose 97.3%" or "unsure: rose 41.0%"."""
    assert prediction.heat is not None
    unsure = f"{prediction.label}: " if prediction.unsure else ""
    return unsure + prediction.heat.caption


def _picture(image: Image.Image, prediction: Prediction, heat: Heat) -> bytes:
    name = (bare_name(prediction.path) or prediction.path) + prediction.frame_mark
    seen = heat_over(image, heat, (prediction.width, prediction.height))
    stream = io.BytesIO()
    in_rows([[(image, name), (seen, caption_of(prediction))]]).save(stream, "PNG")
    return stream.getvalue()


def draw_heatmap(image: Image.Image, heat: np.ndarray) -> Image.Image:
    """Returns a copy of an image with its heat as transparent colours over it.

    The greatest heat always has the brightest colour, however small it is: the map
    shows where the class is, not how probable it is.

    Args:
        image: an image of mode RGB.
        heat: float32 `(rows, columns)`, at least 0, at the cells of the whole image.
    """
    share = heat / max(float(heat.max()), 1e-12)
    smooth = Image.fromarray(share.astype(np.float32)).resize(
        image.size, Image.Resampling.BICUBIC
    )
    level = np.asarray(smooth).clip(0, 1)[..., None]
    stops = np.linspace(0, 1, len(COLOURS))
    colour = np.concatenate(
        [np.interp(level, stops, channel) for channel in zip(*COLOURS, strict=True)],
        axis=-1,
    )
    pixels = np.asarray(image)
    mixed = pixels + OPACITY * (colour - pixels)
    return Image.fromarray(np.rint(mixed).astype(np.uint8))
