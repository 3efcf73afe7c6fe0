"""Zip archives that are far larger inside than outside, or list too much."""

import os
import zipfile
from pathlib import Path

import pytest

from cnnxfer import unpacking
from cnnxfer.errors import DataError
from cnnxfer.unpacking import check_ratio, is_stored, open_stored, open_zip

MEGABYTE = 1_000_000


def written(path: Path, method: int = zipfile.ZIP_STORED, files: int = 3) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for number in range(files):
            archive.writestr(f"{number}.jpg", bytes(1000))
    return path


def test_small_files_may_unpack_to_a_gigabyte_and_large_ones_to_more() -> None:
    check_ratio(1000 * MEGABYTE, 1)
    check_ratio(200 * 1000 * MEGABYTE, 1000 * MEGABYTE)
    with pytest.raises(DataError, match=r"^decompression bomb: 5\.0 MB unpack to 1\.0"):
        check_ratio(1001 * MEGABYTE, 5 * MEGABYTE)


def test_an_index_of_too_many_files_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "a.zip", files=40)
    assert len(open_zip(path, 40).infolist()) == 40
    monkeypatch.setattr(unpacking, "ZipFile", None)
    with pytest.raises(DataError, match=r"^it lists 40 files; the limit is 39$"):
        open_zip(path, 39)
    monkeypatch.setattr(unpacking, "MAX_INDEX_BYTES", 1000)
    with pytest.raises(DataError, match=r"^its index has 2\.\d kB; the limit is 1\.0"):
        open_zip(path, 40)


def test_an_index_that_holds_more_than_it_says_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "a.zip", files=40)
    content = bytearray(path.read_bytes())
    at = content.rindex(b"PK\5\6") + 8
    content[at : at + 4] = bytes([1, 0, 1, 0])  # says one file, on this disk and in all
    path.write_bytes(content)
    assert len(zipfile.ZipFile(path).infolist()) == 40  # and Python reads them all
    monkeypatch.setattr(unpacking, "ZipFile", None)
    with pytest.raises(DataError, match=r"^it lists 40 files; the limit is 30$"):
        open_zip(path, 30)


def test_uncompressed_archives_unpack_to_no_more_than_their_size(
    tmp_path: Path,
) -> None:
    assert is_stored(written(tmp_path / "plain.zip"))
    assert not is_stored(written(tmp_path / "packed.zip", zipfile.ZIP_DEFLATED))
    (tmp_path / "none.zip").write_bytes(b"none")
    assert not is_stored(tmp_path / "none.zip")
    # All names in the index lead to the first file.
    with zipfile.ZipFile(tmp_path / "overlapping.zip", "w") as archive:
        archive.writestr("0.jpg", bytes(1000))
        (first,) = archive.infolist()
        archive.filelist += [first] * 20
    assert not is_stored(tmp_path / "overlapping.zip")


def test_a_part_of_an_uncompressed_archive_is_read_from_any_place(
    tmp_path: Path,
) -> None:
    path = tmp_path / "parts.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("first", bytes(100))
        part = zipfile.ZipInfo("second")
        part.extra = b"\xff\xff\4\0more"
        archive.writestr(part, b"0123456789")
        archive.writestr("third", bytes(100))
    with open_stored(path, "second") as stream:
        assert stream.read() == b"0123456789"
        assert [stream.seek(2), stream.read(3), stream.tell()] == [2, b"234", 5]
        assert [stream.seek(1, os.SEEK_CUR), stream.read(1)] == [6, b"6"]
        assert [stream.seek(-2, os.SEEK_END), stream.read(9)] == [8, b"89"]
    with pytest.raises(KeyError):
        open_stored(path, "fourth")
