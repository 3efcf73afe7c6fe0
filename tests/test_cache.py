import errno
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from recording_reporter import RecordingReporter

from cnnxfer import cache as module
from cnnxfer.cache import (
    cache_dir,
    cached_directory,
    entry_problem,
    own_directory,
    read_cached_json,
)
from cnnxfer.errors import ConfigError
from cnnxfer.files import write_json_with_hash
from cnnxfer.reporting import Reporter


def test_a_cached_directory_is_filled_once(tmp_path: Path) -> None:
    calls = []

    def fill(directory: Path) -> None:
        calls.append(directory)
        (directory / "a").write_text("content")

    path = tmp_path / "deep" / "cached"
    for _ in range(2):
        assert cached_directory(path, fill, Reporter()) == path
        assert (path / "a").read_text() == "content"
    assert len(calls) == 1
    assert calls[0] != path


def test_a_failed_fill_leaves_no_cached_directory(tmp_path: Path) -> None:
    def fill(directory: Path) -> None:
        (directory / "a").write_text("half")
        raise OSError(errno.ENOSPC, "full")

    with pytest.raises(OSError, match="full") as caught:
        cached_directory(tmp_path / "cached", fill, Reporter())
    assert caught.value.filename == str(tmp_path / "cached")
    assert [name for name in os.listdir(tmp_path) if "lock" not in name] == []
    assert (
        cached_directory(tmp_path / "cached", lambda path: None, Reporter())
        == tmp_path / "cached"
    )


def test_an_existing_cached_directory_is_not_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cached").mkdir()
    monkeypatch.setattr("filelock.FileLock", None)
    assert (
        cached_directory(tmp_path / "cached", pytest.fail, Reporter())
        == tmp_path / "cached"
    )


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


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that anybody may write, as one below /tmp may be."""
    path = tmp_path / "cache"
    path.mkdir()
    path.chmod(0o777)
    monkeypatch.setenv("CNNXFER_CACHE", str(path))
    monkeypatch.setattr(module, "_warned", set())
    return path


@pytest.fixture
def umask() -> Iterator[None]:
    """Has the group write new files, as where each user has a group of their own."""
    before = os.umask(0o002)
    yield
    os.umask(before)


def fill(directory: Path) -> None:
    (directory / "folder").mkdir()
    for name in ("a", "folder/b"):
        (directory / name).write_text("content")


def modes(path: Path) -> set[str]:
    return {
        f"{stat.S_IMODE(part.stat().st_mode):o}" for part in (path, *path.rglob("*"))
    }


@pytest.mark.usefixtures("umask")
def test_only_the_owner_can_write_entries_whatever_the_umask_is(cache: Path) -> None:
    path = cached_directory(cache / "kind" / "entry", fill, Reporter())
    write_json_with_hash(own_directory(cache / "index") / "a.json", [])
    assert modes(path) == {"755", "644"}
    assert modes(cache / "index") == {"755", "644"}
    assert entry_problem(path) == entry_problem(cache / "index" / "a.json") == ""


@pytest.mark.parametrize("part", ["", "a", "..", "folder"])
def test_an_entry_that_others_can_have_written_is_made_anew(
    cache: Path, part: str
) -> None:
    reporter = RecordingReporter()
    path = cached_directory(cache / "kind" / "entry", fill, reporter)
    changed = path / part
    (path / "a").write_text("theirs")
    changed.chmod(0o777)
    assert cached_directory(path, fill, reporter) == path
    assert (path / "a").read_text() == "content"
    assert entry_problem(path) == ""  # the directory above is mended, too
    (warning,) = reporter.warnings
    assert warning.startswith(
        f"{Path(os.path.normpath(changed))} can be written by oth"
    )
    assert warning.endswith("Set CNNXFER_CACHE to a directory that only you can write.")


def test_many_entries_that_others_can_have_written_are_one_warning(cache: Path) -> None:
    reporter = RecordingReporter()
    for name in ("index/one", "index/two", "outputs/three"):
        path = cache / name
        write_json_with_hash(own_directory(path.parent) / path.name, [name])
        path.chmod(0o666)
        assert read_cached_json(path, list[str], reporter) is None
    assert len(reporter.warnings) == 1


@pytest.mark.parametrize("foreign", ["kind/entry", "kind"])
def test_the_entry_of_another_user_is_not_used(
    cache: Path, foreign: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = cached_directory(cache / "kind" / "entry", fill, Reporter())
    theirs = cache / foreign
    monkeypatch.setattr(
        module, "distrust", lambda part: "belongs to mallory" * (part == theirs)
    )
    monkeypatch.setattr(shutil, "rmtree", refuse)  # as the system would
    with pytest.raises(ConfigError, match="Set CNNXFER_CACHE to a directory of"):
        cached_directory(path, pytest.fail, Reporter())


def refuse(path: Path, ignore_errors: bool = False) -> None:
    if not ignore_errors:
        raise PermissionError(errno.EPERM, "Operation not permitted", str(path))
