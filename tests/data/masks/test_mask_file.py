"""Tests that masks have the same values in every form in which they are stored."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnnxfer.data.masks.mask_file import MaskFile, mask_values
from cnnxfer.errors import DataError

VALUES = np.array([[0, 1, 2, 2], [5, 0, 1, 2], [5, 5, 0, 0]], np.uint8)
COLOURS = ((0, 0, 0), (128, 64, 128), (0, 130, 180))


def encoded(image: Image.Image, form: str = "PNG") -> bytes:
    stream = io.BytesIO()
    image.save(stream, form)
    return stream.getvalue()


def palette(values: np.ndarray) -> Image.Image:
    image = Image.fromarray(values, "L").convert("P")
    image.putdata(values.ravel().tolist())
    image.putpalette([*range(18)])
    return image


def rgb(values: np.ndarray, colours=(*COLOURS, (9, 9, 9))) -> Image.Image:
    return Image.fromarray(np.array(colours, np.uint8)[values])


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF"])
def test_indices_of_a_palette_and_greys_are_the_values(form: str) -> None:
    for image in (Image.fromarray(VALUES), palette(VALUES)):
        assert (mask_values(encoded(image, form)) == VALUES).all()


def test_greys_of_other_modes_are_the_values() -> None:
    grey = Image.fromarray(VALUES)
    sixteen = Image.fromarray(VALUES.astype(np.uint16))
    for image in (grey.convert("RGB"), grey.convert("LA"), sixteen):
        assert (mask_values(encoded(image)) == VALUES).all()
    black_or_white = Image.fromarray(VALUES > 1)
    found = mask_values(encoded(black_or_white))
    assert (found == np.where(VALUES > 1, 255, 0)).all()


def test_colours_are_numbered_and_others_ignored() -> None:
    values = VALUES.clip(0, 3)
    expected = np.where(values == 3, 255, values)
    for image in (rgb(values), rgb(values).convert("RGBA"), rgb(values).quantize()):
        assert (mask_values(encoded(image), COLOURS) == expected).all()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (encoded(rgb(VALUES.clip(0, 2))), "colours that nothing explains"),
        (encoded(rgb(VALUES.clip(0, 2)), "JPEG"), "JPEG changes the pixels of masks"),
        (encoded(Image.fromarray(VALUES.astype(np.uint16) * 100)), "the value 500"),
        (encoded(Image.effect_noise((99, 99), 50))[:-5000], "truncated PNG"),
        (b"", "empty file"),
    ],
)
def test_a_mask_that_tells_no_values_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        mask_values(content)


def test_a_mask_is_turned_with_its_picture(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encoded(Image.fromarray(VALUES)))
    stored = MaskFile("a.png", path)
    assert (stored.read(4, 3) == VALUES).all()
    turned = MaskFile("a.png", path, orientation=6)  # a quarter clockwise
    assert (turned.read(3, 4) == np.rot90(VALUES, -1)).all()
    with pytest.raises(DataError, match="mask of 4 x 3 pixels, not 3 x 4"):
        stored.read(3, 4)
