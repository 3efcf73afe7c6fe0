"""Perceptual hashes, which resizing and recompressing an image hardly change.

A hash has a hexadecimal digit for each of the 16x16 lowest frequencies of the image's
brightness: the square root of its strength, so that a few strong ones don't dominate.
"""

from collections.abc import Sequence

import numpy as np

from cnnxfer.data.images.picture import Picture

SIDE = 16  # frequencies down and across
SAMPLES = 32  # pixels down and across from which they are computed
MARGIN = 0.04  # of each side is ignored: frames, and what a slight crop removes
LUMA = (0.299, 0.587, 0.114)  # brightness of red, green and blue, ITU-R BT.601
LEVELS = 7  # above and below zero, which is the digit 8
MIN_CONTRAST = 2.0  # root mean square, in levels of 255; noise alone may reach it
# An image with fewer, such as a sky or a numeral, looks like many others.
MIN_FREQUENCIES = SIDE * SIDE // 2


def cosines(positions: np.ndarray) -> np.ndarray:
    """Returns the cosine waves of the frequencies, orthonormal over [0, 1].

    They are evaluated at the positions, of which the image is [0, 1]; float64
    `(positions, SIDE)`.
    """
    angles = np.pi * np.outer(positions, np.arange(SIDE))
    waves: np.ndarray = np.sqrt(2) * np.cos(angles)
    waves[:, 0] = 1
    return waves


_WAVES = cosines((np.arange(SAMPLES) + 0.5) / SAMPLES) / SAMPLES


def sample_pixels(picture: Picture) -> np.ndarray:
    """Returns the small version of an image from which its hash is computed.

    All data of a JPEG is read, so that damage is noticed.

    Returns:
        uint8 `(SAMPLES, SAMPLES, 3)`.

    Raises:
        DataError: if the image is truncated or corrupt; the message is only the
            reason.
    """
    width, height = picture.width, picture.height
    left, top = MARGIN * width, MARGIN * height
    return picture.view((left, top, width - left, height - top), SAMPLES)


def perceptual_hash(pixels: np.ndarray) -> str:
    """Returns the perceptual hash of an image from its `sample_pixels`.

    It has 256 hexadecimal digits; it is empty for an image with too little detail.
    """
    waves = _WAVES.T @ (pixels @ LUMA) @ _WAVES
    waves[0, 0] = 0  # the mean brightness distinguishes no images
    if np.linalg.norm(waves) < MIN_CONTRAST:
        return ""
    roots = np.sign(waves) * np.sqrt(np.abs(waves))
    digits = np.rint(roots * (LEVELS / np.abs(roots).max())).astype(int)
    if np.count_nonzero(digits) < MIN_FREQUENCIES:
        return ""
    ones, others = (digits + LEVELS + 1).astype(np.uint8).reshape(-1, 2).T
    packed: np.ndarray = ones << 4 | others
    return packed.tobytes().hex()


def read_hashes(hashes: Sequence[str]) -> np.ndarray:
    """Returns the digits of hashes: signed square roots of frequencies' strengths.

    None of the hashes is empty. The digits are int8 `(hashes, SIDE, SIDE)`, down and
    across; from `-LEVELS` to `LEVELS`.
    """
    pairs = np.frombuffer(b"".join(map(bytes.fromhex, hashes)), np.uint8)
    digits = np.empty((len(pairs), 2), np.int8)
    digits[:, 0], digits[:, 1] = pairs >> 4, pairs & 15
    digits -= LEVELS + 1
    return digits.reshape(len(hashes), SIDE, SIDE)
