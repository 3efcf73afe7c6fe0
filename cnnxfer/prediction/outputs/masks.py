"""The output of `--masks`: a picture for each image whose values are the classes."""

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from cnnxfer.data.images.decode import open_image
from cnnxfer.data.images.drawing import palette
from cnnxfer.errors import DataError, RunError
from cnnxfer.limits import MAX_PIXELS
from cnnxfer.prediction.outputs.folder import check_folder, created_folder, write_once
from cnnxfer.prediction.outputs.names import ImageNames
from cnnxfer.prediction.outputs.stages import Flow, Stage
from cnnxfer.prediction.prediction import Prediction
from cnnxfer.reporting import Reporter, counted, printable
from cnnxfer.spelling import option
from cnnxfer.tasks.masks.answer import MaskAnswer

CLASSES = "classes.txt"  # the names of the classes, one a line, in label order


def save_masks(
    folder: Path,
    inputs: Sequence[str],
    reporter: Reporter,
    passed: Callable[[], Iterable[str]] = tuple,
    max_pixels: int = MAX_PIXELS,
) -> Stage:
    """Returns a stage that writes each mask as a PNG, and tells results its name.

    A mask is called as its image, in the folders in which that lies in the inputs. Its
    values are the classes, in the order of `classes.txt`, and its palette has a colour
    for each. No other file is overwritten.

    Args:
        folder: where they are written.
        inputs: the inputs that the images are found in, as they were typed.
        reporter: told how many there are.
        passed: returns the names of images before the next one which other machines
            answer, and whose masks have names, too.
        max_pixels: the most that an image, and so a mask from before, may have.

    Raises:
        ConfigError: if the folder lies in a file, or where images are looked for; with
            the first prediction, if it cannot be created.
    """
    check_folder(option("--masks"), folder, inputs)

    def stage(predictions: Iterable[Prediction]) -> Flow:
        names = ImageNames(inputs)
        written = 0
        with created_folder(option("--masks"), folder):
            for prediction in predictions:
                answer = prediction.answer
                for name in () if prediction.frame else passed():
                    names.of(replace(prediction, path=name))
                # An image that cannot be read has a name, too: it may be read later,
                # and other machines do not know that it cannot.
                path = folder / f"{names.of(prediction)}.png"
                if prediction.error is None:
                    assert isinstance(answer, MaskAnswer)  # see `check_kind`
                    if not written:
                        write_once(folder / CLASSES, _class_list(answer.class_names))
                    prediction = replace(
                        prediction, answer=_kept(answer, path, max_pixels)
                    )
                    written += 1
                yield prediction
        reporter.info(f"{counted(written, 'mask')} in {folder}")

    return stage


def read_masks(
    predictions: Iterable[Prediction], max_pixels: int, advice: str
) -> Iterator[Prediction]:
    """Yields predictions with the masks that `save_masks` has written; others as is.

    Args:
        predictions: what shards have answered.
        max_pixels: the most that a mask may have.
        advice: what to do if one cannot be read.

    Raises:
        RunError: if one cannot be read.
    """
    for prediction in predictions:
        answer = prediction.answer
        if isinstance(answer, MaskAnswer) and answer.file:
            mask = _read_mask(Path(answer.file), max_pixels, advice)
            prediction = replace(prediction, answer=replace(answer, mask=mask))
        yield prediction


def encode_mask(mask: np.ndarray) -> bytes:
    """Returns a mask, uint8 `(height, width)`, as PNG with a palette (mode P)."""
    picture = Image.fromarray(mask)
    picture.putpalette(palette())
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()


def _kept(answer: MaskAnswer, path: Path, max_pixels: int) -> MaskAnswer:
    """Returns an answer whose mask is in a file, and in memory."""
    if answer.mask is None:  # the answer is from before
        again = f"Start again without {option('--resume', True)}, with another folder."
        return replace(answer, mask=_read_mask(path, max_pixels, again))
    write_once(path, encode_mask(answer.mask))
    return replace(answer, file=path.as_posix())


def _read_mask(path: Path, max_pixels: int, advice: str) -> np.ndarray:
    try:
        return np.asarray(open_image(path.read_bytes(), max_pixels))
    except (OSError, DataError) as error:
        raise RunError(
            f"{path} was written before, and cannot be read now. {advice}"
        ) from error


def _class_list(class_names: Iterable[str]) -> bytes:
    return "".join(f"{printable(name)}\n" for name in class_names).encode()
