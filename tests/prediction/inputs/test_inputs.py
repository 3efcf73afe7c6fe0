"""Files, folders and globs; what was typed is checked at once."""

import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from cnnxfer.config.prediction import InputOptions
from cnnxfer.data.images.passed_over import PassedOver
from cnnxfer.errors import ConfigError, DataError
from cnnxfer.prediction.inputs import count_images, find_images

needs_permissions = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read anything"
)


def names(*inputs: str, options: InputOptions | None = None) -> list[str]:
    settings = options or InputOptions()
    sources = list(find_images(inputs, settings))
    assert count_images(inputs, settings) == len(sources)
    return [source.name for source in sources]


@pytest.mark.usefixtures("input_files")
def test_folders_are_sorted_and_hidden_files_left_out() -> None:
    assert names("photos") == [
        "photos/a.PNG",
        "photos/b.jpg",
        "photos/deep/scan.jxl",
        "photos/deep/er/d.webp",
    ]


@pytest.mark.usefixtures("input_files")
def test_subfolders_can_be_left_out() -> None:
    alone = InputOptions(recursive=False)
    assert names("photos", options=alone) == ["photos/a.PNG", "photos/b.jpg"]
    Path("[1].jpg").unlink()
    with pytest.raises(DataError, match=r"holds no images; .* with recursive=True\."):
        find_images(["."], alone)


@pytest.mark.usefixtures("input_files")
def test_inputs_keep_their_order_and_files_may_have_any_suffix() -> None:
    inputs = ["photos/notes.txt", "photos/deep", "photos/b.jpg", "photos/b.jpg"]
    assert names(*inputs) == [
        "photos/notes.txt",
        "photos/deep/scan.jxl",
        "photos/deep/er/d.webp",
        "photos/b.jpg",
        "photos/b.jpg",
    ]


def test_files_of_a_folder_can_be_read(input_files: Path, found) -> None:
    assert found("photos")[0] == ("photos/a.PNG", "photos/a.PNG")


@pytest.mark.usefixtures("input_files")
@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("photos/*.[jP]*", ["photos/a.PNG", "photos/b.jpg"]),
        ("photos/**/*.webp", ["photos/deep/er/d.webp"]),
        ("photo?/deep", ["photos/deep/scan.jxl", "photos/deep/er/d.webp"]),
        ("[1].jpg", ["[1].jpg"]),  # its own name before its meaning as a pattern
    ],
)
def test_globs_are_expanded(pattern: str, expected: list[str]) -> None:
    assert names(pattern) == expected


@pytest.mark.usefixtures("input_files")
def test_a_glob_takes_the_folders_that_it_matches_too() -> None:
    Path("photos/nothing").mkdir()
    assert names("photos/*") == names("photos")
    assert names("**/*") == names("**") == sorted(["[1].jpg", *names("photos")])


def test_a_recursive_glob_does_not_follow_links_in_circles(input_files: Path) -> None:
    before = names("photos/**/*.jpg")
    (input_files / "photos" / "deep" / "up").symlink_to(input_files)
    (input_files / "photos" / "deep" / "er" / "round").symlink_to("..")
    (input_files / "beside").mkdir()
    (input_files / "beside" / "x.jpg").touch()
    (input_files / "photos" / "linked").symlink_to("../beside")
    assert names("photos/**/*.jpg") == [*before, "photos/linked/x.jpg"]
    passed_over = PassedOver()
    find_images([f"{input_files}/**/linked/*.jpg"], passed_over=passed_over)
    assert passed_over.line().startswith("passed over 2 links in circles, such as ")


def test_files_are_images_by_name_or_by_content(input_files: Path) -> None:
    photos = input_files / "photos"
    jpeg, png = b"\xff\xd8\xff\xe0\0\x10JFIF", b"\x89PNG\r\n\x1a\n"
    (photos / "IMG_1").write_bytes(jpeg)
    (photos / "wrong.txt").write_bytes(png)
    (photos / "data").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(60))
    (photos / "bmi.txt").write_text("BMI of patients, and how it is measured")
    (photos / "p2p").write_text("P2P")
    (photos / "empty").touch()
    (photos / "Thumbs.db").write_bytes(jpeg)
    os.mkfifo(photos / "pipe")
    (photos / "deep" / "up").symlink_to("..")
    for inputs in (["photos"], ["photos/*"], ["photos/**"]):
        passed_over = PassedOver()
        found = [source.name for source in find_images(inputs, passed_over=passed_over)]
        assert sorted(found) == [
            "photos/IMG_1",
            "photos/a.PNG",
            "photos/b.jpg",
            "photos/deep/er/d.webp",
            "photos/deep/scan.jxl",
            "photos/wrong.txt",
        ]
        assert count_images(inputs) == 6
        line = passed_over.line()
        assert "6 files that are not images, such as photos/bmi.txt" in line
        assert "1 link in a circle, such as photos/deep/up" in line
        hidden = {"photos": "3 hidden or system files, such as photos/.git/"}
        hidden["photos/*"] = "1 hidden or system file, such as photos/Thumbs.db"
        assert hidden.get(inputs[0], "") in line
    with pytest.raises(DataError, match=r"for 'photos/\*e' \(passed over 1 file that"):
        find_images(["photos/*e"])


@pytest.mark.usefixtures("input_files")
def test_a_recursive_glob_takes_each_file_once() -> None:
    files = names("photos/**")
    assert len(files) == len(set(files)) == 4


def test_an_existing_file_may_begin_with_a_special_character(
    input_files: Path,
) -> None:
    (input_files / "@home.jpg").touch()
    assert names("@home.jpg") == ["@home.jpg"]


def test_a_dangling_link_is_reported_in_order(input_files: Path, found) -> None:
    (input_files / "gone.jpg").symlink_to(input_files / "nowhere.jpg")
    (input_files / "photos" / "gone.jpg").symlink_to(input_files / "nowhere.jpg")
    missing = "<no such file or directory>"
    assert found("photos/b.jpg", "gone.jpg")[1] == ("gone.jpg", missing)
    assert found("photos")[2] == ("photos/gone.jpg", missing)


def test_circular_links_do_not_repeat_files(input_files: Path, found) -> None:
    (input_files / "photos" / "deep" / "up").symlink_to(input_files / "photos")
    (input_files / "photos" / "deep" / "up.jpg").symlink_to(input_files / "photos")
    (input_files / "photos" / "self.jpg").symlink_to(
        input_files / "photos" / "self.jpg"
    )
    results = found("photos")
    assert len(results) == 5
    assert results[2] == ("photos/self.jpg", "<too many levels of symbolic links>")


def test_reading_a_deleted_file_is_an_error_for_it_alone(input_files: Path) -> None:
    sources = list(find_images(["photos"]))
    (input_files / "photos" / "a.PNG").unlink()
    with pytest.raises(DataError, match=r"^no such file or directory$"):
        sources[0].read()
    assert sources[1].read() == b"photos/b.jpg"


@pytest.mark.usefixtures("input_files")
def test_a_subfolder_that_cannot_be_listed_is_reported_in_order(
    monkeypatch: pytest.MonkeyPatch, found
) -> None:
    forbid(monkeypatch, "deep")
    Path("photos/zoo").mkdir()
    Path("photos/zoo/z.jpg").touch()
    assert found("photos")[1:] == [
        ("photos/b.jpg", "photos/b.jpg"),
        ("photos/deep", "<cannot be listed: permission denied>"),
        ("photos/zoo/z.jpg", ""),
    ]


@pytest.mark.usefixtures("input_files")
def test_a_given_folder_that_cannot_be_listed_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    forbid(monkeypatch, "photos")
    with pytest.raises(DataError, match=r"^photos cannot be listed: permission denied"):
        find_images(["photos"])


def forbid(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    real = os.scandir

    def scandir(path: str) -> object:
        if Path(path).name == name:
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)


@needs_permissions
def test_a_file_without_permission_is_reported_in_order(
    input_files: Path, found
) -> None:
    (input_files / "photos" / "a.PNG").chmod(0)
    assert found("photos")[0] == ("photos/a.PNG", "<permission denied>")


def test_folders_deeper_than_the_recursion_limit_are_searched(
    input_files: Path,
) -> None:
    deep = input_files / "deep"
    deep.mkdir()
    here = os.open(deep, os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("x.jpg", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)
    try:
        assert names("deep") == ["deep/" + "d/" * 1200 + "x.jpg"]
    finally:  # Python's own rmtree, which pytest uses, cannot go so deep
        subprocess.run(["rm", "-rf", deep], check=True)


def test_folders_are_listed_lazily(
    input_files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = find_images(["photos"])
    listed = []
    real = os.scandir

    def scandir(path: str) -> Iterator[os.DirEntry[str]]:
        listed.append(path)
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    list(islice(sources, 2))
    assert listed == ["photos"]


@pytest.mark.usefixtures("input_files")
@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("photos/c.jpg", "no file, folder or match for 'photos/c.jpg'. Did you mean"),
        ("nosuch/c.jpg", "The folder nosuch does not exist."),
        ("*.heic", "no file, folder or match for '*.heic'."),
        ("empty", "empty holds no images; expected .jpg,"),
        ("", "no file, folder or match for ''."),
        ("ftp://host/a.jpg", "no file, folder or match for 'ftp://host/a.jpg'."),
    ],
)
def test_missing_or_empty_inputs_are_refused(item: str, message: str) -> None:
    with pytest.raises(DataError) as caught:
        find_images(["photos/b.jpg", item])
    assert message in str(caught.value)


@pytest.mark.usefixtures("input_files")
def test_a_column_without_a_table_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^column is 'file', and no input is a tab"):
        find_images(["photos"], InputOptions(column="file"))


def test_reading_files_imports_no_network_or_archive_modules() -> None:
    code = (
        "import sys; from cnnxfer.prediction.inputs import find_images; "
        f"assert next(find_images([{__file__!r}])).read(); "
        "print(*{'ssl', 'tarfile', 'pyarrow', 'keras'} & set(sys.modules))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    assert result.stdout.strip() == "", result.stderr


@pytest.mark.usefixtures("input_files")
def test_a_typed_path_is_found_in_the_other_unicode_form(found) -> None:
    Path("cafe\u0301.jpg").write_text("coffee")
    assert found("caf\xe9.jpg") == [("cafe\u0301.jpg", "coffee")]
