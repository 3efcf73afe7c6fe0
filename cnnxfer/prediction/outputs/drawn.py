"""The output of `--drawn`: copies of the images with boxes or coloured masks."""

import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from PIL import Image

from cnnxfer.limits import MAX_PIXELS
from cnnxfer.pages.thumbnails import ThumbnailReader
from cnnxfer.prediction.outputs.folder import (
    FileAdder,
    bare_name,
    check_folder,
    created_folder,
    safe_name,
)
from cnnxfer.prediction.outputs.stages import Flow, Stage
from cnnxfer.prediction.outputs.thumbnail import read_thumbnail
from cnnxfer.prediction.prediction import Prediction
from cnnxfer.reporting import Reporter, counted
from cnnxfer.spelling import option

JPEGS = (".jpg", ".jpeg")  # images that are drawn as JPEG; others are drawn as PNG
QUALITY = 90  # of JPEGs


def save_drawn(folder: Path, inputs: Sequence[str], reporter: Reporter) -> Stage:
    """Returns a stage that draws what was found into a copy of each image.

    Copies are upright, of the image's own size and called as the image. No file is
    overwritten, and a file that is already there is not written again.

    Raises:
        ConfigError: if the folder lies in a file, or where images are looked for; with
            the first prediction, if it cannot be created.
    """
    check_folder(option("--drawn"), folder, inputs)

    def stage(predictions: Iterable[Prediction]) -> Flow:
        reader, files = ThumbnailReader(MAX_PIXELS, MAX_PIXELS), FileAdder()  # any size
        drawn = 0
        with created_folder(option("--drawn"), folder):
            for prediction in predictions:
                image = read_thumbnail(reader, prediction)
                if image is not None:
                    name = file_name(prediction)
                    content = _encoded(prediction.drawn(image), Path(name).suffix)
                    files.add(folder / name, content)
                    drawn += 1
                yield prediction
        reporter.info(f"{counted(drawn, 'image')} drawn in {folder}")

    return stage


def file_name(prediction: Prediction) -> str:
    """Returns the file name of a copy: the image's name, its frame and its suffix."""
    name = Path(bare_name(prediction.path))
    suffix = name.suffix if name.suffix.lower() in JPEGS else ".png"
    frame = "" if prediction.frame is None else f"-{prediction.frame}"
    return safe_name(f"{name.stem}{frame}{suffix}")


def _encoded(image: Image.Image, suffix: str) -> bytes:
    stream = io.BytesIO()
    if suffix == ".png":
        image.save(stream, "PNG")
    else:
        image.save(stream, "JPEG", quality=QUALITY)
    return stream.getvalue()
