"""Downloads from a server on the loopback interface that misbehaves on request."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from recording_reporter import RecordingReporter
from web_server import CONTENT, HALF, PATIENCE_SECONDS, Server

from cnnxfer.backbones import download as download_module
from cnnxfer.backbones.download import download
from cnnxfer.errors import ConfigError, RunError
from cnnxfer.reporting import Reporter

MIB = 1 << 20


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "models" / "weights.h5"


def get(
    url: str, target: Path, reporter: Reporter | None = None, limit: int = MIB
) -> None:
    download(
        url,
        target,
        verify=verify,
        reporter=reporter or Reporter(),
        size_limit=limit,
    )


def verify(path: Path) -> None:
    if path.read_bytes() != CONTENT:
        raise RunError("wrong content")


def names(target: Path) -> set[str]:
    return {path.name for path in target.parent.iterdir()} - {".weights.h5.lock"}


@pytest.mark.parametrize("path", ["whole", "unsized"])
def test_a_complete_file_is_downloaded(server: Server, target: Path, path: str) -> None:
    reporter = RecordingReporter()
    get(server.url(path), target, reporter)
    assert target.read_bytes() == CONTENT
    assert names(target) == {"weights.h5"}
    (progress,) = reporter.progresses
    assert progress.done == len(CONTENT)
    assert progress.total == (len(CONTENT) if path == "whole" else None)


def test_an_existing_file_is_not_downloaded_again(server: Server, target: Path) -> None:
    target.parent.mkdir()
    target.write_bytes(b"here")
    get(server.url("whole"), target)
    assert target.read_bytes() == b"here"
    assert server.requests == []


def test_a_download_that_fails_verification_leaves_no_file(
    server: Server, target: Path
) -> None:
    def refuse(path: Path) -> None:
        assert path.read_bytes() == CONTENT
        assert not target.exists()
        raise RunError("wrong hash")

    with pytest.raises(RunError, match="wrong hash"):
        download(
            server.url("whole"),
            target,
            verify=refuse,
            reporter=Reporter(),
            size_limit=MIB,
        )
    assert names(target) == set()


@pytest.mark.parametrize("path", ["whole", "unsized"])
def test_a_download_over_the_size_limit_is_refused(
    server: Server, target: Path, path: str
) -> None:
    reporter = RecordingReporter()
    with pytest.raises(RunError, match=r"too large: over 262\.1 kB, the limit"):
        get(server.url(path), target, reporter, limit=HALF)
    assert names(target) == set()
    done = sum(progress.done for progress in reporter.progresses)
    assert done <= HALF
    if path == "whole":
        assert done == 0


def test_a_download_of_exactly_the_size_limit_is_accepted(
    server: Server, target: Path
) -> None:
    get(server.url("whole"), target, limit=len(CONTENT))
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("short", "truncated download: 262,144 of 524,288 bytes."),
        ("broken", "truncated download."),
        ("status/404", "HTTP 404 Not Found."),
        ("stalled", "timeout: no answer for 0.2 seconds."),
    ],
)
def test_a_download_that_fails_leaves_no_file(
    path: str,
    expected: str,
    server: Server,
    target: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(download_module, "IDLE_SECONDS", 0.2)
    with pytest.raises(RunError) as caught:
        get(server.url(path), target)
    assert str(caught.value) == f"{server.url(path)}: {expected}"
    assert names(target) == set()


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://127.0.0.1/a", "a.h5"])
def test_other_schemes_are_refused(target: Path, url: str) -> None:
    with pytest.raises(ConfigError, match="expected http:// or https://"):
        get(url, target)


def test_a_directory_that_cannot_be_made_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        get("http://127.0.0.1:9/a.h5", tmp_path / "file" / "a.h5")


def test_an_interrupted_download_leaves_no_file(server: Server, target: Path) -> None:
    def interrupt(note: str) -> None:
        assert len(names(target)) == 1  # the temporary file
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        get(server.url("whole"), target, RecordingReporter(interrupt))
    assert names(target) == set()
    get(server.url("whole"), target)
    assert target.read_bytes() == CONTENT


CLIENT = """
import sys
from pathlib import Path
from cnnxfer.backbones.download import download
from cnnxfer.reporting import Reporter

class Printing(Reporter):
    def info(self, message):
        print(message, flush=True)

download(sys.argv[1], Path(sys.argv[2]), verify=lambda path: None,
         reporter=Printing(), size_limit=1 << 20)
"""


@contextmanager
def client(url: str, target: Path) -> Iterator[subprocess.Popen[str]]:
    """Runs a download in another process, which does not outlive the block."""
    process = subprocess.Popen(
        [sys.executable, "-c", CLIENT, url, str(target)],
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def wait_for_half(target: Path) -> None:
    """Waits until the temporary file of `target` holds the first half."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        for path in target.parent.glob(".tmp-*"):
            if path.stat().st_size >= HALF - (1 << 16):
                return
        time.sleep(0.02)
    pytest.fail("the download did not start")


def test_a_killed_download_leaves_only_a_temporary_file(
    server: Server, target: Path
) -> None:
    with client(server.url("stalled"), target) as process:
        wait_for_half(target)
        process.send_signal(signal.SIGKILL)
        assert process.wait(PATIENCE_SECONDS) == -signal.SIGKILL
    assert not target.exists()
    assert [name[:5] for name in names(target)] == [".tmp-"]

    # The lock died with its holder, and the next download clears up.
    other = target.with_name(".tmp-abcdefgh-other-weights.h5")
    other.touch()
    get(server.url("whole"), target)
    assert target.read_bytes() == CONTENT
    assert names(target) == {"weights.h5", other.name}


def test_two_processes_download_once(server: Server, target: Path) -> None:
    url = server.url("stalled")
    with client(url, target) as first:
        wait_for_half(target)
        with client(url, target) as second:
            assert second.stdout is not None
            message = second.stdout.readline()
            assert message == "waiting for another process to download weights.h5\n"
            server.go_on.set()
            assert first.wait(PATIENCE_SECONDS) == 0
            assert second.wait(PATIENCE_SECONDS) == 0
            assert second.stdout.read() == ""
    assert target.read_bytes() == CONTENT
    assert [path for path, _ in server.requests] == ["/stalled"]


def test_a_wait_for_a_busy_server_is_told(
    server: Server, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    reporter = RecordingReporter()
    get(server.url("busy/1/503/30"), target, reporter)
    assert target.read_bytes() == CONTENT
    assert reporter.infos == ["127.0.0.1 is busy; trying again after 30 seconds"]
