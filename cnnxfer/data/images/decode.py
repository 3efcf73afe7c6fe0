"""Decodes images to upright RGB pixels, in one way for all commands."""

import io
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import numpy as np
import PIL
from PIL import ExifTags, Image

from cnnxfer.data.images.flatten import flatten
from cnnxfer.data.images.memory import counted, needed_bytes
from cnnxfer.data.images.pnm import use_fast_decoder
from cnnxfer.data.images.resize import resizer
from cnnxfer.errors import DataError, PassingError
from cnnxfer.limits import MAX_PIXELS

# Cached results of another decoder are not used. The number is raised when images are
# decoded or resized, or problems found, in another way.
DECODER = f"4, Pillow {PIL.__version__}, {resizer()}"
# Untrusted files reach no other parsers, except that of HEIF for a HEIC file. TGA comes
# last, since it has no signature: what is none of the others is tried.
FORMATS = (
    *("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "AVIF", "PPM", "JPEG2000", "TGA"),
)
SUPPORTED = "JPEG, PNG, GIF, BMP, WebP, TIFF, AVIF, HEIC, PNM, JPEG 2000, TGA"
SUFFIXES_OF = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png",),
    "GIF": (".gif",),
    "BMP": (".bmp",),
    "WEBP": (".webp",),
    "TIFF": (".tif", ".tiff"),
    "AVIF": (".avif",),
    "HEIF": (".heic", ".heif"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm", ".pfm"),
    "JPEG2000": (".jp2", ".j2k", ".jpf", ".jpx"),
    "TGA": (".tga",),
}
SUFFIXES = tuple(suffix for suffixes in SUFFIXES_OF.values() for suffix in suffixes)
# Formats with several frames to look at. A second image in a JPEG (MPO) or a HEIC is a
# depth map or the like.
ANIMATED = ("GIF", "WEBP", "PNG", "AVIF", "TIFF")

# Pillow warns above this limit and refuses to open images of twice as many pixels. All
# threads share it, so it is only raised, to the largest that any of them allows.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS // 2
_limit_lock = threading.Lock()
# Its warnings, of large images and broken EXIF blocks, are of no use to users.
warnings.filterwarnings("ignore", module=r"PIL\.")

# Files of data and films, for which Pillow has stubs.
NO_IMAGES = ("BUFR", "GRIB", "HDF5", "MPEG")
use_fast_decoder()

# What turns an image upright, by its EXIF orientation; 1 is upright.
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
# Turning an image of these orientations upright moves the stored rows' or columns'
# beginning to the right edge, or to the lower edge.
START_AT_RIGHT = (2, 3, 6, 7)
START_AT_BOTTOM = (3, 4, 7, 8)

LITTLE = "too little memory"
NO_HEIF = "HEIC cannot be decoded; install cnnxfer[heif]"

# Brands of HEIC files, such as photographs of iPhones, and brands shared with AVIF.
HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx")
COMMON_BRANDS = (b"mif1", b"msf1")
# The reason for files that are often found in place of an image, by how they begin.
OTHER_FILES = {
    b"<!doctype html": "not an image: HTML",
    b"<html": "not an image: HTML",
    b"%pdf-": "not an image: PDF",
    b"<svg": f"SVG cannot be decoded; supported: {SUPPORTED}",
    b"\xff\x0a": f"JPEG XL cannot be decoded; supported: {SUPPORTED}",
    b"\0\0\0\x0cjxl ": f"JPEG XL cannot be decoded; supported: {SUPPORTED}",
}


def suffixes_of(image_format: str) -> tuple[str, ...]:
    """Returns the suffixes of files of a format, as Pillow names it; the first usual.

    Pillow calls a JPEG file that holds a second image an MPO.
    """
    return SUFFIXES_OF["JPEG" if image_format == "MPO" else image_format]


def open_image(content: bytes, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Opens an image by its header; no pixel is decoded yet.

    The content is a whole encoded image, of one of `FORMATS`; or HEIC, where
    pillow-heif is installed. Its header may declare at most `max_pixels`.

    Raises:
        DataError: if the content is empty, not an image, of another format, or too
            large; the message is only the reason.
        PassingError: if memory or a library is missing; the message is only the reason.
    """
    if not content:
        raise DataError("empty file")
    formats: tuple[str, ...] = FORMATS
    if _is_heic(content):
        if not _has_heif():
            raise PassingError(NO_HEIF)
        formats = ("HEIF",)
    _raise_limit(max_pixels)
    try:
        image = Image.open(io.BytesIO(content), formats=formats)
    except Image.DecompressionBombError as error:
        raise _too_large(max_pixels) from error
    except MemoryError as error:
        raise _too_little_memory() from error
    except Exception as error:  # Pillow's parsers raise errors of many types
        _require_library(content)
        raise DataError(_unreadable(content, error)) from error
    _check_size(image, max_pixels)
    return image


def is_animated(image: Image.Image) -> bool:
    """Tells whether an opened image has several frames or pages to look at.

    Raises:
        PassingError: if there is too little memory to tell.
    """
    try:
        return image.format in ANIMATED and bool(getattr(image, "is_animated", False))
    except MemoryError as error:
        raise _too_little_memory(image.format) from error
    except Exception:  # a later frame is broken; the first one may still be readable
        return False


def seek(image: Image.Image, frame: int, max_pixels: int = MAX_PIXELS) -> bool:
    """Moves an opened image to a frame, for `to_rgb`; fast only to the next frame.

    Returns:
        Whether the image has such a frame, counted from 0.

    Raises:
        DataError: if the frame is corrupt or has more than `max_pixels`; the message is
            only the reason.
        PassingError: if there is too little memory.
    """
    try:
        if image.format == "GIF" and frame and image.tell() == 0:
            _keep_transparency(image)
        image.seek(frame)
    except EOFError:
        return False
    except Image.DecompressionBombError as error:
        raise _too_large(max_pixels) from error
    except MemoryError as error:
        raise _too_little_memory(image.format) from error
    except Exception as error:  # see open_image
        raise DataError(_corrupt(image.format, error)) from error
    _check_size(image, max_pixels)
    return True


def to_rgb(image: Image.Image, scale: int = 1) -> Image.Image:
    """Returns the pixels of an opened image, as a person sees it: RGB, uint8.

    See `to_pixels`.
    """
    pixels = to_pixels(image, scale)
    return pixels if pixels.mode == "RGB" else pixels.convert("RGB")


def to_pixels(image: Image.Image, scale: int = 1) -> Image.Image:
    """Returns the pixels of an opened image, as a person sees it: uint8.

    The image is turned upright by its EXIF orientation, transparency is laid over
    white, and 16 bits, 32 bits and floats are scaled to 8 bits. Of an animation, it is
    the frame that `seek` moved to, or else the first one. Where large images are
    decoded, at once or in other processes, this waits until memory suffices for all.

    Args:
        image: an image that `open_image` returned.
        scale: 2, 4 or 8 decodes a JPEG that many times smaller, and faster; its last
            row and column may reach beyond the image. Other formats ignore it.

    Returns:
        An image of mode RGB; or of mode L, which takes a quarter of the memory, if all
        of it is grey.

    Raises:
        DataError: if the file is truncated or corrupt; the message is only the
            reason.
        PassingError: if there is too little memory.
    """
    size = image.size
    if scale > 1:
        image.draft(None, (max(1, size[0] // scale), max(1, size[1] // scale)))
    with _decoding(image, size):
        flat = flatten(image)
        # A PNG may tell it only after the pixels.
        turn = TURNS.get(orientation(image))
        return flat if turn is None else flat.transpose(turn)


def load_as_stored(image: Image.Image) -> None:
    """Decodes an opened image, whose pixels stay what they are in the file.

    It is for masks, whose pixels are numbers: palettes stay, and nothing is turned.

    Raises:
        DataError, PassingError: see `to_pixels`.
    """
    with _decoding(image, image.size):
        image.load()


@contextmanager
def _decoding(image: Image.Image, full_size: tuple[int, int]) -> Iterator[None]:
    """Waits for the memory that decoding takes, and explains its failures."""
    needed = needed_bytes(image, full_size)
    try:
        with counted(needed):
            yield
    except PassingError:
        raise
    except MemoryError as error:
        raise _too_little_memory(image.format) from error
    except Exception as error:  # see open_image
        if not _has_memory(needed):  # which some libraries tell by another error
            raise _too_little_memory(image.format) from error
        raise DataError(_corrupt(image.format, error)) from error


def has_many_bits(image: Image.Image) -> bool:
    """Tells whether an opened image has more than 8 bits a channel, in its file."""
    if image.mode in ("I", "I;16"):
        return True
    tiles = getattr(image, "tile", ())  # which tell how pixels are stored
    how = tiles[0].args if tiles else ()
    if image.format == "PPM":
        return isinstance(how, tuple) and how[-1] > 255
    return ";16" in (how if isinstance(how, str) else str(how))


def upright_size(size: tuple[int, int], exif_orientation: int) -> tuple[int, int]:
    """Returns the width and height, in pixels, of a stored image once it is upright."""
    return size[::-1] if exif_orientation in SIDEWAYS else size


def decode(content: bytes, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Returns the upright RGB image that `content` encodes; see `to_rgb`."""
    return to_rgb(open_image(content, max_pixels))


def orientation(image: Image.Image) -> int:
    """Returns the EXIF orientation, 1 to 8; 1 and any other number mean upright.

    Raises:
        PassingError: if there is too little memory to tell.
    """
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except MemoryError as error:
        raise _too_little_memory(image.format) from error
    except Exception:  # an image with a broken EXIF block can still be used
        return 1


def _keep_transparency(image: Image.Image) -> None:
    """Makes Pillow keep transparency in a GIF whose first frame has none.

    A later frame may be disposed of and leave a hole, which Pillow would fill with
    the colour that the palette has for transparency.
    """
    image.load()
    used = {index for _, index in image.getcolors() or ()}
    unused = next((index for index in range(256) if index not in used), None)
    if image.mode == "P" and "transparency" not in image.info and unused is not None:
        image.info["transparency"] = unused


def other_file(beginning: bytes) -> str | None:
    """Returns why a file cannot be decoded that begins so; None if it may be an image.

    The first 256 bytes are enough, so the rest of such a file need not be read.
    """
    start = beginning[:64].lstrip().lower()
    for signature, reason in OTHER_FILES.items():
        if start.startswith(signature):
            return reason
    if _is_heic(beginning):
        return None if _has_heif() else NO_HEIF
    found = _format_of(beginning)
    if found is None or _is_text(beginning, found):
        return "not an image"
    if found in NO_IMAGES:
        return f"not an image: {found}"
    if found in FORMATS:
        return None
    return f"{found} cannot be decoded; supported: {SUPPORTED}"


def _is_text(beginning: bytes, found: str) -> bool:
    """Tells whether a file is a text that begins as a format does: "BMI", "P2P"."""
    if found == "BMP":
        return b"\0" not in beginning[:32]
    is_number = beginning[1:2] in b"123456"
    return found == "PPM" and is_number and not beginning[2:3].isspace()


def _raise_limit(max_pixels: int) -> None:
    """Lets Pillow open images of so many pixels; `_check_size` refuses larger ones."""
    with _limit_lock:
        limit = Image.MAX_IMAGE_PIXELS
        if limit is not None:
            Image.MAX_IMAGE_PIXELS = max(limit, -(-max_pixels // 2))


def _check_size(image: Image.Image, max_pixels: int) -> None:
    if image.width * image.height > max_pixels:
        raise _too_large(max_pixels)


def _too_large(max_pixels: int) -> DataError:
    limit = f"{max_pixels / 10**6:,.6f}".rstrip("0").rstrip(".")
    return DataError(f"over {limit} megapixels, the limit")


def _too_little_memory(found: str | None = None) -> PassingError:
    return PassingError(f"too little memory for a {_name(found)}" if found else LITTLE)


def _has_memory(size_bytes: int) -> bool:
    try:
        np.empty(size_bytes, np.uint8)
    except MemoryError:
        return False
    return True


def _require_library(content: bytes) -> None:
    """Raises a PassingError if this Pillow lacks the library for an image's format."""
    for found, (_, accept) in Image.OPEN.items():
        if found in FORMATS and accept and isinstance(accept(content[:16]), str):
            raise PassingError(
                f"the installed Pillow cannot decode {_name(found)}; install its wheel"
            )


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
    return other_file(content) or _corrupt(_format_of(content), error)


def _format_of(beginning: bytes) -> str | None:
    """Returns the format, as Pillow names it, of a file that begins so."""
    start = beginning[:16].ljust(16, b"\0")  # as much as Pillow passes to its parsers
    for load in (Image.preinit, Image.init):  # the first loads the usual formats alone
        load()
        for found, (_, accept) in Image.OPEN.items():
            # Some of these functions return a text, the reason why they cannot read it.
            if accept is not None and accept(start) is True:
                # Cursors begin as TGAs do.
                is_tga = found not in (*FORMATS, "HEIF") and _may_be_tga(beginning)
                return "TGA" if is_tga else found
    return "TGA" if _may_be_tga(beginning) else None


def _may_be_tga(beginning: bytes) -> bool:
    """Tells whether a file begins as a TGA does, which has no signature."""
    if len(beginning) < 18:
        return False
    has_palette, kind, bits = beginning[1], beginning[2], beginning[16]
    is_kind = has_palette in (0, 1) and kind in (1, 2, 3, 9, 10, 11)
    has_pixels = any(beginning[12:14]) and any(beginning[14:16])
    return is_kind and has_pixels and bits in (1, 8, 16, 24, 32)


def _corrupt(found: str | None, error: Exception) -> str:
    message = " ".join(str(error).split())
    if "truncated" in message.lower() or message == "not enough image data":
        return f"truncated {_name(found)}"
    if "Decompressed data too large" in message:
        return f"decompression bomb: {_name(found)}"
    if not message or isinstance(error, PIL.UnidentifiedImageError):
        return f"corrupt or unusual {_name(found)}"
    return f"corrupt {_name(found)}: {message}"


def _name(found: str | None) -> str:
    names = {"WEBP": "WebP", "HEIF": "HEIC", "PPM": "PNM", "JPEG2000": "JPEG 2000"}
    return names.get(found or "", found or "image")
