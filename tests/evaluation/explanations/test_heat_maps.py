"""Heat maps of whole pictures: at the right place, whatever the view shows of them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from spot_classifier import GREEN, RED, spot_model, spots

from cnnxfer.data.annotation import Labels
from cnnxfer.data.dataset import Example
from cnnxfer.data.views.views import Square
from cnnxfer.errors import ConfigError
from cnnxfer.evaluation.explanations.heat_maps import heat_maps
from cnnxfer.prediction.explainable import check_explainable
from cnnxfer.prediction.heat import heat_in_picture
from cnnxfer.reporting import SilentReporter
from cnnxfer.tasks.catalog import TASKS


@pytest.fixture
def examples(tmp_path: Path) -> list[Example]:
    """Wide pictures, whose middle has a green and a red spot, and a broken file."""
    found = []
    for number, green in enumerate([(1, 2), (6, 1)]):
        picture = Image.new("RGB", (96, 32), (60, 60, 60))
        picture.paste(Image.fromarray(spots(green=green, red=(4, 6))), (32, 0))
        picture.save(tmp_path / f"{number}.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    for name in ("0.png", "broken.png", "1.png"):
        found.append(Example(name, Labels((0,)), None, tmp_path / name))
    return found


def test_heat_lies_in_the_picture_where_the_class_is(examples: list[Example]) -> None:
    model = replace(spot_model(), fraction=1.0)
    green, broken, red = heat_maps(
        model, examples, [GREEN, GREEN, RED], side=48, reporter=SilentReporter()
    )
    assert broken is None
    assert green is not None
    assert red is not None
    assert green.shape == (16, 48)  # half the size
    assert 0 <= green.min() < green.max() <= 1
    # The middle begins at 16, and a place of 8x8 is 2 pixels wide.
    assert np.unravel_index(green.argmax(), green.shape)[0] in (4, 5)
    assert np.unravel_index(green.argmax(), green.shape)[1] in (18, 19)
    assert np.unravel_index(red.argmax(), red.shape)[0] in (12, 13)
    assert np.unravel_index(red.argmax(), red.shape)[1] in (24, 25)
    assert not green[:, :16].any()  # it was not seen
    assert not green[:, 32:].any()


@pytest.mark.parametrize("fit", ["crop", "letterbox", "stretch"])
def test_heat_follows_the_view(fit: str) -> None:
    place = Square(0.8, flip=True, fit=fit).geometry(300, 200, 64)
    heat = np.zeros((8, 8), np.float32)
    heat[2, 6] = 1
    found = heat_in_picture(heat, place, (300, 200), (300, 200))
    assert found.shape == (200, 300)
    expected = place.to_image(np.array([(6.5 * 8, 2.5 * 8)]))[0]
    rows, columns = np.nonzero(found == found.max())
    middle = np.array([columns.mean(), rows.mean()]) + 0.5
    assert np.abs(middle - expected).max() < 1.5


def test_answers_that_say_where_something_is_are_not_explained() -> None:
    check_explainable(spot_model())
    with pytest.raises(ConfigError) as caught:
        check_explainable(replace(spot_model(), task=TASKS.get("detection")))
    assert str(caught.value) == (
        "spots does detection, and heat maps explain classes: its answers say "
        "themselves where something is. To see them: "
        "cnnxfer.predict('INPUT', model='spots', drawn='FOLDER')"
    )
