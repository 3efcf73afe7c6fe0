import errno
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from cnnxfer.errors import RunError
from cnnxfer.files import atomic_path
from cnnxfer.runs import Run, lock_run, require_idle, status_of
from cnnxfer.runs.lock import HOLDER, LOCK

Make = Callable[..., Run]
HOLD = """
import sys
from pathlib import Path
from cnnxfer.runs import Run, lock_run
path = Path(sys.argv.pop())
with lock_run(Run(path)):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def held(run: Run) -> Iterator[subprocess.Popen[str]]:
    """Yields a process that locks a run until its stdin is closed or it is killed."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, "resume", "my run", str(run.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield process


def test_a_second_process_learns_who_trains_the_run(make: Make) -> None:
    run = make("a")
    with held(run) as process:
        before = datetime.now()
        with pytest.raises(RunError) as caught, lock_run(run):
            pytest.fail("two hold it")
        found = re.fullmatch(
            rf"{run.path} is being trained by process {process.pid} "
            rf"\(-c resume 'my run'\) since (\d\d:\d\d)\. "
            rf"Wait for it, or stop it: kill {process.pid}",
            str(caught.value),
        )
        assert found
        assert found[1] in (f"{before:%H:%M}", f"{datetime.now():%H:%M}")
        process.communicate()
    with lock_run(run):
        assert json.loads((run.path / HOLDER).read_text())["process"] == os.getpid()
    assert not (run.path / HOLDER).exists()


def test_a_run_that_is_trained_is_not_idle(make: Make) -> None:
    run = make("a")
    require_idle(run)
    assert not (run.path / LOCK).exists()
    with held(run) as process:
        with pytest.raises(RunError) as refused, lock_run(run):
            pytest.fail("two hold it")
        with pytest.raises(RunError) as caught:
            require_idle(run)
        assert str(caught.value) == str(refused.value)
        assert f"being trained by process {process.pid} " in str(caught.value)
        process.communicate()
    assert (run.path / LOCK).exists()
    require_idle(run)
    with lock_run(run):  # asking does not leave it locked
        pass


def test_a_lock_that_cannot_be_opened_counts_as_free(make: Make) -> None:
    run = make("a")
    (run.path / LOCK).mkdir()
    require_idle(run)


def test_the_lock_of_a_killed_process_is_free(make: Make) -> None:
    run = make("a")
    with held(run) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert (run.path / HOLDER).exists()
    with lock_run(run):
        pass


def test_an_error_frees_the_run(make: Make) -> None:
    run = make("a")
    with pytest.raises(KeyboardInterrupt), lock_run(run):
        raise KeyboardInterrupt
    with lock_run(run):
        pass


def test_the_message_names_another_host_and_another_day(make: Make) -> None:
    run = make("a")
    holder = {
        "process": 7,
        "host": "far",
        "command": "cnnxfer train",
        "since": "2026-01-02T03:04:05+00:00",
    }
    with held(run) as process:
        (run.path / HOLDER).write_text(json.dumps(holder))
        with pytest.raises(RunError) as caught, lock_run(run):
            pass
        assert str(caught.value).endswith(
            "by process 7 on far (cnnxfer train) since 2026-01-02 03:04. "
            "Wait for it, or stop it there: kill 7"
        )
        for torn in ("{", "[]", '{"process": 7}'):
            (run.path / HOLDER).write_text(torn)
            with pytest.raises(RunError, match="by another process"), lock_run(run):
                pass
        process.communicate()


def test_what_a_killed_writer_left_is_removed(make: Make) -> None:
    run = make("a")
    run.checkpoints_dir.mkdir()
    left = [run.path / ".tmp-1-a.json", run.checkpoints_dir / ".tmp-2-b.npz"]
    kept = [run.path / "history.csv", run.checkpoints_dir / "b.npz"]
    for path in (*left, *kept):
        path.write_text("half")
    with lock_run(run):
        assert not any(path.exists() for path in left)
        assert all(path.exists() for path in kept)


def test_what_another_process_writes_now_is_left_alone(make: Make) -> None:
    """An example is `evaluate`, which adds metrics without locking the run."""
    run = make("a")
    writing = threading.Event()

    def write() -> None:
        path = run.path / "metrics.json"
        with run.updating(), atomic_path(path) as temporary:
            writing.set()
            temporary.write_text("{}")
            threading.Event().wait(0.3)

    writer = threading.Thread(target=write)
    writer.start()
    writing.wait()
    with lock_run(run):
        assert run.metrics == {}
        assert (run.path / "metrics.json").exists()
    writer.join()


def test_a_run_that_is_gone_cannot_be_held(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"the run .*lost is gone"):
        lock_run(Run(tmp_path / "lost")).__enter__()
    assert not (tmp_path / "lost").exists()


def test_a_run_that_cannot_be_written_is_not_held(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make("a")

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", "/some/temporary/name")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    with pytest.raises(RunError) as caught, lock_run(run):
        pytest.fail("it is held")
    assert str(caught.value) == (
        f"{run.path} cannot be written: read-only file system. Make it writable, "
        f"then go on with: cnnxfer.resume('{run.path}')"
    )


def test_a_read_only_disk(make: Make, mounted: Callable[..., None]) -> None:
    run = make("disk/a", status="running")
    with lock_run(run):  # which leaves its lock file
        pass
    mounted("--bind", run.path, run.path)
    mounted("-o", "remount,ro,bind", run.path)
    with pytest.raises(RunError, match=f"{run.path} cannot be written: read-only"):
        lock_run(run).__enter__()
    with pytest.raises(RunError, match=r"cannot be written: read-only .*resume"):
        run.update_metrics(test=1)
    assert status_of(run) == "running"  # the lock file cannot be opened
    assert run.metrics == {}


def test_a_read_only_checkpoint_folder_is_reported(
    make: Make, mounted: Callable[..., None]
) -> None:
    run = make("a")
    run.checkpoints_dir.mkdir()
    mounted("-t", "tmpfs", "-o", "ro", "none", run.checkpoints_dir)
    with pytest.raises(RunError, match=f"{run.checkpoints_dir} cannot be written"):
        lock_run(run).__enter__()


def test_a_full_disk_leaves_the_run_usable(
    make: Make, mounted: Callable[..., None], tmp_path: Path
) -> None:
    (tmp_path / "disk").mkdir()
    mounted("-t", "tmpfs", "-o", "size=64k", "none", tmp_path / "disk")
    run = make("disk/a", status="running")
    run.write_classes(["a"])
    other = make("other")
    other.model_path.write_bytes(bytes(10**5))
    with pytest.raises(RunError, match=r"model\.keras cannot be written: no space"):
        run.copy_model(other)
    assert sorted(path.name for path in run.path.iterdir()) == [
        "classes.json",
        "config.toml",
        "receipt.json",
    ]
    (tmp_path / "disk" / "filler").write_bytes(bytes(32_000))
    with pytest.raises(RunError, match=r"metrics\.json cannot be written: no space"):
        run.update_metrics(text="x" * 40_000)
    assert run.metrics == {}
    run.update_metrics(text="x")
    assert run.class_names == ("a",)


def test_a_run_that_says_running_and_is_not_was_killed(make: Make) -> None:
    run = make("a", status="running")
    assert status_of(run) == "killed"  # nothing has ever held it
    with held(run) as process:
        assert status_of(run) == "running"
        process.send_signal(signal.SIGKILL)
    assert (run.path / LOCK).exists()
    assert status_of(run) == "killed"
    for status in ("done", "interrupted", "failed"):
        run.update_receipt(status=status)
        assert status_of(run) == status
