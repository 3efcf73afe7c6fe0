"""Names of what is written for each image: as the image lies in the inputs."""

import os
from pathlib import Path

import pytest
from predicted import with_objects

from cnnxfer.prediction.outputs.names import ImageNames

PHOTOS = ["photos/a/1.jpg", "photos/a/1.png", "photos/b/1.jpg", "photos/b/A.v2.JPG"]


@pytest.fixture(autouse=True)
def _photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in PHOTOS:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    Path("more.zip").touch()


@pytest.mark.parametrize(
    ("inputs", "paths", "names"),
    [
        (["photos"], PHOTOS, ["a/1", "a/1-2", "b/1", "b/A.v2"]),
        (["./photos/"], ["./photos/a/1.jpg"], ["a/1"]),
        (["photos/*/*.jpg"], PHOTOS[:1], ["a/1"]),
        (["photos/a", "photos/b"], PHOTOS[::2], ["a/1", "b/1"]),
        (["photos/b/1.jpg"], ["photos/b/1.jpg"], ["1"]),
        (["photos", "more.zip"], ["more.zip/x/1.jpg"], ["more.zip/x/1"]),
        (["more.zip"], ["more.zip/x/1.jpg", "more.zip/X/1.JPG"], ["x/1", "X/1-2"]),
        (["@list"], ["../a.jpg", "/b/c.jpg"], ["_/a", "b/c"]),
        (["-"], ["http://host/a%20b/c.jpg?d=e"], ["host/a b/c"]),
        (["photos"], ["photos/a/no image"], ["a/no image"]),
    ],
)
def test_images_are_named_by_their_place_in_the_inputs(
    inputs: list[str], paths: list[str], names: list[str]
) -> None:
    found = ImageNames(inputs)
    assert [found.of(with_objects(path)).as_posix() for path in paths] == names


def test_absolute_inputs_are_left_out_too(tmp_path: Path) -> None:
    found = ImageNames([os.fspath(tmp_path / "photos")])
    assert found.of(with_objects(f"{tmp_path}/photos/a/1.jpg")) == Path("a/1")


def test_frames_have_their_numbers() -> None:
    assert ImageNames([]).of(with_objects("a.gif", frame=3)) == Path("a-3")
