"""Tests that image sources are read in one way, wherever the image is."""

import pickle
from pathlib import Path

import pytest

from cnnxfer.data.images.source import file_source, unreadable_source
from cnnxfer.errors import DataError, reason_of


def test_a_pickled_file_source_can_be_read(tmp_path: Path) -> None:
    path = str(tmp_path / "a b.jpg")
    source = file_source(path)  # it may be written later
    Path(path).write_bytes(b"pixels")
    assert (source.name, source.here) == (path, False)
    assert pickle.loads(pickle.dumps(source)).read() == b"pixels"


def test_an_unreadable_source_raises_its_reason() -> None:
    source = pickle.loads(pickle.dumps(unreadable_source("a.jpg", "gone")))
    assert (source.name, source.here) == ("a.jpg", False)
    with pytest.raises(DataError, match=r"^gone$"):
        source.read()


def test_reasons_are_the_messages_of_the_system() -> None:
    assert reason_of(PermissionError(13, "Permission denied")) == "permission denied"
    assert reason_of(OSError("Not a gzipped file")) == "not a gzipped file"


def test_a_path_is_of_the_directory_in_which_it_was_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.jpg").write_bytes(b"content")
    source = file_source("a.jpg")
    monkeypatch.chdir("/")
    assert (source.name, source.read()) == ("a.jpg", b"content")
