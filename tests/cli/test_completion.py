"""What shells are answered when they ask for completion."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cnnxfer.backbones.catalog import BACKBONES
from cnnxfer.cli.commands import COMMANDS
from cnnxfer.cli.completion import SCRIPTS, SWITCH, answer
from cnnxfer.cli.main import run


def completed(*words: str) -> list[str]:
    return answer("bash", words).splitlines()


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working directory with data and runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CNNXFER_RUNS", raising=False)
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    for path in ("photos/rose", "runs/flowers-1", "mine/other-1", "tfds/tf_flowers"):
        Path(path).mkdir(parents=True)
    for path in ("table.csv", "set.zip", "notes.txt"):
        Path(path).touch()
    for path in ("runs/flowers-1", "mine/other-1"):
        Path(path, "config.toml").touch()


def test_commands_and_what_is_below_them() -> None:
    assert completed("") == list(COMMANDS)
    assert completed("e") == ["evaluate", "explain", "export"]
    assert completed("help", "ev") == ["evaluate"]
    assert completed("-v", "tr") == ["train"]
    assert "show" in completed("runs", "")
    assert completed("weights", "pu") == ["pull"]
    assert completed("nothing", "") == []


def test_options_that_are_not_there_yet() -> None:
    assert completed("train", "--back") == ["--backbone"]
    assert completed("train", "--backbone", "vgg16", "--back") == []
    assert completed("train", "--no-c") == ["--no-cache"]
    assert completed("runs", "--so") == ["--sort"]
    assert completed("explain", "--class", "rose", "--cla") == ["--class"]


def test_choices() -> None:
    assert completed("train", "--recipe", "") == ["none", "textbook", "fast", "best"]
    assert completed("train", "photos", "--augment", "s") == ["strong"]
    assert completed("train", "--fit=l") == ["--fit=letterbox"]
    assert completed("train", "--fit", "=", "l") == ["letterbox"]  # as bash has it
    assert completed("runs", "list", "--sort", "t") == ["test", "time"]
    assert completed("train", "--lr", "") == ["auto"]
    assert completed("completion", "") == ["bash", "zsh", "fish"]


def test_backbones() -> None:
    assert completed("train", "-b", "") == BACKBONES.names()
    assert completed("backbones", "show", "xcep") == ["xception"]
    assert completed("compare", "--backbones", "vgg16,xcep") == ["vgg16,xception"]
    assert completed("weights", "pull", "xcep") == ["xception"]


def test_runs() -> None:
    assert completed("evaluate", "") == ["latest", "flowers-1"]
    assert completed("evaluate", "--runs-dir", "mine", "") == ["latest", "other-1"]
    assert completed("runs", "--runs-dir", "mine", "show", "o") == ["other-1"]
    assert completed("predict", "--model", "fl") == ["flowers-1"]
    assert completed("predict", "--model", "xcep") == ["xception"]
    assert completed("report", "flowers-1", "l") == ["latest"]
    assert completed("evaluate", "flowers-1", "") == []


def test_data() -> None:
    found = ["mine/", "photos/", "runs/", "set.zip", "table.csv", "tfds/"]
    assert completed("train", "") == [*found, "sample", "tf_flowers"]
    assert completed("train", "photos/") == ["photos/rose/"]
    assert completed("check", "--data", "ta") == ["table.csv"]
    assert completed("train", "photos/", "") == []  # there is one only
    assert completed("predict", "") == []  # the shell offers files


def test_each_shell_has_its_form() -> None:
    assert answer("bash", ["tra"]) == "train\n"
    assert answer("fish", ["tra"]) == f"train\t{COMMANDS['train'].text}\n"
    (line,) = answer("zsh", ["unf"]).splitlines()
    assert line == f"unfreeze:{COMMANDS['unfreeze'].text}"


@pytest.mark.parametrize("shell", SCRIPTS)
def test_each_shell_has_a_script(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert f"{SWITCH}={shell}" in script
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=script, text=True, check=True)


def test_completion_tells_how_it_is_set_up(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion"]) == 0
    shown = capsys.readouterr().out
    assert all(f"cnnxfer completion {shell}" in shown for shell in SCRIPTS)
    assert run(["completion", "csh"]) == 2
    assert (
        "there is no shell 'csh' here. Expected one of: bash, zsh,"
        in capsys.readouterr().err
    )


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
def test_bash_completes_a_line(tmp_path: Path) -> None:
    command = tmp_path / "cnnxfer"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m cnnxfer "$@"\n')
    command.chmod(0o755)
    typed = """
eval "$(cnnxfer completion bash)"
COMP_WORDS=(cnnxfer train photos --augment st) COMP_CWORD=4
_cnnxfer cnnxfer
echo "${COMPREPLY[@]}"
COMP_WORDS=(cnnxfer train 'my\\ ') COMP_CWORD=2
_cnnxfer cnnxfer
echo "${COMPREPLY[@]}"
COMP_WORDS=(cnnxfer check 'tab') COMP_CWORD=2
_cnnxfer cnnxfer
printf '<%s>' "${COMPREPLY[@]}"
"""
    for name in ("my photos", "my *"):
        Path(name).mkdir()
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", typed],
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
    )
    expected = "strong\nmy\\ \\*/ my\\ photos/\n<table.csv>"
    assert (done.stdout, done.stderr) == (expected, "")


def test_completion_imports_nothing_heavy() -> None:
    code = """
import sys
from cnnxfer.cli.completion import answer
for words in (["train", ""], ["train", "-b", ""], ["runs", "show", ""], ["train", "-"]):
    answer("bash", words)
heavy = ("keras", "tensorflow", "numpy", "PIL", "rich", "pydantic", "cnnxfer.api")
print([name for name in heavy if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")
