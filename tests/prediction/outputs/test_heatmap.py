"""Heat maps: what they show, and what they are called."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from predicted import predicted
from recording_reporter import RecordingReporter

from cnnxfer.data.geometry import Geometry
from cnnxfer.data.images.source import ImageSource
from cnnxfer.errors import ConfigError, DataError
from cnnxfer.prediction.heat import Heat
from cnnxfer.prediction.outputs.heatmap import (
    COLOURS,
    caption_of,
    draw_heatmap,
    file_name,
    heat_over,
    save_heatmaps,
)
from cnnxfer.prediction.prediction import Prediction
from cnnxfer.reporting import Reporter
from cnnxfer.tasks.answer import RankedClass

GREY = Image.new("RGB", (80, 60), (128, 128, 128))
CORNER = np.float32([[0.1, 0.4], [0.0, 0.1]])


def heat(*boxes: tuple[int, int, int, int]) -> Heat:
    """The heat of one view in each of some boxes, or of the whole picture."""
    ranked = RankedClass(1, "n02066245", "grey whale", 0.4)
    places = [Geometry.of_box(box, 32) for box in boxes or [(0, 0, 80, 60)]]
    return Heat(ranked, [CORNER] * len(places), places)


def encoded(width: int, height: int) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (width, height), (128, 128, 128)).save(stream, "PNG")
    return stream.getvalue()


def prediction(path: str, label: str = "grey whale", **fields) -> Prediction:
    fields = {
        "source": ImageSource(path, lambda: encoded(80, 60)),
        "heat": heat(),
    } | fields
    ranking = (RankedClass(1, "n02066245", label, 0.4),)
    return predicted(path, 80, 60, ranking, **fields)


def lightness(pixels: np.ndarray) -> np.ndarray:
    """Returns CIE L* of sRGB, in [0, 100]."""
    share = np.asarray(pixels, float) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    luminance = linear @ [0.2126, 0.7152, 0.0722]
    return np.where(
        luminance > 0.008856, 116 * np.cbrt(luminance) - 16, 903.3 * luminance
    )


def test_colours_grow_lighter_in_equal_steps():
    steps = np.diff(lightness(np.array(COLOURS)))
    assert steps.min() > 0.7 * steps.mean()
    assert steps.max() < 1.3 * steps.mean()


def test_the_heatmap_is_lightest_where_the_heat_is_greatest():
    light = lightness(np.asarray(draw_heatmap(GREY, CORNER)))
    corners = light[5, 5], light[5, -5], light[-5, 5], light[-5, -5]
    assert int(np.argmax(corners)) == 1
    assert int(np.argmin(corners)) == 2
    # Smoothly: no cell has an edge.
    assert abs(np.diff(light, axis=1)).max() < 3
    assert abs(np.diff(light, axis=0)).max() < 3


def test_the_image_is_visible_below_the_heat():
    halves = np.zeros((60, 80, 3), np.uint8)
    halves[:, 40:] = 255
    flat = np.asarray(
        draw_heatmap(Image.fromarray(halves), np.ones((3, 4), np.float32))
    )
    assert (flat[:, 40:].astype(int) - flat[:, :40] > 100).all()


def test_heat_is_scaled_to_its_maximum():
    np.testing.assert_array_equal(
        draw_heatmap(GREY, CORNER), draw_heatmap(GREY, CORNER / 50)
    )
    assert draw_heatmap(GREY, np.zeros((2, 2), np.float32)).size == GREY.size


@pytest.mark.parametrize(
    ("path", "fields", "name"),
    [
        ("photos/lake.jpg", {}, "lake-grey_whale.png"),
        ("https://example.org/a%20b/lake.jpg", {}, "lake-grey_whale.png"),
        ("lake.gif", {"frame": 3}, "lake-3-grey_whale.png"),
        ("lake.jpg", {"min_confidence": 0.9}, "lake-unsure.png"),
        ("lake.jpg", {"label": "../a/b"}, "lake-.._a_b.png"),
        ("lake\n.v2.jpg", {}, "lake_.v2-grey_whale.png"),
    ],
)
def test_file_names_contain_the_image_and_the_class(path, fields, name):
    assert file_name(prediction(path, **fields)) == name


def test_each_image_with_heat_gets_a_heatmap(tmp_path: Path):
    def gone() -> bytes:
        raise DataError("no such file or directory")

    reporter = RecordingReporter()
    given = [
        prediction("x/lake.jpg"),
        predicted("bad.jpg", error="not an image"),
        prediction("cold.jpg", heat=None),
        prediction("gone.jpg", source=ImageSource("gone.jpg", gone)),
        prediction("y/lake.jpg", min_confidence=0.5),
        prediction("big.jpg", source=ImageSource("big.jpg", lambda: encoded(3000, 9))),
    ]
    stage = save_heatmaps(tmp_path / "new" / "heat", [], reporter)
    assert list(stage(given)) == given
    files = sorted((tmp_path / "new" / "heat").iterdir())
    assert [file.name for file in files] == [
        "big-grey_whale.png",
        "lake-grey_whale.png",
        "lake-unsure.png",
    ]
    wide, *pairs = [Image.open(file).convert("RGB") for file in files]
    assert wide.width > 2 * 640
    for pair in pairs:
        seen = np.asarray(pair)
        # The picture, and the same with colours, far enough apart for their captions.
        np.testing.assert_array_equal(seen[12:72, 12:92], GREY)
        beside = seen[12:72, 12 + 160 + 12 :][:, :80]
        np.testing.assert_array_equal(beside, heat_over(GREY, heat(), (80, 60)))
        below = seen[72:, 12 + 160 + 12 :]
        assert (below < 100).any()  # the class and its probability
    assert reporter.infos == [f"3 heat maps in {tmp_path / 'new' / 'heat'}"]


def test_the_caption_says_which_class_and_how_probable():
    assert caption_of(prediction("a.jpg")) == "grey whale 40.0%"
    doubt = prediction("a.jpg", min_confidence=0.5)
    assert caption_of(doubt) == "unsure: grey whale 40.0%"


def test_heat_lies_where_its_views_lie_and_a_frame_shows_it():
    middle = heat((20, 10, 60, 50))
    found = middle.in_picture((80, 60), 80)
    assert found.shape == (60, 80)
    assert found[10:30, 40:60].max() == found.max()  # the corner of the view
    assert not found[:10].any()
    assert not found[:, :20].any()
    assert not found[:, 60:].any()
    drawn = np.asarray(heat_over(GREY, middle, (80, 60)))
    assert (drawn[10, 20:60] == 255).all()
    assert (drawn[9, 20:60] == 0).all()
    plain = heat_over(GREY, heat(), (80, 60))  # all of it is seen
    everywhere = heat().in_picture((80, 60), 80)
    np.testing.assert_array_equal(plain, draw_heatmap(GREY, everywhere))


def test_heat_of_several_views_is_their_mean():
    left, right = (0, 0, 40, 60), (40, 0, 80, 60)
    both = heat(left, right).in_picture((80, 60), 40)
    assert both.shape == (30, 40)
    alone = [heat(box).in_picture((80, 60), 40) for box in (left, right)]
    np.testing.assert_allclose(both, (alone[0] + alone[1]) / 2)
    assert heat(left, right).region == (0, 0, 80, 60)


def test_each_frame_is_drawn_below_its_own_heat(tmp_path: Path):
    stream = io.BytesIO()
    black, white = (Image.new("RGB", (80, 60), colour) for colour in ("black", "white"))
    black.save(stream, "GIF", save_all=True, append_images=[white])
    source = ImageSource("a.gif", stream.getvalue)
    frames = [prediction("a.gif", source=source, frame=frame) for frame in (0, 1)]
    list(save_heatmaps(tmp_path, [], Reporter())(frames))
    for frame, picture in enumerate((black, white)):
        with Image.open(tmp_path / f"a-{frame}-grey_whale.png") as written:
            beside = np.asarray(written)[12:72, 12 + 160 + 12 :][:, :80]
        expected = heat_over(picture, heat(), (80, 60))
        np.testing.assert_array_equal(beside, expected)


def test_a_file_is_refused_before_anything_is_answered(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"^heatmap .*/file is not a folder\."):
        save_heatmaps(tmp_path / "file", [], Reporter())


def test_a_folder_within_the_inputs_is_refused(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"^heatmap .*/heat lies in "):
        save_heatmaps(tmp_path / "heat", [str(tmp_path)], Reporter())
