"""Tests that every format is decoded upright, in RGB, and broken files are named."""

import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

from cnnxfer.data.images import decode as decode_module
from cnnxfer.data.images.decode import (
    decode,
    is_animated,
    open_image,
    other_file,
    seek,
    to_rgb,
)
from cnnxfer.errors import DataError

pytestmark = pytest.mark.filterwarnings("ignore:::PIL")  # as in production

ORIENTATION = 0x0112


def encode(image: Image.Image, form: str, **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def picture(width: int = 24, height: int = 16, seed: int = 0) -> Image.Image:
    """Blocks of 8 pixels, each of its own colour: nothing in it is symmetric."""
    blocks = np.random.default_rng(seed).integers(0, 256, (height // 8, width // 8, 3))
    pixels = np.kron(blocks, np.ones((8, 8, 1))).astype(np.uint8)
    return Image.fromarray(pixels)


def png(width: int, height: int, bits: int, colour_type: int, rows: bytes) -> bytes:
    """A PNG written by hand, for what Pillow does not write."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + checksum

    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + data + chunk(b"IEND", b"")


def exif(orientation: int) -> Image.Exif:
    block = Image.Exif()
    block[ORIENTATION] = orientation
    return block


@pytest.mark.parametrize(
    ("form", "options"),
    [("PNG", {}), ("BMP", {}), ("GIF", {}), ("WEBP", {"lossless": True})],
)
def test_lossless_formats_keep_every_pixel(form, options):
    image = picture()
    decoded = decode(encode(image, form, **options))
    assert decoded.mode == "RGB"
    np.testing.assert_array_equal(decoded, image)


def test_jpeg_is_near_the_original():
    image = picture()
    decoded = decode(encode(image, "JPEG", quality=95, subsampling=0))
    assert np.abs(np.subtract(decoded, image, dtype=int)).max() < 12


def test_photographs_equal_tensorflows_accurate_decoder(shared: Path):
    tf = pytest.importorskip("tensorflow")
    paths = sorted(shared.glob("data/imagenet100/*"))[::20]
    assert len(paths) >= 3
    for path in paths:
        content = path.read_bytes()
        expected = tf.io.decode_jpeg(content, 3, dct_method="INTEGER_ACCURATE")
        np.testing.assert_array_equal(decode(content), expected)


def stored(upright: np.ndarray, orientation: int) -> np.ndarray:
    """The pixels in the file, by EXIF's table: where its first row and column lie."""
    return {
        1: upright,
        2: upright[:, ::-1],  # top, right
        3: upright[::-1, ::-1],  # bottom, right
        4: upright[::-1],  # bottom, left
        5: upright.transpose(1, 0, 2),  # left, top
        6: np.rot90(upright, 1),  # right, top
        7: upright[::-1, ::-1].transpose(1, 0, 2),  # right, bottom
        8: np.rot90(upright, -1),  # left, bottom
    }[orientation]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("form", "options", "tolerance"),
    [
        ("PNG", {}, 0),
        ("WEBP", {"lossless": True}, 0),
        ("JPEG", {"quality": 95, "subsampling": 0}, 12),
    ],
)
def test_pictures_are_turned_upright(form, options, tolerance, orientation):
    upright = np.asarray(picture())
    image = Image.fromarray(np.ascontiguousarray(stored(upright, orientation)))
    decoded = decode(encode(image, form, exif=exif(orientation), **options))
    assert decoded.size == (24, 16)
    difference = np.abs(np.subtract(decoded, upright, dtype=int))
    assert difference.max() <= tolerance


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_invalid_orientation_is_ignored(orientation):
    image = picture()
    decoded = decode(encode(image, "PNG", exif=exif(orientation)))
    np.testing.assert_array_equal(decoded, image)


BROKEN_EXIF = [
    b"garbage",
    b"Exif\0\0garbage",
    b"Exif\0\0II*\0\xff\xff\xff\xff",
    b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x05\0\0\0\x01\xff\xff\xff\xf0",
]


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("block", BROKEN_EXIF)
def test_an_image_with_a_broken_exif_block_is_decoded(form, block):
    plain, broken = encode(picture(), form), encode(picture(), form, exif=block)
    assert plain != broken
    np.testing.assert_array_equal(decode(broken), decode(plain))


def test_orientation_is_read_beside_a_broken_exif_entry():
    entries = struct.pack("<HHII", ORIENTATION, 3, 1, 3)
    entries += struct.pack("<HHII", 0x010F, 2, 100, 0xFFFFFFF0)  # a maker, nowhere
    block = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 2) + entries + bytes(4)
    decoded = decode(encode(picture(), "PNG", exif=block))
    np.testing.assert_array_equal(decoded, np.asarray(picture())[::-1, ::-1])


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG"])
def test_an_animation_gives_its_first_frame(form):
    frames = [picture(seed=seed) for seed in range(3)]
    options = {"lossless": True} if form == "WEBP" else {}
    content = encode(
        frames[0], form, save_all=True, append_images=frames[1:], **options
    )
    assert Image.open(io.BytesIO(content)).n_frames == 3
    np.testing.assert_array_equal(decode(content), frames[0])


def test_cmyk_becomes_rgb():
    cyan = Image.new("CMYK", (16, 16), (255, 0, 0, 0))
    decoded = np.asarray(decode(encode(cyan, "JPEG", quality=100)), int)
    assert np.abs(decoded - (0, 255, 255)).max() <= 3


def test_sixteen_bits_are_scaled_to_eight():
    values = np.arange(256, dtype=np.uint16).reshape(16, 16) * 257
    decoded = np.asarray(decode(encode(Image.fromarray(values), "PNG")))
    np.testing.assert_array_equal(decoded, (values // 257)[..., None].repeat(3, -1))


def test_sixteen_bit_colours_are_scaled_to_eight():
    values = np.array([[0, 0x80FF, 0xFFFF], [0x1234, 0x4000, 0x00FF]], ">u2")
    content = png(1, 2, 16, 2, b"".join(b"\0" + row.tobytes() for row in values))
    decoded = np.asarray(decode(content), int).reshape(2, 3)
    assert np.abs(decoded - values / 257).max() <= 1


def test_sixteen_bits_are_turned_upright():
    values = np.arange(6, dtype=np.uint16).reshape(2, 3) * 257
    content = encode(Image.fromarray(values[::-1].copy()), "PNG", exif=exif(4))
    np.testing.assert_array_equal(np.asarray(decode(content))[..., 0], values // 257)


def test_transparent_pixels_are_composited_over_white():
    half = Image.new("LA", (2, 1), (0, 128))
    half.putpixel((1, 0), (77, 0))
    decoded = np.asarray(decode(encode(half, "PNG")), int)
    assert decoded[0].tolist() == [[127] * 3, [255] * 3]


@pytest.mark.parametrize("form", ["PNG", "GIF"])
def test_a_transparent_palette_entry_is_white(form):
    image = Image.new("P", (2, 1))
    image.putpalette([200, 10, 20, 30, 40, 250])
    image.putdata([0, 1])
    decoded = np.asarray(decode(encode(image, form, transparency=0)))
    assert decoded[0].tolist() == [[255, 255, 255], [30, 40, 250]]


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA"])
@pytest.mark.parametrize("form", ["PNG", "GIF", "WEBP"])
def test_every_mode_becomes_rgb(form, mode):
    assert decode(encode(picture().convert(mode), form)).mode == "RGB"


JPEG = encode(picture(240, 160), "JPEG")
TOO_LARGE = "megapixels, the limit"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty file"),
        (b"rose\n" * 100, "not an image"),
        (JPEG[: len(JPEG) // 2], "truncated JPEG"),
        (encode(picture(), "PNG")[:-40], "truncated PNG"),
        (encode(picture(), "BMP")[:-40], "truncated BMP"),
        (
            encode(picture(), "ICO"),
            "ICO cannot be decoded; supported: JPEG, PNG, GIF, BMP, WebP, TIFF, AVIF, "
            "HEIC, PNM, JPEG 2000, TGA",
        ),
        (png(30_000, 30_000, 8, 2, bytes(99)), f"over 200 {TOO_LARGE}"),
        (png(20_000, 10_001, 8, 2, bytes(99)), f"over 200 {TOO_LARGE}"),
        # At the limit it is opened, and found to be broken.
        (png(20_000, 10_000, 1, 0, bytes(99)), "truncated PNG"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_broken_file_is_named(content, reason):
    with pytest.raises(DataError) as caught:
        decode(content)
    assert str(caught.value) == reason


def test_heic_needs_an_extra(monkeypatch):
    decode_module._has_heif.cache_clear()
    monkeypatch.setitem(sys.modules, "pillow_heif", None)  # as if it were not there
    for brands in (b"heic\0\0\0\0mif1heic", b"mif1\0\0\0\0mif1heic"):
        with pytest.raises(DataError) as caught:
            decode(b"\0\0\0\x18ftyp" + brands + bytes(64))
        assert str(caught.value) == "HEIC cannot be decoded; install cnnxfer[heif]"
    decode_module._has_heif.cache_clear()


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF"])
def test_a_call_can_set_its_own_pixel_limit(form):
    content = encode(picture(24, 16), form)
    assert decode(content, max_pixels=24 * 16).size == (24, 16)
    with pytest.raises(DataError) as caught:
        decode(content, max_pixels=24 * 16 - 1)
    assert str(caught.value) == f"over 0.000383 {TOO_LARGE}"


def test_the_pixel_limit_does_not_depend_on_other_threads(monkeypatch):
    content = png(20_000, 20_000, 8, 2, b"")
    pillows = Image.open

    def open_later(*args, **kwargs):
        for limit in (1_000, 900_000_000):  # of other threads, just now
            decode_module._raise_limit(limit)
        return pillows(*args, **kwargs)

    for limit, outcome in (
        (400_000_000, None),
        (399_999_999, f"over 399.999999 {TOO_LARGE}"),
        (1_000, f"over 0.001 {TOO_LARGE}"),
        (500_000_000, None),
    ):
        with monkeypatch.context() as patch:
            # Pillow's own limit, as after a fresh start.
            patch.setattr(Image, "MAX_IMAGE_PIXELS", 100_000_000)
            patch.setattr(Image, "open", open_later)
            if outcome is None:
                assert open_image(content, limit).size == (20_000, 20_000)
            else:
                with pytest.raises(DataError) as caught:
                    open_image(content, limit)
                assert str(caught.value) == outcome
            decode_module._raise_limit(1_000)
            assert 2 * Image.MAX_IMAGE_PIXELS >= 900_000_000


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
def test_frames_can_be_read_in_order(form):
    if form == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    frames = [picture(seed=seed) for seed in range(3)]
    options = {"lossless": True} if form == "WEBP" else {}
    options |= {"quality": 100, "subsampling": "4:4:4"} if form == "AVIF" else {}
    content = encode(
        frames[0], form, save_all=True, append_images=frames[1:], **options
    )
    image = open_image(content)
    assert is_animated(image)
    assert not is_animated(open_image(encode(frames[0], form, **options)))
    for number, frame in enumerate(frames):
        assert seek(image, number)
        difference = np.subtract(to_rgb(image), frame, dtype=int)
        assert np.abs(difference).max() <= (8 if form == "AVIF" else 0)
    assert not seek(image, 3)


def test_the_second_picture_of_an_mpo_is_not_a_frame():
    content = encode(picture(), "MPO", save_all=True, append_images=[picture(seed=1)])
    assert Image.open(io.BytesIO(content)).n_frames == 2
    assert not is_animated(open_image(content))


def test_a_page_over_the_limit_is_refused():
    pages = [picture(), picture(48, 32)]
    content = encode(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    image = open_image(content, 24 * 16)
    with pytest.raises(DataError, match=r"^over 0.000384 megapixels"):
        seek(image, 1, 24 * 16)


def test_damaged_files_give_an_image_or_a_data_error():
    rng = np.random.default_rng(0)
    for form in ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF"):
        sound = encode(picture(64, 48), form)
        failures = 0
        for _ in range(60):
            content = bytearray(sound)
            for position in rng.integers(0, len(content), rng.integers(1, 20)):
                content[position] = rng.integers(0, 256)
            try:
                assert decode(bytes(content[: rng.integers(1, 2 * len(sound))])).size
            except DataError:
                failures += 1
        assert failures > 0


def test_decoding_the_first_image_prints_nothing(tmp_path: Path):
    # Pillow loads its formats late, and warns of broken EXIF on stderr.
    for form in ("WEBP", "BMP", "GIF", "PNG", "JPEG"):
        options = {} if form in ("BMP", "GIF") else {"exif": BROKEN_EXIF[-2]}
        (tmp_path / form).write_bytes(encode(picture(), form, **options))
        code = (
            "import sys, pathlib; from cnnxfer.data.images.decode import decode; "
            "print(decode(pathlib.Path(sys.argv[1]).read_bytes()).size)"
        )
        done = subprocess.run(
            [sys.executable, "-W", "default", "-c", code, tmp_path / form],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert (done.stdout, done.stderr) == ("(24, 16)\n", "")


@pytest.mark.parametrize("form", ["PPM", "JPEG2000", "TGA", "TIFF"])
def test_the_first_bytes_of_an_image_may_be_those_of_one(form):
    assert other_file(encode(picture(), form)[:256]) is None
    assert other_file(encode(picture(), "ICO")[:256]).startswith("ICO cannot")
