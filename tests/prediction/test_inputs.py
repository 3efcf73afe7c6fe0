import os
from pathlib import Path

import pytest

from cnnxfer.errors import DataError
from cnnxfer.prediction.inputs import find_images


@pytest.fixture
def pile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Empty files, as nothing here opens them; the working directory is theirs."""
    monkeypatch.chdir(tmp_path)
    for name in (
        "photos/b.jpg",
        "photos/a.PNG",
        "photos/notes.txt",
        "photos/.hidden.jpg",
        "photos/.git/c.jpg",
        "photos/deep/er/d.webp",
        "photos/deep/scan.tiff",
        "empty/notes.txt",
        "[1].jpg",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def found(*inputs: str) -> list[str]:
    return [str(path) for path in find_images(inputs)]


@pytest.mark.usefixtures("pile")
def test_folders_are_sorted_and_hidden_files_left_out() -> None:
    assert found("photos") == [
        "photos/a.PNG",
        "photos/b.jpg",
        "photos/deep/scan.tiff",
        "photos/deep/er/d.webp",
    ]


@pytest.mark.usefixtures("pile")
def test_inputs_keep_their_order_and_named_files_are_taken_whatever_they_are() -> None:
    inputs = ["photos/notes.txt", "photos/deep", "photos/b.jpg", "photos/b.jpg"]
    assert found(*inputs) == [
        "photos/notes.txt",
        "photos/deep/scan.tiff",
        "photos/deep/er/d.webp",
        "photos/b.jpg",
        "photos/b.jpg",
    ]


@pytest.mark.usefixtures("pile")
@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("photos/*.[jP]*", ["photos/a.PNG", "photos/b.jpg"]),
        ("photos/**/*.webp", ["photos/deep/er/d.webp"]),
        ("photo?/deep", ["photos/deep/scan.tiff", "photos/deep/er/d.webp"]),
        ("[1].jpg", ["[1].jpg"]),  # its own name before its meaning as a pattern
    ],
)
def test_globs(pattern: str, expected: list[str]) -> None:
    assert found(pattern) == expected


@pytest.mark.usefixtures("pile")
def test_a_recursive_glob_takes_each_file_once() -> None:
    files = found("photos/**")
    assert len(files) == len(set(files)) == 5


def test_a_dangling_link_is_kept_to_be_reported_in_its_place(pile: Path) -> None:
    (pile / "gone.jpg").symlink_to(pile / "nowhere.jpg")
    assert found("photos/b.jpg", "gone.jpg") == ["photos/b.jpg", "gone.jpg"]


@pytest.mark.usefixtures("pile")
@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("photos/c.jpg", "no file, folder or match for 'photos/c.jpg'. Did you mean"),
        ("nosuch/c.jpg", "There is no folder nosuch."),
        ("*.heic", "no file, folder or match for '*.heic'."),
        ("empty", "empty holds no images; expected .jpg,"),
        ("", "no file, folder or match for ''."),
    ],
)
def test_what_is_not_there_is_refused(item: str, message: str) -> None:
    with pytest.raises(DataError) as caught:
        find_images([item])
    assert message in str(caught.value)


def test_a_folder_that_cannot_be_listed_is_refused(
    pile: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.scandir

    def scandir(path: str) -> object:
        if Path(path).name == "er":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(DataError, match=r"deep/er cannot be listed: Permission denied"):
        find_images(["photos"])
