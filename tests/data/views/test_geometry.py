"""A point drawn into a photograph lies in each view where its geometry says."""

import io

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_image

from cnnxfer.config import PRESETS, Augment
from cnnxfer.data.augmentation.keyed_random import KeyedRandom
from cnnxfer.data.augmentation.random_view import RandomView
from cnnxfer.data.images.picture import Picture
from cnnxfer.data.views.views import Square, View

SIZE, RADIUS = 160, 12
WIDTH, HEIGHT = 640, 427
AUGMENTS = {
    "central": Augment(),
    "crop": Augment(crop=0.7),
    "area": Augment(area=0.3, flip=True),
    "shorter side": Augment(shorter_side=200, shorter_side_to=300),
    "flips": Augment(flip=True, vertical_flip=True),
    "rotation": Augment(rotation=40.0),
    "shear": Augment(shear=25.0),
    "zoom": Augment(zoom=0.6),
    "shift": Augment(shift=0.3),
    "warps": Augment(
        **{"area": 0.3, "flip": True, "vertical_flip": True, "rotation": 40.0},
        **{"shear": 20.0, "zoom": 0.3, "shift": 0.1, "fill": "constant"},
    ),
    "strong": PRESETS["strong"],
    "padding": Augment(padding=0.3, fill="constant"),
    "padded warps": Augment(
        **{"padding": 0.2, "flip": True, "vertical_flip": True, "rotation": 40.0},
        fill="constant",
    ),
}


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    """Returns a photograph, uint8 `(427, 640, 3)`."""
    return np.asarray(load_sample_image("flower.jpg"))


def picture_of(pixels: np.ndarray) -> Picture:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return Picture(stream.getvalue())


def views() -> list[tuple[str, View]]:
    squares = [
        (f"square {flip}", Square(0.6, 0.3, 0.8, flip=flip)) for flip in (False, True)
    ]
    return squares + [
        (name, RandomView(augment, 0.875, KeyedRandom(str(number))))
        for name, augment in AUGMENTS.items()
        for number in range(4)
    ]


@pytest.mark.parametrize(("name", "view"), views())
def test_a_point_lies_where_the_geometry_says(
    photo: np.ndarray, name: str, view: View
) -> None:
    plain = view.of(picture_of(photo), SIZE)
    left, top, right, bottom = plain.geometry.region
    # A point of the image near the middle of the view, so that the disc is in both.
    point = np.array([left + 0.47 * (right - left), top + 0.55 * (bottom - top)])
    point = np.clip(point, RADIUS + 1, [WIDTH - RADIUS - 1, HEIGHT - RADIUS - 1])
    rows, columns = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    disc = np.hypot(columns - point[0], rows - point[1]) <= RADIUS
    drawn = view.of(picture_of(np.where(disc[..., None], 255 - photo, photo)), SIZE)
    assert drawn.geometry == plain.geometry
    changes = np.abs(drawn.pixels.astype(float) - plain.pixels).sum(axis=-1) > 96
    assert changes.sum() > 12
    found = np.argwhere(changes).mean(axis=0)[::-1] + 0.5
    expected = plain.geometry.to_view(point[None])[0]
    np.testing.assert_allclose(found, expected, atol=1.0)
