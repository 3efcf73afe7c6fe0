"""Tests of lists of images to leave out."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from recording_reporter import RecordingReporter

from cnnxfer.data.annotation import Labels
from cnnxfer.data.dataset import Dataset, Example
from cnnxfer.data.preparing.exclude import exclude_listed, format_line, read_list
from cnnxfer.errors import ConfigError
from cnnxfer.reporting import Reporter


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    root = tmp_path / "photos"
    ids = ("iris/1.jpg", "iris/2.jpg", "rose/1.jpg", "rose/2.jpg")
    return Dataset(
        "photos",
        ("iris", "rose"),
        tuple(Example(id, Labels((id < "r",)), None, root / id) for id in ids),
        columns={"plant": ("p", "q", "r", "s")},
        hidden=(".DS_Store",),
    )


def excluded(dataset: Dataset, path: Path, text: str | bytes) -> tuple[list[str], ...]:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    reporter = RecordingReporter()
    left = exclude_listed(dataset, path, reporter)
    kept = [example.id for example in left.examples]
    return kept, reporter.infos, reporter.warnings


def test_images_are_excluded_by_id_or_path(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "list.txt"
    text = "# a comment\n\n iris/1.jpg \r\nphotos/rose/1.jpg\n"
    text += f"{tmp_path}/photos/rose/2.jpg"
    kept, said, warned = excluded(dataset, path, text)
    assert kept == ["iris/2.jpg"]
    assert said == [f"left out 3 images that {path} names"]
    assert warned == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252"])
def test_lists_of_other_programs_are_understood(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    monkeypatch.chdir(tmp_path)
    apart = replace(
        dataset.examples[0], id="iris/e\u0301.jpg", path=tmp_path / "photos/e\u0301.jpg"
    )
    rose = dataset.examples[2].path
    rose.parent.mkdir(parents=True)
    rose.touch()
    dataset = replace(dataset, examples=(apart, *dataset.examples[1:]))
    text = '\r\niris/\xe9.jpg\r\niris\\2.jpg\r\n"photos\\rose\\1.jpg"\r\n'
    kept, _, warned = excluded(dataset, tmp_path / "list.txt", text.encode(encoding))
    assert kept == ["rose/2.jpg"]
    assert warned == []


def test_absolute_paths_match_data_given_by_a_relative_path(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    relative = replace(
        dataset,
        examples=tuple(
            replace(example, path=example.path.relative_to(tmp_path))
            for example in dataset.examples
        ),
    )
    text = f"{tmp_path}/photos/rose/1.jpg\n./photos/../photos/rose/2.jpg\n"
    kept, _, warned = excluded(relative, tmp_path / "list.txt", text)
    assert kept == ["iris/1.jpg", "iris/2.jpg"]
    assert warned == []


def test_columns_of_a_table_stay_with_their_images(
    dataset: Dataset, tmp_path: Path
) -> None:
    path = tmp_path / "list.txt"
    path.write_text("iris/2.jpg")
    left = exclude_listed(dataset, path, Reporter())
    assert left.columns == {"plant": ("p", "r", "s")}
    assert left.hidden == dataset.hidden
    assert left.class_names == dataset.class_names


def test_lines_that_match_no_image_are_counted(
    dataset: Dataset, tmp_path: Path
) -> None:
    path = tmp_path / "list.txt"
    kept, said, warned = excluded(
        dataset, path, "iris/1.jpg\niris/9.jpg\nrosee/1.jpg\n"
    )
    assert len(kept) == 3
    assert said == [f"left out 1 image that {path} names"]
    assert warned == [f"2 lines of {path} name no image of photos, such as iris/9.jpg."]
    kept, said, warned = excluded(dataset, path, "x\n")
    assert (len(kept), said) == (4, [])
    assert warned == [f"1 line of {path} names no image of photos, such as x."]


def test_byte_order_marks_and_crlf_are_ignored(
    dataset: Dataset, tmp_path: Path
) -> None:
    text = b"\xef\xbb\xbfiris/1.jpg\r\nrose/2.jpg\r\n"
    kept, _, warned = excluded(dataset, tmp_path / "list.txt", text)
    assert kept == ["iris/2.jpg", "rose/1.jpg"]
    assert warned == []


def test_images_packed_in_one_file_are_excluded_by_id(tmp_path: Path) -> None:
    images = tmp_path / "images.bin"
    examples = (
        Example("a", Labels((0,)), None, images, 0, 5),
        Example("b", Labels((1,)), None, images, 5, 5),
    )
    dataset = Dataset("set", ("x", "y"), examples)
    kept, _, warned = excluded(dataset, tmp_path / "list.txt", f"{images}\nb\n")
    assert kept == ["a"]
    assert len(warned) == 1


@pytest.mark.parametrize(
    "name",
    [
        "a/b.jpg",
        "# a",
        '"a',
        '"a"',
        " a ",
        "a\nb",
        "a\r",
        "\x85",
        "\ufeffa",
        "blå 花",
        "",
    ],
)
def test_any_name_can_be_written_and_read_back(name: str, tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text(f"{format_line(name)}\n", "utf-8")
    assert read_list(path) == [name]


def test_only_a_newline_ends_a_line(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("a\x0bb\u2028c.jpg\nd\x85.jpg\n", "utf-8")
    assert read_list(path) == ["a\x0bb\u2028c.jpg", "d\x85.jpg"]


def test_a_line_that_only_begins_with_a_quote_is_taken_literally(
    tmp_path: Path,
) -> None:
    path = tmp_path / "list.txt"
    path.write_text('"so called" rose.jpg\n')
    assert read_list(path) == ['"so called" rose.jpg']


def test_a_list_that_cannot_be_read_is_an_error(
    dataset: Dataset, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"exclude .* no such file"):
        exclude_listed(dataset, tmp_path / "none.txt", Reporter())
    with pytest.raises(ConfigError, match=r"exclude .* is a directory"):
        exclude_listed(dataset, tmp_path, Reporter())
    path = tmp_path / "picture.jpg"
    path.write_bytes(os.urandom(3) + b"\xff\xd8")
    with pytest.raises(ConfigError, match="is neither UTF-8 nor Windows-1252; exp"):
        exclude_listed(dataset, path, Reporter())
