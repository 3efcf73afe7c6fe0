"""Tests that hashes depend on what an image shows, not on how it is stored."""

import io

import numpy as np
import pytest
from PIL import Image

from cnnxfer.data.images.perceptual_hash import (
    SIDE,
    perceptual_hash,
    read_hashes,
    sample_pixels,
)
from cnnxfer.data.images.picture import Picture
from cnnxfer.data.sample.flowers import draw


def encode(image: Image.Image, form: str = "PNG", **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def hash_of(image: Image.Image, form: str = "PNG", **options) -> str:
    return perceptual_hash(sample_pixels(Picture(encode(image, form, **options))))


def noise(size: tuple[int, int], contrast: float) -> Image.Image:
    values = np.random.default_rng(0).normal(128, contrast, (*size[::-1], 3))
    return Image.fromarray(values.clip(0, 255).astype(np.uint8))


def test_a_hash_has_256_hexadecimal_digits():
    found = hash_of(draw("rose", 0))
    assert len(found) == SIDE * SIDE
    assert set(found) <= set("123456789abcdef")
    assert found[0] == "8"  # brightness is left out


def test_hashes_can_be_read_back():
    texts = [hash_of(draw("rose", number)) for number in range(3)]
    values = read_hashes(texts)
    assert values.shape == (3, SIDE, SIDE)
    assert values.dtype == np.int8
    for text, row in zip(texts, values, strict=True):
        assert "".join(f"{int(value) + 8:x}" for value in row.flat) == text


def test_horizontal_and_vertical_frequencies_have_their_places():
    across = np.cos(np.pi * (np.arange(320) + 0.5) / 320)  # brighter at the left
    pixels = 128 + 60 * np.tile(across, (320, 1))
    blocks = np.random.default_rng(0).normal(0, 30, (32, 32))  # enough to see
    pixels += np.kron(blocks, np.ones((10, 10)))
    image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    [values] = read_hashes([hash_of(image)])
    assert values[0, 1] == 7
    [turned] = read_hashes([hash_of(image.transpose(Image.Transpose.TRANSPOSE))])
    assert turned[1, 0] == 7
    assert np.abs(turned - values.T).max() <= 1


def test_mirroring_negates_the_odd_horizontal_frequencies():
    image = draw("tulip", 1)
    mirrored = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    one, other = read_hashes([hash_of(image), hash_of(mirrored)])
    np.testing.assert_array_equal(one[:, ::2], other[:, ::2])
    np.testing.assert_array_equal(one[:, 1::2], -other[:, 1::2])


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_the_hash_is_computed_on_the_upright_picture(orientation):
    image = draw("daisy", 2)
    turns = {
        3: Image.Transpose.ROTATE_180,
        6: Image.Transpose.ROTATE_90,
        8: Image.Transpose.ROTATE_270,
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = image.transpose(turns[orientation])
    assert hash_of(stored, exif=exif) == hash_of(image)


@pytest.mark.parametrize("side", [227, 301, 450, 1003])
def test_the_decoding_scale_of_a_jpeg_hardly_changes_the_hash(side):
    # Odd sides: the last pixel of a reduced JPEG reaches beyond the picture.
    image = draw("poppy", 3).resize((side, side + 16), Image.Resampling.BICUBIC)
    one, other = read_hashes([hash_of(image), hash_of(image, "JPEG", quality=95)])
    assert np.abs(one - other).max() <= 1
    assert np.mean(one != other) < 0.15


@pytest.mark.parametrize("contrast", [0, 2, 10])
def test_a_plain_picture_has_no_hash(contrast):
    assert hash_of(noise((300, 200), contrast)) == ""


def test_a_picture_of_few_frequencies_has_no_hash():
    sky = np.tile(np.linspace(100, 240, 200), (300, 1)).T
    assert hash_of(Image.fromarray(sky.astype(np.uint8))) == ""
    disc = np.hypot(*np.mgrid[-100:100, -100:100]) < 60
    assert hash_of(Image.fromarray(disc)) == ""


@pytest.mark.parametrize("size", [(1, 1), (3, 500), (500, 3), (33, 31)])
def test_pictures_of_unusual_sizes_can_be_hashed(size):
    pixels = sample_pixels(Picture(encode(noise(size, 60))))
    assert pixels.shape == (32, 32, 3)
    assert len(perceptual_hash(pixels)) in (0, 256)
