"""Tests that synthetic flowers are repeatable, varied, and not told by colour."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from recording_reporter import RecordingReporter

from cnnxfer.data.sample import flowers
from cnnxfer.reporting import Reporter

SUBSET = 20  # pictures a class, enough to judge the colours by


@pytest.fixture(scope="module")
def pictures() -> dict[str, list[Image.Image]]:
    return {
        name: [flowers.draw(name, number) for number in range(SUBSET)]
        for name in flowers.CLASS_NAMES
    }


def test_there_are_five_classes_of_at_least_a_hundred_pictures():
    assert len(set(flowers.CLASS_NAMES)) == 5
    assert flowers.IMAGES_PER_CLASS >= 100


@pytest.mark.parametrize("name", flowers.CLASS_NAMES)
def test_pictures_are_rgb_of_various_sizes(name, pictures):
    assert {picture.mode for picture in pictures[name]} == {"RGB"}
    assert np.asarray(pictures[name][0]).dtype == np.uint8
    sides = [side for picture in pictures[name] for side in picture.size]
    assert 240 <= min(sides) <= max(sides) <= 340
    assert len({picture.size for picture in pictures[name]}) > SUBSET / 2


@pytest.mark.parametrize("name", flowers.CLASS_NAMES)
def test_a_picture_does_not_depend_on_others_drawn(name, pictures):
    for number in (3, 0):
        again = flowers.draw(name, number)
        assert again.size == pictures[name][number].size
        assert again.tobytes() == pictures[name][number].tobytes()


def test_no_two_pictures_are_equal(pictures):
    contents = [
        picture.resize((64, 64)).tobytes()
        for drawn in pictures.values()
        for picture in drawn
    ]
    assert len(set(contents)) == len(flowers.CLASS_NAMES) * SUBSET


def test_pictures_have_contrast(pictures):
    contrasts = [
        np.asarray(picture.convert("L")).std()
        for drawn in pictures.values()
        for picture in drawn
    ]
    assert min(contrasts) > 5
    assert np.median(contrasts) > 25


def _vivid_colour(picture: Image.Image) -> np.ndarray:
    """The mean RGB of the most saturated tenth: petals rather than the garden."""
    pixels = np.asarray(picture).reshape(-1, 3)
    saturation = np.ptp(pixels, axis=1)
    return pixels[saturation >= np.quantile(saturation, 0.9)].mean(axis=0)


def _mean_colour(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture).mean(axis=(0, 1))


@pytest.mark.parametrize("colour_of", [_mean_colour, _vivid_colour])
def test_colour_alone_does_not_tell_the_class(colour_of, pictures):
    colours = np.array([[*map(colour_of, drawn)] for drawn in pictures.values()])
    centres = colours[:, : SUBSET // 2].mean(axis=1)  # (class, picture, RGB) -> mean
    unseen = colours[:, SUBSET // 2 :]
    distances = np.linalg.norm(unseen[:, :, None] - centres, axis=-1)
    labels = np.arange(len(flowers.CLASS_NAMES))[:, None]
    assert (distances.argmin(axis=-1) == labels).mean() < 0.6


def test_write_sample_writes_jpegs_into_one_folder_per_class(
    tmp_path: Path, monkeypatch
):
    monkeypatch.setattr(flowers, "IMAGES_PER_CLASS", 3)
    flowers.write_sample(tmp_path, Reporter())
    assert sorted(folder.name for folder in tmp_path.iterdir()) == sorted(
        flowers.CLASS_NAMES
    )
    for name in flowers.CLASS_NAMES:
        paths = sorted((tmp_path / name).iterdir())
        assert [path.name for path in paths] == [f"{name}-00{i}.jpg" for i in range(3)]
        for number, path in enumerate(paths):
            with Image.open(path) as picture:
                assert picture.format == "JPEG"
                difference = np.subtract(
                    picture, flowers.draw(name, number), dtype=np.float32
                )
            # Compressed, but the same picture.
            assert np.abs(difference).mean() < 12


def test_write_sample_reports_progress_per_image(tmp_path: Path, monkeypatch):
    reporter = RecordingReporter()
    monkeypatch.setattr(flowers, "IMAGES_PER_CLASS", 1)
    flowers.write_sample(tmp_path, reporter)
    (progress,) = reporter.progresses
    assert (progress.total, progress.steps) == (5, [1] * 5)
