"""Boxes out of the cells of a classifier."""

import json
from pathlib import Path

import numpy as np
import pytest
from colours import COLOURS
from PIL import Image
from recording_reporter import RecordingReporter

import cnnxfer
from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.backbones.imagenet import imagenet_classes
from cnnxfer.data.images.drawing import colour_of
from cnnxfer.data.images.picture import Picture
from cnnxfer.errors import ConfigError
from cnnxfer.prediction.dense import DenseView, cell_network
from cnnxfer.prediction.dense_boxes import dense_boxes
from cnnxfer.prediction.model_source import imagenet_model
from cnnxfer.reporting import Reporter
from cnnxfer.runs import Run


def cells(*groups: tuple[int, slice, slice, float]) -> np.ndarray:
    """Cells of 9 rows and 12 columns that show each class in some of them."""
    heat = np.full((9, 12, 3), 0.01, np.float32)
    for label, rows, columns, probability in groups:
        heat[rows, columns, label] = probability
    return heat


SIZE = (1200, 450)  # of the picture: a cell is 100 pixels wide and 50 high


def test_cells_side_by_side_are_one_object() -> None:
    found = dense_boxes(
        cells(
            (1, slice(0, 3), slice(0, 4), 0.9),
            (1, slice(5, 9), slice(8, 12), 0.7),
            (2, slice(2, 6), slice(3, 9), 0.8),
        ),
        SIZE,
    )
    np.testing.assert_allclose(
        found,
        [
            (0, 0, 400, 150, 0.9, 1),
            (300, 100, 900, 300, 0.8, 2),
            (800, 250, 1200, 450, 0.7, 1),
        ],
        rtol=1e-5,
    )
    assert found.dtype == np.float32


def test_a_single_cell_is_no_object() -> None:
    assert not len(dense_boxes(cells((0, slice(4, 5), slice(4, 5), 1.0)), SIZE))


def test_cells_that_touch_at_a_corner_are_two_objects() -> None:
    heat = cells((0, slice(0, 4), slice(0, 4), 0.9), (0, slice(4, 8), slice(4, 8), 0.8))
    assert dense_boxes(heat, SIZE)[:, :4].tolist() == [
        [0, 0, 400, 200],
        [400, 200, 800, 400],
    ]


def test_a_box_holds_what_is_half_as_sure_as_the_best_cell() -> None:
    heat = cells((0, slice(0, 9), slice(0, 4), 0.9), (0, slice(0, 9), slice(4, 8), 0.4))
    (found,) = dense_boxes(heat, SIZE)
    np.testing.assert_allclose(found, (0, 0, 500, 450, 0.9, 0), rtol=1e-5)


def test_what_is_not_sure_enough_is_no_object() -> None:
    heat = cells(
        (0, slice(0, 3), slice(0, 3), 0.35), (0, slice(5, 9), slice(5, 9), 0.25)
    )
    assert len(dense_boxes(heat, SIZE)) == 1
    assert dense_boxes(heat, SIZE, least=0.36).shape == (0, 6)


@pytest.fixture
def halves(tmp_path: Path) -> Path:
    """A folder of a picture whose left half is red, and its right half blue."""
    pixels = np.zeros((32, 64, 3), np.uint8)
    pixels[:, :32], pixels[:, 32:] = COLOURS["red"], COLOURS["blue"]
    folder = tmp_path / "halves"
    folder.mkdir()
    Image.fromarray(pixels).save(folder / "a.png")
    return folder


def test_a_classifier_finds_objects(colour_run: Run, halves: Path) -> None:
    (found,) = cnnxfer.predict(
        halves, model=colour_run, dense=True, boxes=True, engine="keras", reporter=None
    )
    boxes = {item.label: item.box for item in found.objects}
    assert boxes == {"red": (0, 0, 32, 32), "blue": (32, 0, 64, 32)}
    assert min(item.score for item in found.objects) > 0.9


def test_objects_go_into_all_outputs(
    colour_run: Run, halves: Path, tmp_path: Path
) -> None:
    def write(out: str, **options: object) -> list[str]:
        reporter = RecordingReporter()
        cnnxfer.predict_into(
            halves,
            out=tmp_path / out,
            model=colour_run,
            dense=True,
            boxes=True,
            engine="keras",
            reporter=reporter,
            **options,
        )
        return reporter.infos

    drawn, sheet = tmp_path / "drawn", tmp_path / "sheet.html"
    write("a.jsonl", drawn=drawn, sheet=sheet, copy_to=tmp_path / "sorted")
    (line,) = (tmp_path / "a.jsonl").read_text().splitlines()
    assert {item["label"] for item in json.loads(line)["objects"]} == {"red", "blue"}
    pixels = np.asarray(Image.open(drawn / "a.png"))
    for label in (0, 2):  # blue and red
        assert (pixels == colour_of(label)).all(axis=-1).any()
    assert "<li" in sheet.read_text()
    folders = [path.parent.name for path in (tmp_path / "sorted").rglob("a.png")]
    assert sorted(folders) == ["blue", "red"]
    assert any("going on after 1 image" in it for it in write("a.jsonl", resume=True))
    assert (tmp_path / "a.jsonl").read_text() == f"{line}\n"
    write("set", format="yolo")
    assert len((tmp_path / "set/labels/a.txt").read_text().splitlines()) == 2
    with pytest.raises(ConfigError, match="set already exists"):
        write("set", format="yolo")


def test_a_backbone_finds_what_a_photograph_shows(shared: Path) -> None:
    """It is a jay in the middle of the picture, seen by the built-in network."""
    network = cell_network(imagenet_model(next(iter(BACKBONES))).network(Reporter()))
    path = shared / "data" / "imagenet100" / "n01580077_jay.JPEG"
    picture = Picture(path.read_bytes())
    pixels = DenseView(0.875, network.image_size)(picture)
    seen = network.build().predict_on_batch(pixels)[0]
    (left, top, right, bottom, score, label), *_ = dense_boxes(
        seen, (picture.width, picture.height)
    )
    assert imagenet_classes()[int(label)].label == "jay"
    assert score > 0.9
    assert left < 200 < 300 < right < 450
    assert 20 < top < 150 < 300 < bottom
