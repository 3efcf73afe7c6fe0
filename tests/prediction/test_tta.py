"""Several views of a picture: which they are."""

import io
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnnxfer.data.annotation import Labels
from cnnxfer.data.dataset import Example
from cnnxfer.data.images import picture as picture_module
from cnnxfer.data.images.boxes import square_box
from cnnxfer.data.images.picture import Picture
from cnnxfer.data.views.views import CentralViews
from cnnxfer.prediction.tta import TTA, tta_views

SIZE = 32


def noise(kind: str) -> bytes:
    """Encodes a picture of 300 by 200 pixels."""
    pixels = np.random.default_rng(0).integers(0, 256, (200, 300, 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


@pytest.fixture(params=["JPEG", "PNG"])
def picture(request: pytest.FixtureRequest) -> Picture:
    return Picture(noise(request.param))


def square(picture: Picture, fraction: float, across: float, down: float) -> np.ndarray:
    box = square_box(picture.width, picture.height, fraction, across, down)
    return picture.view(box, SIZE)


@pytest.mark.parametrize("crop", [0.8, 0.875, 1.0])
def test_without_tta_the_view_is_the_central_crop(picture, crop):
    seen = tta_views("none", crop, SIZE)(picture)
    box = square_box(picture.width, picture.height, crop, 0.5, 0.5)
    assert seen.dtype == np.uint8
    np.testing.assert_array_equal(seen, picture.view(box, SIZE)[None])


def test_flip_adds_the_mirror_image(picture):
    plain, mirrored = tta_views("flip", 0.875, SIZE)(picture)
    np.testing.assert_array_equal(plain, square(picture, 0.875, 0.5, 0.5))
    np.testing.assert_array_equal(mirrored, plain[:, ::-1])


@pytest.mark.parametrize(("crop", "fraction"), [(0.6, 0.6), (1.0, 0.875)])
def test_five_views_are_the_centre_and_the_corners(picture, crop, fraction):
    seen = tta_views("five", crop, SIZE)(picture)
    places = [(0.5, 0.5), (0, 0), (1, 0), (0, 1), (1, 1)]
    expected = [square(picture, fraction, *place) for place in places]
    np.testing.assert_array_equal(seen, expected)
    assert len(np.unique(seen.reshape(5, -1), axis=0)) == 5


def test_ten_views_are_the_five_and_their_mirror_images(picture):
    five = tta_views("five", 0.875, SIZE)(picture)
    ten = tta_views("ten", 0.875, SIZE)(picture)
    np.testing.assert_array_equal(ten, np.concatenate([five, five[:, :, ::-1]]))


def test_scales_show_the_shorter_side_at_224_256_and_320_of_224(picture):
    # What is left of the plain view's crop makes no difference.
    seen = tta_views("scales", 0.6, SIZE)(picture)
    fractions = [224 / 224, 224 / 256, 224 / 320]
    expected = [square(picture, fraction, 0.5, 0.5) for fraction in fractions]
    np.testing.assert_array_equal(seen, expected)


@pytest.mark.parametrize("tta", TTA)
@pytest.mark.parametrize("fit", ["crop", "letterbox", "stretch"])
def test_views_tell_where_they_lie(picture, tta, fit):
    see = tta_views(tta, 0.875 if fit == "crop" else 1.0, SIZE, fit)
    views = [view.of(picture, SIZE) for view in see.views]
    geometries = see.geometries(picture.width, picture.height)
    assert geometries == tuple(view.geometry for view in views)
    np.testing.assert_array_equal(see(picture), [view.pixels for view in views])


def test_letterboxed_prediction_sees_what_validation_sees(picture):
    seen = tta_views("none", 1.0, SIZE, "letterbox")(picture)
    view = CentralViews(1.0, "letterbox").of(Example("a", Labels((0,)), None, Path()))
    np.testing.assert_array_equal(seen[0], view.of(picture, SIZE).pixels)
    assert (seen[0][:5] == 128).all()  # 300 by 200 pixels: 32 by 21


def test_a_picture_is_decoded_once_for_all_its_views(monkeypatch):
    opened = []
    decode = picture_module.to_pixels
    monkeypatch.setattr(
        picture_module, "to_pixels", lambda *a: opened.append(a) or decode(*a)
    )
    assert len(tta_views("ten", 0.875, SIZE)(Picture(noise("JPEG")))) == 10
    assert len(opened) == 1


@pytest.mark.parametrize("tta", TTA)
def test_views_can_be_sent_to_another_process(picture, tta):
    see = tta_views(tta, 0.875, SIZE)
    again = pickle.loads(pickle.dumps(see))
    assert again == see
    np.testing.assert_array_equal(again(picture), see(picture))
