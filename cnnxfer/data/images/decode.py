"""The one decoder: encoded bytes to upright RGB pixels, for every command."""

from __future__ import annotations

import io
import threading
import warnings
from functools import cache

import numpy as np
import PIL
from PIL import ExifTags, Image

from cnnxfer.data.dataset import MAX_PIXELS
from cnnxfer.errors import DataError

# What an earlier decoder found out about images is not used. The number goes up when
# they are judged or decoded in another way.
DECODER = f"2, Pillow {PIL.__version__}"
# No other parser meets a stranger's file; HEIF joins them when one comes.
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "AVIF")
SUPPORTED = "JPEG, PNG, GIF, BMP, WebP, TIFF, AVIF, HEIC"
SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp", ".webp"),
    *(".tif", ".tiff", ".avif", ".heic", ".heif"),
)
# With frames to look at. A second picture in a JPEG (MPO) or a HEIC is a map of depths
# or the like.
ANIMATED = ("GIF", "WEBP", "PNG", "AVIF", "TIFF")

# Pillow warns above this limit of its own and refuses to open above twice of it. It is
# one for all threads, so it only grows, to the largest that any of them asks for.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS // 2
_growing = threading.Lock()
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

# How the photographs of iPhones are marked, and what HEIC and AVIF have in common.
HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx")
COMMON_BRANDS = (b"mif1", b"msf1")
# What isn't an image that Pillow knows, but is often found in the place of one.
OTHER_FILES = {
    b"<!doctype html": "not an image: HTML",
    b"<html": "not an image: HTML",
    b"%pdf-": "not an image: PDF",
    b"<svg": f"SVG cannot be decoded; supported: {SUPPORTED}",
    b"\xff\x0a": f"JPEG XL cannot be decoded; supported: {SUPPORTED}",
    b"\0\0\0\x0cjxl ": f"JPEG XL cannot be decoded; supported: {SUPPORTED}",
}


def open_image(content: bytes, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Reads an image's header; no pixel is decoded yet.

    Args:
        content: a whole encoded image, of one of `FORMATS`; or HEIC, where pillow-heif
            is installed.
        max_pixels: the most that it may claim to have.

    Raises:
        DataError: if it is empty, no image, of another format, or too large; the
            message is the reason alone.
    """
    if not content:
        raise DataError("empty file")
    formats: tuple[str, ...] = FORMATS
    if _is_heic(content):
        if not _has_heif():
            raise DataError("HEIC cannot be decoded; install cnnxfer[heif]")
        formats = ("HEIF",)
    _let_through(max_pixels)
    try:
        image = Image.open(io.BytesIO(content), formats=formats)
    except Image.DecompressionBombError as error:
        raise _too_large(max_pixels) from error
    except Exception as error:  # Pillow's parsers raise whatever they trip over
        raise DataError(_unreadable(content, error)) from error
    _check_size(image, max_pixels)
    return image


def is_animated(image: Image.Image) -> bool:
    """Tells whether an opened image has several frames, or pages, to look at."""
    try:
        return image.format in ANIMATED and bool(getattr(image, "is_animated", False))
    except Exception:  # what follows the first frame is broken; it may still be sound
        return False


def seek(image: Image.Image, frame: int, max_pixels: int = MAX_PIXELS) -> bool:
    """Turns an opened image to a frame, for `to_rgb`; fast only to the next one.

    Args:
        image: as `open_image` returns it.
        frame: from 0.
        max_pixels: the most that it may have.

    Returns:
        Whether there is such a frame.

    Raises:
        DataError: if it cannot be reached, or is too large; the message is the reason.
    """
    try:
        if image.format == "GIF" and frame and image.tell() == 0:
            _let_clear(image)
        image.seek(frame)
    except EOFError:
        return False
    except Image.DecompressionBombError as error:
        raise _too_large(max_pixels) from error
    except Exception as error:  # see open_image
        raise DataError(_corrupt(image.format, error)) from error
    _check_size(image, max_pixels)
    return True


def to_rgb(image: Image.Image, scale: int = 1) -> Image.Image:
    """Decodes an opened image as a person sees it.

    Turned upright by its EXIF orientation, the first frame of an animation or the one
    that was sought, transparency over white, 16 bits and floats scaled to 8 bits.

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
    except MemoryError as error:
        raise DataError(f"too little memory for a {_name(image.format)}") from error
    except Exception as error:  # see open_image
        raise DataError(_corrupt(image.format, error)) from error
    turn = TURNS.get(orientation(image))
    return rgb if turn is None else rgb.transpose(turn)


def upright_size(size: tuple[int, int], turned: int) -> tuple[int, int]:
    """Returns width and height of an image, stored in `size`, once it is upright."""
    return size[::-1] if turned in SIDEWAYS else size


def decode(content: bytes, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Returns the upright RGB image that `content` encodes; see `to_rgb`."""
    return to_rgb(open_image(content, max_pixels))


def orientation(image: Image.Image) -> int:
    """Returns the EXIF orientation, 1 to 8; anything else, too, means upright."""
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # a broken EXIF block must not cost the picture
        return 1


def _flatten(image: Image.Image) -> Image.Image:
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        # Pillow's own conversion clips every value above 255.
        image = Image.fromarray(_eight_bits(image))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    image.load()  # of what is RGB already, `open` has read the header alone
    return image if image.mode == "RGB" else image.convert("RGB")


def _eight_bits(image: Image.Image) -> np.ndarray:
    """Scales integers of 16 bits, and values whose range nothing tells, to 8 bits.

    White is 65,535; in floats 1, or 255 if there are greater ones. Where values lie
    outside, as in measurements, the least becomes black and the greatest white.
    """
    values = np.asarray(image, dtype=np.float32)
    known = values[np.isfinite(values)]
    low, high = (known.min(), known.max()) if known.size else (0, 0)
    whites = (1, 255, 65535) if image.mode == "F" else (65535,)
    white = next((white for white in whites if low >= 0 and high <= white), None)
    if white is None:
        low, white = low, high - low
    else:
        low = 0
    levels = np.nan_to_num((values - low) * (255 / white), posinf=255, neginf=0)
    levels = np.rint(levels.clip(0, 255)).astype(np.uint8)
    if _is_negative(image):
        levels = 255 - levels
    clear = image.info.get("transparency")  # of a PNG: one value that isn't seen
    return levels if clear is None else np.where(values == clear, np.uint8(255), levels)


def _let_clear(image: Image.Image) -> None:
    """Has Pillow keep transparency in a GIF whose first frame has none.

    A later frame may be disposed of, and leave a hole. Without transparency, Pillow
    fills it with whatever colour stands for clear in the palette.
    """
    image.load()
    used = {index for _, index in image.getcolors() or ()}
    unused = next((index for index in range(256) if index not in used), None)
    if image.mode == "P" and "transparency" not in image.info and unused is not None:
        image.info["transparency"] = unused


def _is_negative(image: Image.Image) -> bool:
    """Tells whether 0 is white in a TIFF; Pillow itself minds it in 8 bits alone."""
    tags = getattr(image, "tag_v2", {})
    return tags.get(ExifTags.Base.PhotometricInterpretation) == 0


def _let_through(max_pixels: int) -> None:
    """Lets Pillow open what a caller allows; the caller refuses what it does not."""
    with _growing:
        limit = Image.MAX_IMAGE_PIXELS
        if limit is not None:
            Image.MAX_IMAGE_PIXELS = max(limit, -(-max_pixels // 2))


def _check_size(image: Image.Image, max_pixels: int) -> None:
    if image.width * image.height > max_pixels:
        raise _too_large(max_pixels)


def _too_large(max_pixels: int) -> DataError:
    limit = f"{max_pixels / 10**6:,.6f}".rstrip("0").rstrip(".")
    return DataError(f"over {limit} megapixels, the limit")


def _is_heic(content: bytes) -> bool:
    if content[4:8] != b"ftyp":
        return False
    end = min(int.from_bytes(content[:4]), 256)
    brands = [content[start : start + 4] for start in range(8, end, 4)]
    if b"avif" in brands or b"avis" in brands:
        return False
    return brands[:1] != [] and brands[0] in HEIC_BRANDS + COMMON_BRANDS


@cache
def _has_heif() -> bool:
    try:
        import pillow_heif
    except ImportError:
        return False
    pillow_heif.register_heif_opener()
    return True


def _unreadable(content: bytes, error: Exception) -> str:
    start = content[:64].lstrip().lower()
    for signature, reason in OTHER_FILES.items():
        if start.startswith(signature):
            return reason
    start = content[:16].ljust(16, b"\0")  # as much as Pillow shows its parsers
    Image.init()
    for found, (_, accept) in Image.OPEN.items():
        # Some look at the first bytes and return why they cannot read on.
        if accept is not None and accept(start) is True:
            if found in (*FORMATS, "HEIF"):
                return _corrupt(found, error)
            return f"{found} cannot be decoded; supported: {SUPPORTED}"
    return "not an image"


def _corrupt(found: str | None, error: Exception) -> str:
    message = " ".join(str(error).split())
    if "truncated" in message.lower():
        return f"truncated {_name(found)}"
    if "Decompressed data too large" in message:
        return f"decompression bomb: {_name(found)}"
    if not message or isinstance(error, PIL.UnidentifiedImageError):
        return f"corrupt or unusual {_name(found)}"
    return f"corrupt {_name(found)}: {message}"


def _name(found: str | None) -> str:
    return {"WEBP": "WebP", "HEIF": "HEIC"}.get(found or "", found or "image")
