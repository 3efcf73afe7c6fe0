"""Commands that are started without one of the standard streams, or without a home."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cnnxfer.cache import cache_dir
from cnnxfer.cli.main import run as run_command
from cnnxfer.errors import ConfigError
from cnnxfer.files import user_dir

# A command that opens a file as a library would, prints, and reports what it has.
COMMAND = """
import os, sys
from cnnxfer import __main__
from cnnxfer.cli import main

def run():
    number = os.open(sys.argv[1], os.O_CREAT | os.O_RDWR)
    os.write(1, b"printed"); os.write(2, b"printed")
    print("printed"); print("printed", file=sys.stderr, flush=True)
    links = [os.readlink(f"/proc/self/fd/{stream}") for stream in range(3)]
    with open(sys.argv[2], "w") as report:
        print(number, os.fstat(number).st_size, *links, sys.stdin.read(), file=report)

main.run = run
__main__.main()
"""


def shell(script: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs Python with the redirections of a shell."""
    command = ["sh", "-c", f'exec "$0" "$@" {script}', sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")
@pytest.mark.parametrize(
    ("closing", "closed"),
    [
        ("<&-", [0]),
        (">&-", [1]),
        ("2>&-", [2]),
        ("<&- >&- 2>&-", [0, 1, 2]),
        (">&- 2<script", [1, 2]),  # some shells leave their script open
    ],
)
def test_no_file_takes_the_place_of_a_closed_stream(
    closing: str, closed: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "script").touch()
    done = shell(closing, "-c", COMMAND, tmp_path / "file", tmp_path / "report")
    assert done.returncode == 0, done.stderr
    number, size, *links = (tmp_path / "report").read_text().split()
    assert int(number) > 2
    assert size == "0"
    assert [links[stream] for stream in closed] == ["/dev/null"] * len(closed)


def test_a_removed_working_directory_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert run_command(["runs"]) == 2
    assert capsys.readouterr().err == (
        "error: the working directory no longer exists. Go to another one: cd\n"
    )


def test_a_user_without_a_home_directory_is_told_what_to_set(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("HOME")
    for name in ("CNNXFER_CACHE", "KERAS_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    # What Python's functions return for a user that the system has no entry of.
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    with pytest.raises(ConfigError, match="set CNNXFER_CACHE to a directory"):
        cache_dir()
    with pytest.raises(ConfigError, match=r"HOME is not set\. Set it, or set KERAS_"):
        user_dir("KERAS_HOME", lambda: "~/.keras")
    assert run_command(["backbones"]) == 0  # which needs no files
    assert run_command(["cache"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
