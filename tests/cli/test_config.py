"""`cnnxfer config` on the command line."""

import json
import re
from pathlib import Path

import pytest

from cnnxfer.cli.main import run
from cnnxfer.config import Config, load_config


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_init_writes_over_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["config", "init"]) == 0
    shown = capsys.readouterr()
    assert shown.out == "cnnxfer.toml\n"
    assert shown.err == "next: cnnxfer train FOLDER --config cnnxfer.toml\n"
    assert load_config(Path("cnnxfer.toml")) == Config()
    Path("cnnxfer.toml").write_text("seed = 5")
    Path("dangling.toml").symlink_to("nowhere.toml")
    for words in ([], ["cnnxfer.toml"], ["dangling.toml"]):
        assert run(["config", "init", *words]) == 2
        assert "exists, and is not written over" in capsys.readouterr().err
    assert Path("cnnxfer.toml").read_text() == "seed = 5"
    for name in ("", "."):
        assert run(["config", "init", name]) == 2
        assert "error: . is a folder. Name another" in capsys.readouterr().err
    assert run(["config", "init", "no/x.toml"]) == 2
    assert "there is no folder no" in capsys.readouterr().err
    assert run(["config", "init", "x.toml", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"path": "x.toml"}


def test_show(capsys: pytest.CaptureFixture[str]) -> None:
    Path("x.toml").write_text("recipe = 'fast'\nseed = 3")
    command = ["config", "show", "sample", "--config", "x.toml", "--lr", "0.2"]
    assert run(command) == 0
    shown = capsys.readouterr()
    rows = [re.split("  +", line.strip()) for line in shown.out.splitlines()]
    assert rows[0] == ["setting", "value", "from"]
    for row in (
        ["data", "cnnxfer:sample", "--data"],
        ["cache", "true", "default"],
        ["seed", "3", "file x.toml"],
        ["views", "4", "recipe fast"],
        ["frozen.learning_rate", "0.2", "--lr"],
    ):
        assert row in rows
    assert "add --task to see them" in shown.err
    assert run([*command, "--task", "classification", "--json"]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    settings = {it["name"]: it for it in json.loads(shown.out)["settings"]}
    assert settings["views"]["origin"] == {"source": "recipe", "name": "fast"}
    assert settings["cache"]["value"] is True


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--lr", "fast"], "--lr is 'fast'; expected a number, or 'auto'."),
        (["nowhere/photos"], "nowhere/photos"),
        (["--config", "none.toml"], "none.toml cannot be read"),
        (["--split", "8/1/1"], "whose shares add up to 10, not to 100"),
    ],
)
def test_show_refuses_what_train_refuses(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["config", "show", *words]) == 2
    assert message in capsys.readouterr().err
