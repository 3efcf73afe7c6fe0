"""Tests of images that are seen whole: on grey, or squeezed into the square."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnnxfer.config import Augment, Config
from cnnxfer.data.annotation import Labels
from cnnxfer.data.dataset import Example
from cnnxfer.data.images import boxes
from cnnxfer.data.images.frame import GREY
from cnnxfer.data.images.picture import Picture
from cnnxfer.data.views.views import (
    CentralViews,
    RandomViews,
    Square,
    central_views,
    training_views,
)

SIZES = [(500, 333), (333, 500), (64, 64), (97, 31), (1, 1)]
THIN = (1200, 7)  # less than half a pixel high, letterboxed
EXAMPLE = Example("a", Labels((0,)), None, Path(), sha256="0" * 64)


def picture_of(width: int, height: int, kind: str = "PNG") -> Picture:
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noise).save(stream, kind)
    return Picture(stream.getvalue())


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("size", [32, 47])
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_letterboxed_image_is_resized_once_and_keeps_its_shape(
    width: int, height: int, size: int, kind: str
) -> None:
    picture = picture_of(width, height, kind)
    seen = Square(1.0, fit="letterbox").of(picture, size)
    corners = np.array([(0, 0), (width, height)])
    (left, top), (right, bottom) = seen.geometry.to_view(corners)
    edges = [round(edge) for edge in (left, top, right, bottom)]
    np.testing.assert_allclose((left, top, right, bottom), edges, atol=1e-6)
    left, top, right, bottom = edges
    whole = picture.view((0, 0, width, height), (right - left, bottom - top))
    np.testing.assert_array_equal(seen.pixels[top:bottom, left:right], whole)
    seen.pixels[top:bottom, left:right] = GREY
    assert (seen.pixels == GREY).all()
    assert max(right - left, bottom - top) == size
    shorter = min(width, height) * size / max(width, height)
    assert min(right - left, bottom - top) == pytest.approx(shorter, abs=1)
    assert abs(left + right - size) <= 1
    assert abs(top + bottom - size) <= 1


def test_a_large_jpeg_is_decoded_at_a_reduced_scale(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scales = []
    reduction = boxes.reduction
    monkeypatch.setattr(
        boxes, "reduction", lambda *a: scales.append(reduction(*a)) or scales[-1]
    )
    Square(1.0, fit="letterbox").of(picture_of(600, 400, "JPEG"), 64)
    assert scales == [4]  # 150 pixels for 64


@pytest.mark.parametrize(("width", "height"), [*SIZES, THIN])
def test_a_stretched_image_fills_the_square(width: int, height: int) -> None:
    picture = picture_of(width, height)
    seen = Square(1.0, fit="stretch").of(picture, 32)
    whole = (0, 0, width, height)
    np.testing.assert_array_equal(seen.pixels, picture.view(whole, 32))
    np.testing.assert_allclose(seen.geometry.region, whole)


@pytest.mark.parametrize("fit", ["letterbox", "stretch"])
@pytest.mark.parametrize("size", [32, 47])
@pytest.mark.parametrize(("width", "height"), [*SIZES, THIN])
def test_mirrored_views_can_be_made_of_the_central_one(
    width: int, height: int, size: int, fit
) -> None:
    picture = picture_of(width, height)
    augment = Augment(flip=True, vertical_flip=True)
    for number in range(6):
        views = RandomViews(augment, 1.0, 0, number, fit)
        assert views.origin == CentralViews(1.0, fit)
        central = views.origin.of(EXAMPLE).of(picture, size).pixels
        made = views.rearranged(central[None], [EXAMPLE])
        np.testing.assert_array_equal(
            made[0], views.of(EXAMPLE).of(picture, size).pixels
        )


def test_zoomed_and_shifted_images_are_resized_once() -> None:
    """So they are as sharp as the plain view, and grey lies around them."""
    picture = picture_of(120, 80)
    augment = Augment(zoom=0.5, shift=0.3)
    shown = set()
    for number in range(12):
        view = RandomViews(augment, 1.0, 0, number, "letterbox").of(EXAMPLE)
        seen = view.of(picture, 60)
        across, down = seen.geometry.seen_of(120, 80)
        box = (across.low, down.low, across.high, down.high)
        size = (across.last - across.first, down.last - down.first)
        part = np.s_[down.first : down.last, across.first : across.last]
        np.testing.assert_array_equal(seen.pixels[part], picture.view(box, size))
        seen.pixels[part] = GREY
        assert (seen.pixels == GREY).all()
        shown.add(size)
    assert len(shown) > 8


def test_settings_choose_the_frame() -> None:
    assert central_views(Config()) == CentralViews(0.875)
    assert central_views(Config(fit="crop", central_crop=0.7)) == CentralViews(0.7)
    assert central_views(Config(fit="stretch")) == CentralViews(1.0, "stretch")
    config = Config(fit="letterbox", seed=3)
    assert training_views(config, 2) == RandomViews(
        config.augment, 1.0, 3, 2, "letterbox"
    )


def test_descriptions_name_the_fit_where_it_is_not_a_crop() -> None:
    assert CentralViews(0.8).describe() == {"views": "central", "fraction": 0.8}
    plain = RandomViews(Augment(crop=0.8), 1.0, 0, 0).describe()
    assert "fit" not in plain
    kinds = [
        kind.describe()
        for fit in ("crop", "letterbox", "stretch")
        for kind in (
            CentralViews(1.0, fit),
            RandomViews(Augment(crop=0.8), 1.0, 0, 0, fit),
            RandomViews(Augment(zoom=0.5), 1.0, 0, 0, fit),
            RandomViews(Augment(zoom=0.5, fill="constant"), 1.0, 0, 0, fit),
        )
    ]
    assert all(kinds.count(found) == 1 for found in kinds)
