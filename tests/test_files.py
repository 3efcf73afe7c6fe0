import errno
import hashlib
import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from cnnxfer.errors import RunError
from cnnxfer.files import (
    atomic_path,
    check_writable,
    explained_os_errors,
    file_hash,
    format_bytes,
    json_text,
    name_file,
    remove_leftovers,
    write_text,
)


def test_file_names_of_the_maximum_length_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("ä" * 125 + ".json")
    with atomic_path(path) as temporary:
        temporary.write_text("whole")
    assert path.read_text() == "whole"


def test_write_text_replaces_the_file_and_leaves_no_other(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_text(path, "old")
    write_text(path, "naïve\n")
    assert path.read_bytes() == "naïve\n".encode()
    assert os.listdir(tmp_path) == ["a.json"]


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt()])
def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, error: BaseException
) -> None:
    path = tmp_path / "a.json"
    write_text(path, "old")

    def write() -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("half of the n")
            raise error

    with pytest.raises(type(error)):
        write()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.json"]


def test_a_full_disk_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with pytest.raises(OSError, match="full") as caught, atomic_path(path):
        raise OSError(errno.ENOSPC, "full")
    assert caught.value.filename == str(path)


@pytest.mark.parametrize(
    ("named", "expected"),
    [(None, "final"), ("a/.tmp-1/b", "final"), ("a/.tmp-b", "final"), ("a/b", "a/b")],
)
def test_errors_of_temporary_files_name_the_final_one(
    named: str | None, expected: str
) -> None:
    error = OSError(errno.ENOSPC, "full", named)
    name_file(error, Path("final"))
    assert error.filename == expected


def test_the_error_names_the_file_to_write(tmp_path: Path) -> None:
    """It does not name the temporary file, which users do not know."""
    path = tmp_path / "none" / "a.json"
    with pytest.raises(FileNotFoundError) as caught:
        write_text(path, "new")
    assert caught.value.filename == str(path)
    path = tmp_path / "a.json"
    with pytest.raises(PermissionError) as other, atomic_path(path) as temporary:
        raise PermissionError(errno.EACCES, "Permission denied", str(temporary))
    assert other.value.filename == str(path)


def test_the_error_names_another_file_that_failed(tmp_path: Path) -> None:
    lost = tmp_path / "lost"
    with pytest.raises(FileNotFoundError) as caught, atomic_path(tmp_path / "a"):
        lost.read_bytes()
    assert caught.value.filename == str(lost)


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.ENOSPC, "no space left on device. Make room"),
        (errno.EDQUOT, "disk quota exceeded. Make room"),
        (errno.EROFS, "read-only file system. Make it writable"),
        (errno.EACCES, "permission denied. Make it writable"),
        (errno.EIO, "input/output error. Check the disk"),
    ],
)
def test_write_errors_are_explained(number: int, reason: str) -> None:
    with pytest.raises(RunError) as caught, explained_os_errors("cnnxfer resume x"):
        raise OSError(number, "what HDF5 says,\nin many lines", "runs/x/a")
    assert str(caught.value) == (
        f"runs/x/a cannot be written: {reason}, then go on with: cnnxfer resume x"
    )


@pytest.mark.parametrize(
    "error", [OSError(errno.EBADF, "a bug"), FileNotFoundError(2, "a bug"), OSError()]
)
def test_unexpected_os_errors_are_not_explained(error: OSError) -> None:
    with pytest.raises(type(error)) as caught, explained_os_errors("cnnxfer resume x"):
        raise error
    assert caught.value is error


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_device_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_text(path, "old")

    def write() -> None:
        with explained_os_errors("cnnxfer resume x"), atomic_path(path) as temporary:
            temporary.unlink()
            temporary.symlink_to("/dev/full")
            temporary.write_text("new")

    with pytest.raises(RunError, match=rf"{path} cannot be written: no space left"):
        write()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.json"]


def test_check_writable_names_the_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_writable(tmp_path)
    assert os.listdir(tmp_path) == []

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "/tmp/xyz")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    with pytest.raises(PermissionError) as caught:
        check_writable(tmp_path)
    assert caught.value.filename == str(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_check_writable_refuses_a_read_only_directory(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    with pytest.raises(PermissionError):
        check_writable(tmp_path)
    tmp_path.chmod(0o755)


def test_temporary_files_are_removed_at_any_depth(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name in ("a", ".tmp-1-a", "deep/.tmp-2-b", "deep/b.tmp-"):
        (tmp_path / name).touch()
    remove_leftovers(tmp_path)
    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*"))
    assert left == ["a", "deep", "deep/b.tmp-"]


def test_a_killed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_text(path, "old")
    code = f"""
import os, signal
from pathlib import Path
from cnnxfer.files import atomic_path
with atomic_path(Path({str(path)!r})) as temporary:
    temporary.write_text("half of the n")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    process = subprocess.run([sys.executable, "-c", code])
    assert process.returncode == -signal.SIGKILL
    assert path.read_text() == "old"
    remove_leftovers(tmp_path)
    assert os.listdir(tmp_path) == ["a.json"]


def test_content_is_flushed_before_the_rename(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    seen = []
    monkeypatch.setattr(os, "fsync", lambda handle: seen.append(path.exists()))
    write_text(path, "new")
    assert seen == [False]
    assert path.exists()


def test_temporary_names_keep_the_suffix(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "model.weights.h5") as temporary:
        assert temporary.parent == tmp_path
        assert temporary.name.endswith(".weights.h5")


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600)])
def test_files_follow_the_umask(tmp_path: Path, mask: int, mode: int) -> None:
    before = os.umask(mask)
    try:
        write_text(tmp_path / "a", "")
        assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == mode
        assert os.umask(mask) == mask  # reading it has not changed it
    finally:
        os.umask(before)


@pytest.mark.parametrize(
    ("document", "ascii_only"),
    [({"a": "Gänseblümchen"}, False), ("\udcff.jpg", True), (["a\x9b31m"], True)],
)
def test_json_text_escapes_only_what_utf8_cannot_encode(
    document: object, ascii_only: bool
) -> None:
    text = json_text(document, indent=2)
    assert json.loads(text) == document
    assert text.isascii() == ascii_only
    assert text.encode()


def test_file_hash(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"0123456789")
    assert file_hash(path) == hashlib.sha256(b"0123456789").hexdigest()
    assert file_hash(path, "md5") == hashlib.md5(b"0123456789").hexdigest()


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (17_300_000, "17.3 MB"), (2.5e12, "2.5 TB")],
)
def test_format_bytes(size: float, text: str) -> None:
    assert format_bytes(size) == text
