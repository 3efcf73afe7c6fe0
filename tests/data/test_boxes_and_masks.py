"""Tests of boxes and masks on their way from files to a run, and found again."""

import json
import shutil
from pathlib import Path
from typing import Any

import planted_problems
import pytest
from planted_problems import Planter
from recording_reporter import RecordingReporter

from cnnxfer.config import Config
from cnnxfer.data.dataset import SEGMENTATION, Example
from cnnxfer.data.prepared import PreparedData, prepare_data
from cnnxfer.data.run_images import find_images
from cnnxfer.data.sources import list_dataset
from cnnxfer.data.sources.suited import suited_to
from cnnxfer.reporting import Reporter
from cnnxfer.runs import Run, SplitRow


def prepared(
    spec: Path, reporter: Reporter, ignore: str = "none", task: str = "auto"
) -> PreparedData:
    config = Config(data=str(spec))
    dataset = list_dataset(config.data, Reporter())
    dataset = suited_to(dataset, task, ignore, Reporter())
    return prepare_data(dataset, config, reporter)


def found_again(
    data: PreparedData, place: Path, folder: Path, task: Any = "auto"
) -> list[Example]:
    """Returns the images that a run of these data finds in another place."""
    run = Run(folder)
    run.path.mkdir()
    run.write_classes(data.class_names)
    run.write_split(
        SplitRow(it.id, it.annotation.text(data.class_names), part, it.sha256)
        for it, part in zip(data.examples, data.splits, strict=True)
    )
    run.update_receipt(phase="frozen")
    run.write_config(Config(data=str(place), task=task))
    images = find_images(run, str(place), Reporter(), retry="")
    splits = images.splits
    assert not images.missing
    return [*splits.train, *splits.validation, *splits.test]


@pytest.fixture
def moved(tmp_path: Path) -> Path:
    return tmp_path / "moved"


def test_boxes_are_repaired_told_and_found_again(tmp_path: Path, moved: Path) -> None:
    planter, reporter = Planter(tmp_path), RecordingReporter()
    planted_problems._plant_boxes(planter)
    data = prepared(tmp_path / "boxes", reporter)
    boxes = {
        it.id: [tuple(map(round, item.box)) for item in it.annotation.objects]
        for it in data.examples
    }
    assert boxes["scaled.jpg"] == [(10, 10, 55, 55)]
    assert boxes["turned.jpg"] == [(12, 20, 52, 60)]
    assert boxes["clipped.jpg"] == [(20, 20, 96, 60)]
    assert boxes["outside.jpg"] == boxes["empty.jpg"] == [(20, 20, 60, 60)]
    assert boxes["background.jpg"] == []
    assert not {"unfit.jpg", "all outside.jpg"} & boxes.keys()
    told = "\n".join(reporter.warnings)
    assert "left out unfit.jpg: boxes for 50 x 50 pixels, not 96 x 72" in told
    assert "boxes partly outside of their picture: 1, such as clipped.jpg" in told
    shutil.move(tmp_path / "boxes", moved)
    again = found_again(data, moved, tmp_path / "run")
    assert {it.id: it.annotation for it in again} == {
        it.id: it.annotation for it in data.examples
    }


def test_masks_are_turned_ignored_and_found_again(tmp_path: Path, moved: Path) -> None:
    planter, reporter = Planter(tmp_path), RecordingReporter()
    planted_problems._plant_masks(planter)
    data = prepared(tmp_path / "areas", reporter, "speck")
    assert data.class_names == ("ground", "plant")
    pixels = {it.id: it.annotation.pixels() for it in data.examples}
    assert (pixels["images/000.jpg"][30, :41] == [255] * 40 + [1]).all()
    assert (pixels["images/001.jpg"][30, :6] == [255] * 5 + [1]).all()
    turned = pixels["images/turned.jpg"]
    assert turned.shape == (96, 72)
    assert (turned[:, 36:] == 1).all()
    assert not turned[:, :36].any()
    told = "\n".join(reporter.warnings)
    assert "mask masks/small_mask.png of 10 x 10 pixels, not 96 x 72" in told
    assert "masks for pictures as they are stored: 1, such as images/turned" in told
    shutil.move(tmp_path / "areas", moved)
    again = found_again(data, moved, tmp_path / "run")
    assert len(again) == len(pixels)
    for example in again:
        assert (example.annotation.pixels() == pixels[example.id]).all()


def test_masks_are_drawn_from_outlines_and_found_again(
    tmp_path: Path, moved: Path
) -> None:
    planter = Planter(tmp_path)
    planter.sound("outlines", 8)
    outline = [0, 0, 96, 0, 96, 72, 0, 72]  # for twice the size: the upper left quarter
    document = {
        "categories": [{"id": 1, "name": "leaf"}],
        "images": [
            {
                "id": number,
                "file_name": f"{number:03d}.jpg",
                "width": 192,
                "height": 144,
            }
            for number in range(8)
        ],
        "annotations": [
            {"image_id": number, "category_id": 1, "segmentation": [outline]}
            for number in range(8)
        ],
    }
    planter.put("outlines/all.json", json.dumps(document).encode())
    data = prepared(tmp_path / "outlines", Reporter(), task=SEGMENTATION)
    assert data.class_names == ("background", "leaf")
    for example in data.examples:
        pixels = example.annotation.pixels()
        assert pixels.shape == (72, 96)
        assert pixels[:36, :48].all()
        assert pixels.sum() == 36 * 48
    shutil.move(tmp_path / "outlines", moved)
    for example in found_again(data, moved, tmp_path / "run", SEGMENTATION):
        assert example.annotation.pixels().sum() == 36 * 48
