"""Tests of reading encoded images from files, parts of files and other things."""

import os
import re
from pathlib import Path

import pytest

from cnnxfer.data.annotation import Labels
from cnnxfer.data.dataset import MAX_BYTES, Example, read_bytes
from cnnxfer.errors import DataError


def test_a_whole_file_is_read(tmp_path: Path):
    (tmp_path / "a").write_bytes(b"0123456789")
    assert read_bytes(tmp_path / "a") == b"0123456789"


def test_an_example_reads_its_part_of_a_file(tmp_path: Path):
    (tmp_path / "a").write_bytes(b"0123456789")
    example = Example("a", Labels((0,)), None, tmp_path / "a", offset=3, size_bytes=4)
    assert example.read() == b"3456"


def _missing(path: Path) -> None:
    pass


def _dangling(path: Path) -> None:
    path.symlink_to("nowhere")


def _huge(path: Path) -> None:
    path.touch()
    os.truncate(path, MAX_BYTES + 1)  # takes no room


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (_missing, "no such file or directory"),
        (_dangling, "no such file or directory"),
        (Path.mkdir, "not a file"),
        (os.mkfifo, "not a file"),  # reading it would wait for a writer
        (_huge, "too large: over 512 MiB, the limit"),
    ],
)
def test_unreadable_files_raise_their_reason(make, reason, tmp_path: Path):
    make(tmp_path / "a")
    with pytest.raises(DataError, match=f"^{re.escape(reason)}$"):
        read_bytes(tmp_path / "a")


def test_a_path_with_a_null_byte_is_a_data_error():
    with pytest.raises(DataError, match=r"^embedded null byte$"):
        read_bytes(Path("a\0b"))
