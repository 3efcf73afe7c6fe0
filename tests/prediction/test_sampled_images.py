"""What is read ahead of the answers: enough to calibrate on, in bounded memory."""

import numpy as np
import pytest

from cnnxfer.data.decoding.pool import DecodedImage
from cnnxfer.data.images.source import ImageSource
from cnnxfer.engines.calibration import LEAST_PICTURES, PICTURES
from cnnxfer.prediction import sampled_images
from cnnxfer.prediction.sampled_images import SampledImages

SIDE = 4


def sampled(views: int = 1, content_bytes: int = 0) -> SampledImages:
    source = ImageSource("an image", lambda: b"", True, content_bytes)
    pixels = np.zeros((views, SIDE, SIDE, 3), np.uint8)
    images = (
        DecodedImage(source, pixels=pixels, sha256=str(number)) for number in range(500)
    )
    return SampledImages(images, [], SIDE, f"{views} views")


def test_pictures_are_read_ahead_up_to_a_bound_of_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert sampled().calibration().count == PICTURES
    monkeypatch.setattr(sampled_images, "READ_AHEAD_BYTES", 100 * SIDE * SIDE * 3)
    assert sampled().calibration().count == 100
    assert sampled(views=2).calibration().count == 50
    images = sampled(content_bytes=10**6)
    assert images.calibration().count == LEAST_PICTURES
    assert len(list(images)) == 500, "all are answered"


def test_what_is_seen_of_the_pictures_is_in_the_key() -> None:
    keys = [sampled(views).calibration().key for views in (1, 2, 1)]
    assert keys[0] == keys[2] != keys[1]
