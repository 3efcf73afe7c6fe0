"""Turns pixels of every kind into 8 bits of grey or RGB, in bands of rows."""

from collections.abc import Iterator

import numpy as np
from PIL import ExifTags, Image

# What a band takes, in several copies of floats, is little beside the image.
BAND_PIXELS = 2**20
BLACK_TO_WHITE = 65535  # 16 bits


def flatten(image: Image.Image) -> Image.Image:
    """Returns an opened image as a person sees it, but not turned upright.

    Transparency is laid over white; 16 bits, 32 bits and floats are scaled to 8 bits.
    Only the image and the result are in memory as a whole.

    Returns:
        An image of mode RGB, or of mode L if all of it is grey; it may be the same
        image.
    """
    if _is_deep(image):
        return _scaled(image)
    if image.has_transparency_data and not _has_unused_alpha(image):
        return _over_white(image)
    image.load()  # an image of mode RGB has not been decoded yet
    if image.mode in ("L", "RGB"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _is_deep(image: Image.Image) -> bool:
    return image.mode in ("I", "F") or image.mode.startswith("I;16")


def _bands(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """Yields bands of an image: the upper row, and the pixels."""
    rows = max(1, BAND_PIXELS // image.width)
    for top in range(0, image.height, rows):
        bottom = min(top + rows, image.height)
        yield top, image.crop((0, top, image.width, bottom))


def _over_white(image: Image.Image) -> Image.Image:
    result = Image.new("RGB", image.size)
    for top, band in _bands(image):
        band = band.convert("RGBA")
        white = Image.new("RGBA", band.size, "white")
        result.paste(Image.alpha_composite(white, band).convert("RGB"), (0, top))
    return result


def _has_unused_alpha(image: Image.Image) -> bool:
    """Tells whether a TGA has a fourth channel that nothing was written to."""
    return (
        image.format == "TGA"
        and image.mode == "RGBA"
        and image.getchannel("A").getextrema() == (0, 0)
    )


def _scaled(image: Image.Image) -> Image.Image:
    """Returns an image of many bits scaled to 8; Pillow's conversion would clip them.

    If values lie outside of what is known of the format, as in measurements, the least
    becomes black and the greatest white.
    """
    black, white = _range(image)
    negative = _is_negative(image)
    transparent = image.info.get("transparency")  # in a PNG, one of the values
    result = Image.new("L", image.size)
    for top, band in _bands(image):
        values = np.asarray(band, dtype=np.float32)
        levels: np.ndarray = np.nan_to_num(
            (values - black) * (255 / (white - black)), posinf=255, neginf=0
        )
        levels = np.rint(levels.clip(0, 255)).astype(np.uint8)
        if negative:
            levels = 255 - levels
        if transparent is not None:
            levels = np.where(values == transparent, np.uint8(255), levels)
        result.paste(Image.fromarray(levels), (0, top))
    return result


def _range(image: Image.Image) -> tuple[float, float]:
    """Returns the values of black and white.

    White is 65,535 for 16 bits; for floats 1, and for them and the 32 bits of a TIFF
    255 or 65,535 if values are greater.
    """
    if image.mode.startswith("I;16"):
        return 0, BLACK_TO_WHITE
    low, high = _extremes(image)
    whites: tuple[float, ...] = (BLACK_TO_WHITE,)
    if image.mode == "F":
        whites = (1, 255, BLACK_TO_WHITE)
    elif image.format == "TIFF":
        whites = (255, BLACK_TO_WHITE)
    white = next((white for white in whites if low >= 0 and high <= white), None)
    if white is not None:
        return 0, white
    return low, high if high > low else low + 1


def _extremes(image: Image.Image) -> tuple[float, float]:
    """Returns the least and the greatest finite value; 0 and 0 if there is none."""
    lows, highs = [], []
    for _, band in _bands(image):
        values = np.asarray(band, dtype=np.float32)
        known = values[np.isfinite(values)]
        if known.size:
            lows.append(float(known.min()))
            highs.append(float(known.max()))
    return (min(lows), max(highs)) if lows else (0, 0)


def _is_negative(image: Image.Image) -> bool:
    """Tells whether 0 is white in a TIFF, which Pillow respects only with 8 bits."""
    tags = getattr(image, "tag_v2", {})
    return tags.get(ExifTags.Base.PhotometricInterpretation) == 0
