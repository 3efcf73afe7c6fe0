"""What a picture looks like, in digits that resizing or recompressing hardly changes.

They are the 16x16 lowest frequencies of its brightness, a hexadecimal digit each.
Square roots keep the few strong ones from drowning the others.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cnnxfer.data.images.picture import Picture

SIDE = 16  # frequencies down and across
SAMPLES = 32  # pixels down and across that they are taken from
MARGIN = 0.04  # of each side is not looked at: frames, and what a crop takes away
LUMA = (0.299, 0.587, 0.114)  # brightness of red, green and blue, ITU-R BT.601
LEVELS = 7  # above and below zero, which is the digit 8
FLAT = 2.0  # contrast, root mean square of 255, that noise has too
# A picture with fewer frequencies, such as a sky or a numeral, looks like many others.
ENOUGH = SIDE * SIDE // 2


def cosines(places: np.ndarray) -> np.ndarray:
    """Returns the frequencies' waves, orthonormal over [0, 1].

    Args:
        places: `(places,)`, where they are wanted; [0, 1] is the picture.

    Returns:
        float64 `(places, SIDE)`.
    """
    angles = np.pi * np.outer(places, np.arange(SIDE))
    waves: np.ndarray = np.sqrt(2) * np.cos(angles)
    waves[:, 0] = 1
    return waves


_WAVES = cosines((np.arange(SAMPLES) + 0.5) / SAMPLES) / SAMPLES


def look(picture: Picture) -> np.ndarray:
    """Returns what is looked at of a picture: uint8 `(SAMPLES, SAMPLES, 3)`.

    All of a JPEG's data is read for it.

    Raises:
        DataError: if the picture is truncated or corrupt; the message is the reason
            alone.
    """
    width, height = picture.width, picture.height
    left, top = MARGIN * width, MARGIN * height
    return picture.view((left, top, width - left, height - top), SAMPLES)


def perceptual_hash(pixels: np.ndarray) -> str:
    """Returns 256 hexadecimal digits; none for a picture that has too little to see.

    Args:
        pixels: uint8 `(SAMPLES, SAMPLES, 3)`, as `look` returns them.
    """
    waves = _WAVES.T @ (pixels @ LUMA) @ _WAVES
    waves[0, 0] = 0  # brightness itself tells nothing
    if np.linalg.norm(waves) < FLAT:
        return ""
    roots = np.sign(waves) * np.sqrt(np.abs(waves))
    digits = np.rint(roots * (LEVELS / np.abs(roots).max())).astype(int)
    if np.count_nonzero(digits) < ENOUGH:
        return ""
    ones, others = (digits + LEVELS + 1).astype(np.uint8).reshape(-1, 2).T
    packed: np.ndarray = ones << 4 | others
    return packed.tobytes().hex()


def read_hashes(hashes: Sequence[str]) -> np.ndarray:
    """Returns what hashes stand for: signed square roots of frequencies' strengths.

    Args:
        hashes: as `perceptual_hash` returns them, none empty.

    Returns:
        float32 `(hashes, SIDE, SIDE)`, down and across, whole numbers up to `LEVELS`.
    """
    pairs = np.frombuffer(bytes.fromhex("".join(hashes)), np.uint8)
    digits = np.stack([pairs >> 4, pairs & 15], axis=-1).astype(np.float32)
    return digits.reshape(len(hashes), SIDE, SIDE) - (LEVELS + 1)
