"""Full and read-only disks: one line reports them, and the run can be resumed."""

import errno
import resource
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cnnxfer.networks.saving import load_model
from cnnxfer.runs import Run, find_run
from cnnxfer.training.loop.checkpoint import read_checkpoint

Act = Callable[[], object]
Train = Callable[[Path], tuple[int, Run]]
SECOND_EPOCH = 4  # the number of an update in the second epoch


def test_a_full_disk_is_reported_and_the_run_can_be_resumed(
    train: Train,
    resume: Callable[[Run], int],
    head: Run,
    error_line: Callable[[], str],
    mounted: Callable[..., None],
    before_update: Callable[[int, Act], None],
    assert_ends_like: Callable[[Run, Run], None],
    tmp_path: Path,
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted("-t", "tmpfs", "-o", "size=16m", "none", disk)

    def fill() -> None:
        (disk / "filler").write_bytes(bytes(shutil.disk_usage(disk).free))

    before_update(SECOND_EPOCH, fill)
    code, run = train(disk / "runs")
    assert code == 1
    line = error_line()
    assert line.startswith(f"error: {run.path}/")
    assert line.endswith(
        " cannot be written: no space left on device. "
        f"Make room, then go on with: cnnxfer resume {run.path}"
    )
    assert [row["epoch"] for row in run.history] == [1]
    load_model(run.model_path)
    assert read_checkpoint(run.checkpoints_dir)
    (disk / "filler").unlink()
    assert resume(run) == 0
    assert_ends_like(run, head)


def test_a_model_that_exceeds_the_file_size_limit_is_reported(
    train: Train,
    resume: Callable[[Run], int],
    head: Run,
    error_line: Callable[[], str],
    before_update: Callable[[int, Act], None],
    assert_ends_like: Callable[[Run, Run], None],
    tmp_path: Path,
) -> None:
    """The system refuses to write in the middle of the file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    half = head.model_path.stat().st_size // 2
    before_update(1, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (half, hard)))
    try:
        code, run = train(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert code == 1
    line = error_line()
    assert f"{run.model_path} cannot be written: file too large. Make room for" in line
    assert line.endswith(f"then go on with: cnnxfer resume {run.path}")
    assert not run.model_path.exists()
    assert not list(run.path.rglob(".tmp-*"))
    assert resume(run) == 0
    assert_ends_like(run, head)


def test_a_run_that_becomes_read_only_is_reported(
    train: Train,
    head: Run,
    error_line: Callable[[], str],
    before_update: Callable[[int, Act], None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    before_update(
        SECOND_EPOCH, lambda: monkeypatch.setattr(tempfile, "mkstemp", refuse)
    )
    code, run = train(tmp_path)
    assert code == 1
    assert error_line().endswith(
        " cannot be written: read-only file system. "
        f"Make it writable, then go on with: cnnxfer resume {run.path}"
    )
    assert [row["epoch"] for row in run.history] == [1]
    load_model(run.model_path)


def test_a_read_only_run_is_refused_before_any_work(
    head: Run,
    resume: Callable[[Run], int],
    error_line: Callable[[], str],
    mounted: Callable[..., None],
    tmp_path: Path,
) -> None:
    shutil.copytree(head.path, tmp_path / "runs" / head.name)
    run = find_run(head.name, tmp_path / "runs")
    run.update_receipt(status="interrupted")
    mounted("--bind", run.path, run.path)
    mounted("-o", "remount,ro,bind", run.path)
    before = {path: path.read_bytes() for path in run.path.rglob("*.*")}
    assert resume(run) == 1
    assert error_line() == (
        f"error: {run.path} cannot be written: read-only file system. "
        f"Make it writable, then go on with: cnnxfer resume {run.path}"
    )
    assert {path: path.read_bytes() for path in run.path.rglob("*.*")} == before
