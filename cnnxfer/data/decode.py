"""The one decoder: encoded bytes to upright RGB pixels, for every command."""

from __future__ import annotations

import io
import warnings

import numpy as np
import PIL
from PIL import ExifTags, Image

from cnnxfer.errors import DataError

# What an earlier decoder found out about images is not used. The number goes up when
# they are judged or decoded in another way.
DECODER = f"1, Pillow {PIL.__version__}"
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP")
SUFFIXES = (".jpg", ".jpeg", ".jpe", ".png", ".gif", ".bmp", ".webp")
MAX_PIXELS = 200_000_000  # the largest sensors of telephones have as many

# Pillow warns above this limit of its own and refuses to open above twice of it.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS // 2
# Nobody can act on its warnings: of large pictures, of broken EXIF blocks.
warnings.filterwarnings("ignore", module=r"PIL\.")

# EXIF orientation -> what turns the picture upright; 1 is upright.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SIDEWAYS = (5, 6, 7, 8)  # turning exchanges width and height
FROM_THE_RIGHT = (2, 3, 6, 7)  # turning moves what was first to the right edge,
FROM_BELOW = (3, 4, 7, 8)  # and to the lower one

# How the photographs of iPhones begin, after four bytes. Pillow doesn't know them.
HEIC_BRANDS = (b"ftypheic", b"ftypheix", b"ftyphevc", b"ftypmif1")


def open_image(content: bytes) -> Image.Image:
    """Reads an image's header; no pixel is decoded yet.

    Args:
        content: a whole encoded image: JPEG, PNG, GIF, BMP or WebP.

    Raises:
        DataError: if it is empty, no image, of another format, or over 200
            megapixels; the message is the reason alone.
    """
    if not content:
        raise DataError("empty file")
    try:
        return Image.open(io.BytesIO(content), formats=FORMATS)
    except Image.DecompressionBombError as error:
        limit = MAX_PIXELS // 10**6
        raise DataError(f"over {limit} megapixels, the limit") from error
    except Exception as error:  # Pillow's parsers raise whatever they trip over
        raise DataError(_unreadable(content)) from error


def to_rgb(image: Image.Image, scale: int = 1) -> Image.Image:
    """Decodes an opened image as a person sees it.

    Turned upright by its EXIF orientation, the first frame of an animation,
    transparency over white, 16 bits scaled to 8.

    Args:
        image: as `open_image` returns it.
        scale: 2, 4 or 8 decodes a JPEG that many times smaller, and faster; its last
            row and column may reach beyond the picture. Other formats ignore it.

    Returns:
        An image of mode RGB, uint8 values in [0, 255].

    Raises:
        DataError: if the file is truncated or corrupt; the message is the reason.
    """
    if scale > 1:
        width, height = image.size
        image.draft(None, (max(1, width // scale), max(1, height // scale)))
    try:
        rgb = _flatten(image)
    except Exception as error:  # see open_image
        raise DataError(_corrupt(image, error)) from error
    turn = TURNS.get(orientation(image))
    return rgb if turn is None else rgb.transpose(turn)


def upright_size(size: tuple[int, int], turned: int) -> tuple[int, int]:
    """Returns width and height of an image, stored in `size`, once it is upright."""
    return size[::-1] if turned in SIDEWAYS else size


def decode(content: bytes) -> Image.Image:
    """Returns the upright RGB image that `content` encodes; see `to_rgb`."""
    return to_rgb(open_image(content))


def _flatten(image: Image.Image) -> Image.Image:
    if image.mode == "I" or image.mode.startswith("I;16"):
        # Pillow's own conversion clips every value above 255.
        values = np.asarray(image, dtype=np.float32) / 257
        image = Image.fromarray(np.rint(values.clip(0, 255)).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    image.load()  # of what is RGB already, `open` has read the header alone
    return image if image.mode == "RGB" else image.convert("RGB")


def orientation(image: Image.Image) -> int:
    """Returns the EXIF orientation, 1 to 8; anything else, too, means upright."""
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # a broken EXIF block must not cost the picture
        return 1


def _unreadable(content: bytes) -> str:
    try:
        found = Image.open(io.BytesIO(content)).format
    except Exception:
        if content[4:12] not in HEIC_BRANDS:
            return "not an image"
        found = "HEIC"
    return f"{found} cannot be decoded; supported: JPEG, PNG, GIF, BMP, WebP"


def _corrupt(image: Image.Image, error: Exception) -> str:
    if "truncated" in str(error).lower():
        return f"truncated {image.format}"
    return f"corrupt {image.format}: {' '.join(str(error).split())}"
