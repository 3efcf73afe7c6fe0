"""Tests that large JPEGs are decoded smaller, and that views hardly differ."""

import io
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnnxfer.data.images import picture as module
from cnnxfer.data.images.boxes import MIN_OVERSAMPLING, reduction, square_box, view
from cnnxfer.data.images.decode import decode, open_image, seek, to_pixels
from cnnxfer.data.images.picture import Picture
from cnnxfer.errors import DataError

# How far a view may be from that of the whole picture, decoded in full: levels of
# 255. 27 photographs came to 0.9 on average, 1.8 in the worst, and 14 in one pixel.
MEAN_BOUND = 2
PIXEL_BOUND = 24


def jpeg(pixels: np.ndarray, orientation: int = 1, **options) -> bytes:
    stream = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(stream, "JPEG", quality=90, exif=exif, **options)
    return stream.getvalue()


def detailed(width: int, height: int) -> np.ndarray:
    """Noise whose amplitude falls with frequency, as in photographs, and edges."""
    rng = np.random.default_rng(0)
    down, across = np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)
    fall = 1 / np.maximum(np.hypot(down, across), 1 / max(width, height))
    channels = []
    for _ in range(3):
        spectrum = np.fft.fft2(rng.normal(size=(height, width))) * fall
        channels.append(np.fft.ifft2(spectrum).real)
    pixels = np.stack(channels, -1)
    pixels = 128 + 45 * pixels / pixels.std()
    for _ in range(12):
        x, y = rng.integers(0, width), rng.integers(0, height)
        pixels[y : y + height // 5, x : x + width // 5] += rng.normal(0, 50, 3)
    return pixels.clip(0, 255).astype(np.uint8)


def ramp(width: int, height: int) -> np.ndarray:
    """Red grows to the right, green downwards: a view tells where it lies."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0] = np.linspace(20, 235, width)
    pixels[..., 1] = np.linspace(20, 235, height)[:, None]
    return pixels


def differences(content: bytes, fraction: float, size: int) -> np.ndarray:
    """How a central view differs from the one of the fully decoded picture."""
    whole = decode(content)
    box = square_box(whole.width, whole.height, fraction, 0.5, 0.5)
    return view(whole, box, size).astype(int) - Picture(content).view(box, size)


@pytest.mark.parametrize(
    ("side", "scale"),
    [(100, 1), (399, 1), (400, 2), (799, 2), (800, 4), (1599, 4), (1600, 8), (9999, 8)],
)
def test_reduction_keeps_twice_the_resolution_of_the_view(side, scale):
    assert MIN_OVERSAMPLING == 2
    assert reduction((0, 0, side, side), 100) == scale
    assert reduction((7, 0, 7 + side, 20_000), 100) == scale  # the narrow side counts


@pytest.mark.parametrize("scale", [2, 4, 8])
@pytest.mark.parametrize("options", [{}, {"subsampling": 0}, {"progressive": True}])
def test_a_view_of_a_reduced_jpeg_is_close_to_the_full_one(monkeypatch, scale, options):
    scales = []
    monkeypatch.setattr(
        module, "to_pixels", lambda image, s=1: scales.append(s) or to_pixels(image, s)
    )
    content = jpeg(detailed(1001, 749), **options)
    found = np.abs(
        differences(content, 0.875, int(0.875 * 749 / MIN_OVERSAMPLING / scale))
    )
    assert scales == [scale]
    assert 0 < found.mean() < MEAN_BOUND
    assert found.max() < PIXEL_BOUND


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_views_of_reduced_photographs_are_close_to_the_full_ones(shared: Path, scale):
    paths = sorted(shared.glob("data/imagenet100/*"))[::4]
    assert len(paths) >= 20
    means = []
    for path in paths:
        content = path.read_bytes()
        with Image.open(path) as image:
            size = int(0.875 * min(image.size) / MIN_OVERSAMPLING / scale)
        found = np.abs(differences(content, 0.875, size))
        assert found.max() < PIXEL_BOUND
        means.append(found.mean())
    assert max(means) < MEAN_BOUND
    assert np.mean(means) < MEAN_BOUND / 2


@pytest.mark.parametrize("size", [(300, 200), (201, 333)])
def test_pictures_hardly_larger_than_the_view_are_not_reduced(size):
    content = jpeg(detailed(*size))
    assert not differences(content, 1, 101).any()


@pytest.mark.parametrize(
    ("form", "mode"), [("JPEG", "L"), ("JPEG", "CMYK"), ("MPO", "RGB")]
)
def test_jpegs_of_every_kind_are_reduced(form, mode):
    image = Image.fromarray(detailed(401, 299)).convert(mode)
    stream = io.BytesIO()
    options = {"save_all": True, "append_images": [image]} if form == "MPO" else {}
    image.save(stream, form, **options)
    assert Image.open(stream).format == form
    found = np.abs(differences(stream.getvalue(), 1, 60))
    assert 0 < found.mean() < MEAN_BOUND
    assert found.max() < PIXEL_BOUND


@pytest.mark.parametrize("form", ["PNG", "BMP", "WEBP"])
def test_other_formats_are_always_decoded_in_full(form):
    stream = io.BytesIO()
    Image.fromarray(detailed(400, 300)).save(stream, form)
    assert not differences(stream.getvalue(), 1, 20).any()


@pytest.mark.parametrize("scale", [1, 2, 4, 8])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_views_of_rotated_pictures_are_at_the_right_position(orientation, scale):
    # Neither side is a multiple of 8: the last pixels reach beyond the picture.
    content = jpeg(ramp(1009, 745), orientation, subsampling=0)
    whole, picture = decode(content), Picture(content)
    assert (picture.width, picture.height) == whole.size
    size = int(0.4 * 745 / MIN_OVERSAMPLING / scale)
    for across, down in ((0, 0), (1, 1), (0.5, 0.5)):
        box = square_box(whole.width, whole.height, 0.4, across, down)
        seen = picture.view(box, size).astype(float)
        shift = (seen - view(whole, box, size)).mean(axis=(0, 1))
        assert np.abs(shift).max() < 0.5  # two pixels of the whole picture


def test_a_view_does_not_depend_on_earlier_views():
    content = jpeg(detailed(640, 480))
    boxes = [square_box(640, 480, fraction, 0.5, 0.5) for fraction in (1, 0.5, 0.2, 1)]
    picture = Picture(content)
    together = [picture.view(box, 60) for box in boxes]
    for seen, box in zip(together, boxes, strict=True):
        np.testing.assert_array_equal(seen, Picture(content).view(box, 60))


@pytest.mark.parametrize("size", [4, 200])
def test_a_truncated_file_is_an_error_at_any_scale(size):
    content = jpeg(detailed(320, 240))
    picture = Picture(content[: len(content) // 2])
    assert (picture.width, picture.height) == (320, 240)
    with pytest.raises(DataError, match=r"^truncated JPEG$"):
        picture.view(square_box(320, 240, 1, 0.5, 0.5), size)


def animation(form: str) -> tuple[bytes, list[np.ndarray]]:
    frames = [
        np.roll(ramp(64, 48), 16 * number, axis=1) // 16 * 16 for number in (0, 1, 2)
    ]
    first, *others = map(Image.fromarray, frames)
    stream = io.BytesIO()
    options = {"lossless": True} if form == "WEBP" else {}
    first.save(stream, form, save_all=True, append_images=others, **options)
    return stream.getvalue(), frames


@pytest.mark.parametrize("form", ["WEBP", "PNG", "TIFF"])
def test_each_frame_can_be_viewed_as_a_picture(form):
    content, frames = animation(form)
    opened = open_image(content)
    pictures = []
    for number in range(3):
        assert seek(opened, number)
        pictures.append(Picture.of_frame(opened))
    for number, (frame, picture) in enumerate(zip(frames, pictures, strict=True)):
        box = (8, 0, 56, 48)
        np.testing.assert_array_equal(picture.view(box, 48), frame[:, 8:56])
        alone = Picture(content, frame=number)
        np.testing.assert_array_equal(alone.view(box, 48), frame[:, 8:56])
        assert (alone.width, alone.height) == (64, 48)


def test_a_missing_frame_is_an_error():
    with pytest.raises(DataError, match=r"^no frame 3$"):
        Picture(animation("PNG")[0], frame=3)
    with pytest.raises(DataError, match=r"^no frame 1$"):
        Picture(jpeg(ramp(64, 48)), frame=1)


def test_the_pixel_limit_applies_to_the_picture_not_its_views():
    content = jpeg(ramp(640, 480))
    with pytest.raises(DataError, match=r"over 0.3 megapixels, the limit"):
        Picture(content, max_pixels=300_000)
    picture = Picture(content, max_pixels=307_200)
    for size in (10, 100, 300):  # each decodes it anew, at another scale
        assert picture.view((0, 0, 640, 480), size).shape == (size, size, 3)


def test_a_picture_is_decoded_by_one_thread_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    decoding, clashes = threading.Lock(), []

    def slow(image: Image.Image, scale: int = 1) -> Image.Image:
        if not decoding.acquire(blocking=False):
            clashes.append(scale)
            return to_pixels(image, scale)
        time.sleep(0.02)  # for the others to come
        try:
            return to_pixels(image, scale)
        finally:
            decoding.release()

    content = jpeg(detailed(800, 600))
    sizes = [32, 64, 128, 256]
    alone = [view_at(Picture(content), size) for size in sizes]
    monkeypatch.setattr(module, "to_pixels", slow)
    with ThreadPoolExecutor(4) as threads:
        seen = list(threads.map(partial(view_at, Picture(content)), sizes))
    assert not clashes
    for mine, expected in zip(seen, alone, strict=True):
        np.testing.assert_array_equal(mine, expected)


def view_at(picture: Picture, size: int) -> np.ndarray:
    return picture.view((0, 0, picture.width, picture.height), size)
