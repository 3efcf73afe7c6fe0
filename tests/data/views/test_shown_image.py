"""Tests that previews show boxes where training sees them."""

from pathlib import Path

import pytest
from PIL import Image

from cnnxfer.data.dataset import Example
from cnnxfer.data.objects import LabelledBox, Objects
from cnnxfer.data.views.shown_image import ShownImage
from cnnxfer.errors import DataError


def shown(path: Path, width: int, height: int) -> ShownImage:
    """Returns a picture of 40 x 20 pixels that EXIF turns, with a box for this size."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 20)).save(path, exif=exif)
    box = LabelledBox(0, (0.0, 0.0, 10.0, 5.0))
    return ShownImage.of(Example("a.jpg", Objects((box,), width, height), None, path))


def test_boxes_are_repaired_as_for_training(tmp_path: Path) -> None:
    image = shown(tmp_path / "a.jpg", 40, 20)
    (found,) = image.example.annotation.objects
    assert found.box == (15, 0, 20, 10)


def test_boxes_that_do_not_fit_are_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="boxes for 30 x 30 pixels, not 20 x 40"):
        shown(tmp_path / "a.jpg", 30, 30)
