import errno
import os
from pathlib import Path

import pytest

from cnnxfer.cache import cache_dir, cached_directory
from cnnxfer.errors import ConfigError


def test_a_cached_directory_is_filled_once(tmp_path: Path) -> None:
    calls = []

    def fill(directory: Path) -> None:
        calls.append(directory)
        (directory / "a").write_text("content")

    path = tmp_path / "deep" / "cached"
    for _ in range(2):
        assert cached_directory(path, fill) == path
        assert (path / "a").read_text() == "content"
    assert len(calls) == 1
    assert calls[0] != path


def test_a_failed_fill_leaves_no_cached_directory(tmp_path: Path) -> None:
    def fill(directory: Path) -> None:
        (directory / "a").write_text("half")
        raise OSError(errno.ENOSPC, "full")

    with pytest.raises(OSError, match="full"):
        cached_directory(tmp_path / "cached", fill)
    assert [name for name in os.listdir(tmp_path) if "lock" not in name] == []
    assert (
        cached_directory(tmp_path / "cached", lambda path: None) == tmp_path / "cached"
    )


def test_an_existing_cached_directory_is_not_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cached").mkdir()
    monkeypatch.setattr("filelock.FileLock", None)
    assert cached_directory(tmp_path / "cached", pytest.fail) == tmp_path / "cached"


def test_cache_dir_is_created_or_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CNNXFER_CACHE", str(tmp_path / "a" / "b"))
    assert cache_dir() == tmp_path / "a" / "b"
    assert cache_dir().is_dir()
    (tmp_path / "file").touch()
    monkeypatch.setenv("CNNXFER_CACHE", str(tmp_path / "file" / "b"))
    with pytest.raises(ConfigError, match=r"file/b cannot be created .*CNNXFER_CACHE"):
        cache_dir()
