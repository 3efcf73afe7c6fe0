"""Masks as files: their values, their names and what is said of them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from predicted import with_mask
from recording_reporter import RecordingReporter

from cnnxfer.data.images.drawing import palette
from cnnxfer.data.sources.folder import load
from cnnxfer.errors import RunError
from cnnxfer.prediction.outputs.masks import save_masks
from cnnxfer.prediction.prediction import Prediction
from cnnxfer.reporting import Reporter

MASK = np.random.default_rng(0).integers(0, 2, (40, 30), np.uint8)
BACK = 1 - MASK


def saved(folder: Path, *predictions: Prediction) -> list[Prediction]:
    return list(save_masks(folder, ["photos"], Reporter())(predictions))


def test_masks_have_the_values_of_the_classes(tmp_path: Path) -> None:
    folder, reporter = tmp_path / "new" / "masks", RecordingReporter()
    given = [
        with_mask("photos/a/1.v2.jpg", MASK),
        with_mask("photos/b/1.v2.jpg", BACK),
        with_mask("photos/c.jpg", error="empty file"),
    ]
    first, second, third = save_masks(folder, ["photos"], reporter)(given)
    assert first.as_json()["mask"] == f"{folder}/photos/a/1.v2.png"
    assert first.answer.rows()[0][-1] == f"{folder}/photos/a/1.v2.png"
    assert third == given[2]
    for prediction, mask in ((first, MASK), (second, BACK)):
        with Image.open(prediction.as_json()["mask"]) as picture:
            assert (picture.mode, picture.format) == ("P", "PNG")
            assert picture.getpalette() == palette()
            np.testing.assert_array_equal(picture, mask)
    assert (folder / "classes.txt").read_text() == "ground\nrose\n"
    assert reporter.infos == [f"2 masks in {folder}"]


def test_another_mask_is_not_overwritten(tmp_path: Path) -> None:
    saved(tmp_path, with_mask("a.jpg", MASK))
    saved(tmp_path, with_mask("a.jpg", MASK))  # the same is there
    with pytest.raises(
        RunError, match=r"a\.png already exists, and what belongs there"
    ):
        saved(tmp_path, with_mask("a.jpg", BACK))
    with pytest.raises(RunError, match=r"classes\.txt already exists"):
        saved(tmp_path, with_mask("b.jpg", MASK, ("ground", "tulip")))
    with Image.open(tmp_path / "a.png") as picture:
        np.testing.assert_array_equal(picture, MASK)


def test_masks_from_before_are_read_from_their_files(tmp_path: Path) -> None:
    (written,) = saved(tmp_path, with_mask("a.jpg", MASK))
    before = replace(written, answer=replace(written.answer, mask=None))
    (found,) = saved(tmp_path, before)
    np.testing.assert_array_equal(found.mask, MASK)
    assert found.as_json() == written.as_json()
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(
        RunError, match=r"a\.png was written before, and cannot be read"
    ):
        saved(tmp_path, before)


def test_masks_are_labels_of_a_data_set(tmp_path: Path) -> None:
    given = {"a/1.jpg": MASK, "b/1.jpg": BACK}
    for name in given:
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True)
        Image.new("RGB", (30, 40)).save(path)
    folder = tmp_path / "images"
    predictions = [with_mask(f"{folder}/{name}", mask) for name, mask in given.items()]
    list(save_masks(tmp_path / "masks", [str(folder)], Reporter())(predictions))
    dataset = load(str(tmp_path), Reporter())
    assert dataset.class_names == ("ground", "rose")
    read = {
        each.id: replace(each.annotation, width=30, height=40).pixels()
        for each in dataset.examples
    }
    assert read.keys() == {f"images/{name}" for name in given}
    for name, mask in given.items():
        np.testing.assert_array_equal(read[f"images/{name}"], mask)
