"""Images with what was found drawn into them."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from predicted import predicted, with_mask, with_objects
from recording_reporter import RecordingReporter

from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.data.images.drawing import colour_of
from cnnxfer.data.images.source import ImageSource
from cnnxfer.prediction.model_source import imagenet_model
from cnnxfer.prediction.outputs.drawn import file_name, save_drawn
from cnnxfer.prediction.outputs.sheet import draw_sheet

GREY = Image.new("RGB", (1200, 800), (128, 128, 128))
BOX = (100, 200, 1150, 790, 0.9, 1)


def source(path: str, image: Image.Image = GREY, **options: object) -> ImageSource:
    content = io.BytesIO()
    kind = "PNG" if path.endswith(".png") else "JPEG"
    image.save(content, kind, **options)
    return ImageSource(path, content.getvalue)


def test_images_are_drawn_in_their_own_size_and_kind(tmp_path: Path) -> None:
    reporter = RecordingReporter()
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    given = [
        with_objects("x/a.png", 1200, 800, BOX, source=source("a.png")),
        with_objects("y/a.png", 1200, 800, source=source("a.png")),
        with_objects("b.JPG", 800, 1200, BOX, source=source("b.JPG", exif=exif)),
        with_objects("bad.jpg", error="empty file"),
    ]
    assert list(save_drawn(tmp_path, [], reporter)(given)) == given
    sizes = {}
    for path in sorted(tmp_path.iterdir()):
        with Image.open(path) as image:
            sizes[path.name] = (image.format, image.size)
    assert sizes == {
        "a-2.png": ("PNG", (1200, 800)),
        "a.png": ("PNG", (1200, 800)),
        "b.JPG": ("JPEG", (800, 1200)),
    }
    pixels = np.asarray(Image.open(tmp_path / "a.png"))
    assert tuple(pixels[500, 102]) == colour_of(1)
    assert (pixels[500, 200:1100] == 128).all()
    np.testing.assert_array_equal(Image.open(tmp_path / "a-2.png"), GREY)
    assert reporter.infos == [f"3 images drawn in {tmp_path}"]


@pytest.mark.parametrize(
    ("path", "frame", "name"),
    [
        ("x/lake.v2.jpeg", None, "lake.v2.jpeg"),
        ("lake.gif", 3, "lake-3.png"),
        ("https://example.org/a%20b", None, "a b.png"),
    ],
)
def test_copies_are_called_as_their_images(
    path: str, frame: int | None, name: str
) -> None:
    assert file_name(with_objects(path, frame=frame)) == name


def test_masks_are_drawn_and_pages_show_them(tmp_path: Path) -> None:
    mask = np.zeros((20, 30), np.uint8)
    mask[:, 15:] = 1
    grey = Image.new("RGB", (30, 20), (128, 128, 128))
    found = with_mask("a.png", mask, source=source("a.png", grey))
    list(save_drawn(tmp_path / "drawn", [], RecordingReporter())([found]))
    pixels = np.asarray(Image.open(tmp_path / "drawn" / "a.png")).astype(int)
    for column, label in ((0, 0), (29, 1)):
        mean = np.add(colour_of(label), 128) / 2
        np.testing.assert_allclose(pixels[10, column], mean, atol=2)
    model = imagenet_model(BACKBONES.get("efficientnet-lite0"))
    list(draw_sheet(tmp_path / "drawn.html", [], model)([found]))
    plain = predicted("a.png", 30, 20, source=found.source)
    list(draw_sheet(tmp_path / "plain.html", [], model)([plain]))
    images = [
        (tmp_path / name).read_text().partition("base64,")[2].partition('"')[0]
        for name in ("drawn.html", "plain.html")
    ]
    assert images[0] != images[1]
    assert "rose" in (tmp_path / "drawn.html").read_text()
