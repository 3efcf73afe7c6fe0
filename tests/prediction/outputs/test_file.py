import csv
import gzip
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet
import pytest
from predicted import predicted

from cnnxfer.errors import ConfigError
from cnnxfer.prediction.outputs.file import check_target, choose_writer, write_file
from cnnxfer.prediction.outputs.formats import WRITERS
from cnnxfer.prediction.prediction import Prediction
from cnnxfer.tasks.answer import RankedClass

PREDICTIONS = [
    predicted("ä.jpg", 4, 3, (RankedClass(1, "a", "a", 0.5),)),
    predicted("b.jpg", error="empty file"),
]


@pytest.mark.parametrize(
    ("name", "out", "chosen"),
    [
        ("auto", None, "table"),
        ("JSONL", None, "jsonl"),
        ("auto", "a.txt", "table"),
        ("auto", "a.json.gz", "json"),
        ("auto", "results.2026/a.JSONL.GZ", "jsonl"),
        ("auto", "a.ndjson", "jsonl"),
        ("auto", "a.csv.gz", "csv"),
        ("auto", "a.parquet", "parquet"),
        ("csv", "a.txt", "csv"),
        ("parquet", "a", "parquet"),
    ],
)
def test_the_format_is_given_or_taken_from_the_suffix(
    name: str, out: str | None, chosen: str
) -> None:
    assert choose_writer(name, Path(out) if out else None).name == chosen


@pytest.mark.parametrize("out", ["a", "a.xlsx", "a.gz", ".json", "a.csv.bz2"])
def test_the_error_for_an_unknown_suffix_lists_the_known_ones(out: str) -> None:
    with pytest.raises(ConfigError) as caught:
        choose_writer("auto", Path(out))
    assert str(caught.value) == (
        f"out is {out}; its suffix should be one of .txt, .json, .jsonl, .ndjson, "
        ".csv, .parquet (with .gz too), or add: "
        "format='table|json|jsonl|csv|parquet|coco|yolo|voc|labelme'"
    )


def test_a_similar_format_is_suggested() -> None:
    with pytest.raises(ConfigError, match=r"unknown format 'jsnl'.* 'jsonl'\?"):
        choose_writer("jsnl", None)


def test_parquet_to_a_terminal_or_gzip_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"Add: out='FILE\.parquet'$"):
        choose_writer("parquet", None)
    with pytest.raises(ConfigError, match=r"Leave \.gz out: out='a\.parquet'$"):
        choose_writer("auto", Path("a.parquet.gz"))


def test_a_target_that_cannot_be_written_is_refused_before_any_work(
    tmp_path: Path,
) -> None:
    check_target("--out", tmp_path / "a.csv", [])
    (tmp_path / "old.csv").touch()
    check_target("--out", tmp_path / "old.csv", [])
    with pytest.raises(ConfigError, match=r"out is .*, but there is no folder .*no"):
        check_target("--out", tmp_path / "no" / "a.csv", [])
    with pytest.raises(ConfigError, match="which is not a file"):
        check_target("--sheet", tmp_path, [])
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="which is not a file"):
        check_target("--out", tmp_path / "pipe", [])


def test_a_folder_without_permission_is_refused_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    with pytest.raises(ConfigError, match=r"cannot be written. Choose another one\.$"):
        check_target("--out", tmp_path / "a.csv", [])


@pytest.mark.parametrize(
    ("out", "given"),
    [
        ("in.json", ["b.jpg", "in.json"]),
        ("in.json", ["./in.json"]),
        ("in.json", ["link"]),
        ("in.json", ["*.json"]),
        ("in.json", ["@in.json"]),
    ],
)
def test_an_input_is_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str, given: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in.json").touch()
    Path("other.json").touch()
    Path("link").symlink_to("in.json")
    with pytest.raises(ConfigError) as caught:
        check_target("--out", Path(out), given)
    assert str(caught.value) == (
        "--out in.json is one of the inputs. Name another file."
    )
    check_target("--out", Path(out), ["other.json", "absent.jpg", "x*"])
    check_target("--out", Path("new.json"), ["new.json"])


def test_an_image_file_among_the_inputs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--sheet .*s\.png lies in "):
        check_target("--sheet", tmp_path / "s.png", [str(tmp_path)])
    check_target("--sheet", tmp_path / "s.html", [str(tmp_path)])


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("name", ["json", "jsonl", "csv", "table"])
def test_written_files_can_be_read(tmp_path: Path, name: str, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    write_file(PREDICTIONS, WRITERS.get(name), path)
    content = gzip.decompress(path.read_bytes()) if suffix else path.read_bytes()
    text = content.decode("utf-8")
    documents = [prediction.as_json() for prediction in PREDICTIONS]
    match name:
        case "json":
            assert json.loads(text) == documents
        case "jsonl":
            assert [json.loads(line) for line in text.splitlines()] == documents
        case "csv":
            assert text.count("\r\n") == text.count("\n") == 3
            assert [row[0] for row in csv.reader(text.splitlines())][1] == "ä.jpg"
        case "table":
            assert "empty file" in text
            assert "\r" not in text
    assert os.listdir(tmp_path) == [path.name]


def test_parquet_files_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    write_file(PREDICTIONS, WRITERS.get("parquet"), path)
    assert pyarrow.parquet.read_table(path)["path"].to_pylist() == ["ä.jpg", "b.jpg"]


def test_compressed_files_have_no_name_or_time(tmp_path: Path) -> None:
    for name in ("a.csv.gz", "b.csv.gz"):
        write_file(PREDICTIONS, WRITERS.get("csv"), tmp_path / name)
    content = (tmp_path / "a.csv.gz").read_bytes()
    assert content == (tmp_path / "b.csv.gz").read_bytes()
    # Flags without a name, and the time 0; the header of RFC 1952.
    assert content[:8] == b"\x1f\x8b\x08\x00" + bytes(4)


@pytest.mark.parametrize("name", [it.name for it in WRITERS if not it.folder])
def test_a_failure_leaves_the_old_file(tmp_path: Path, name: str) -> None:
    path = tmp_path / "out"
    path.write_text("old")

    def predictions() -> Iterator[Prediction]:
        yield PREDICTIONS[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_file(predictions(), WRITERS.get(name), path)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["out"]


def test_permissions_follow_the_umask(tmp_path: Path) -> None:
    write_file(PREDICTIONS, WRITERS.get("csv"), tmp_path / "a.csv")
    (tmp_path / "other").touch()
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert len(modes) == 1
