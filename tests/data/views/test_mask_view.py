"""Tests that the classes of a view go back to where the image has what was seen."""

import numpy as np
import pytest
from PIL import Image

from cnnxfer.config import Fit
from cnnxfer.data.class_mask import IGNORED
from cnnxfer.data.geometry import Geometry
from cnnxfer.data.views import mask_view as module
from cnnxfer.data.views.mask_view import labels_on_image, mask_view
from cnnxfer.data.views.views import Square

WIDTH, HEIGHT, SIZE = 90, 60, 48
FITS: tuple[Fit, ...] = ("letterbox", "stretch")


@pytest.mark.parametrize("shown", [False, True])
def test_labels_are_the_best_of_interpolated_logits(
    monkeypatch: pytest.MonkeyPatch, shown: bool
) -> None:
    """Pillow's bilinear filter does the same where it enlarges."""
    monkeypatch.setattr(module, "BAND_BYTES", 4 * WIDTH * 7)  # bands of seven rows
    logits = np.random.default_rng(0).normal(size=(6, 8, 5)).astype(np.float32)
    geometry = Geometry.of_box((0, 0, WIDTH, HEIGHT), SIZE, flip=shown)
    seen = logits[:, ::-1] if shown else logits
    found = labels_on_image(seen, geometry, WIDTH, HEIGHT)
    planes = [
        Image.fromarray(np.ascontiguousarray(logits[..., label])).resize(
            (WIDTH, HEIGHT), Image.Resampling.BILINEAR
        )
        for label in range(5)
    ]
    best = np.argmax(planes, axis=0)
    assert (found.dtype, found.shape) == (np.uint8, (HEIGHT, WIDTH))
    assert (found == best).mean() > 0.999  # but for ties


@pytest.mark.parametrize("fit", FITS)
def test_a_mask_comes_back_through_the_view(fit: Fit) -> None:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[15:40, 30:70] = 1
    geometry = Square(1.0, fit=fit).geometry(WIDTH, HEIGHT, SIZE)
    logits = mask_view(mask, geometry, SIZE, fill=0)[..., None] == [0, 1]
    found = labels_on_image(logits.astype(np.float32), geometry, WIDTH, HEIGHT)
    rows, columns = np.nonzero(found)
    edges = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    np.testing.assert_allclose(edges, (30, 15, 70, 40), atol=2)


def test_what_a_view_does_not_show_is_ignored() -> None:
    geometry = Square(1.0).geometry(WIDTH, HEIGHT, SIZE)  # the square in the middle
    found = labels_on_image(np.ones((4, 4, 1), np.float32), geometry, WIDTH, HEIGHT)
    assert (found[:, 15:75] == 0).all()
    assert (found[:, :15] == IGNORED).all()
    assert (found[:, 75:] == IGNORED).all()
