"""The textbook's loop of training from scratch, and what trainings are shown as."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.lib.shared import shared_data
from bench.scratch.trainings import Trained


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Black and white pictures of 8 pixels in class folders."""
    path = tmp_path / "pictures.zip"
    with zipfile.ZipFile(path, "w") as file:
        for part, count in {"test": 2, "train": 40}.items():
            for level, name in {0: "black", 255: "white"}.items():
                stream = io.BytesIO()
                Image.new("L", (8, 8), level).save(stream, "PNG")
                for i in range(count):
                    file.writestr(f"{part}/{name}/{i}.png", stream.getvalue())
    return path


def test_pictures_are_decoded_and_scaled_with_the_labels_of_their_part(
    archive: Path,
) -> None:
    from bench.scratch.keras_loop import read_pictures

    with zipfile.ZipFile(archive) as file:
        pixels, labels = read_pictures(file, "test", 32)
    assert pixels.shape == (4, 32, 32, 3)
    assert pixels.dtype == np.uint8
    assert labels.tolist() == [0, 0, 1, 1]
    assert pixels.mean(axis=(1, 2, 3)).tolist() == [0, 0, 255, 255]


@pytest.mark.slow
def test_textbooks_loop_learns_and_keeps_its_best_epoch(archive: Path) -> None:
    from bench.scratch.keras_loop import train

    found = train("lenet5", archive, image_size=32, epochs=4, seconds=60, seed=1)
    assert found["images"] == 72
    assert len(found["epoch_seconds"]) == 4
    assert found["val_accuracy"] == found["test_accuracy"] == 1


def test_textbooks_loop_ends_within_an_epoch(archive: Path) -> None:
    from bench.scratch.keras_loop import train

    found = train("lenet5", archive, image_size=32, epochs=9, seconds=0, seed=1)
    assert found["epoch_seconds"] == []
    assert 0 <= found["test_accuracy"] <= 1


def test_the_first_epoch_is_not_part_of_the_speed() -> None:
    def trained(*seconds: float) -> Trained:
        return Trained(9.0, 12.0, 100, seconds, validation=0.5, test=0.5)

    assert trained(50, 1, 3).images_per_second == 50
    assert trained(50).images_per_second == 2
    assert trained().images_per_second == 0


def test_missing_data_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CNNXFER_SHARED", str(tmp_path))
    with pytest.raises(SystemExit, match=r"data/small/mnist\.zip.*CNNXFER_SHARED"):
        shared_data("small/mnist.zip")
