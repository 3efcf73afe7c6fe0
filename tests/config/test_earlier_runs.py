"""Runs whose `config.toml` an earlier commit wrote, when there were fewer settings."""

import dataclasses
import tomllib
from pathlib import Path
from typing import Any

import pytest

from cnnxfer.config import Config, load_all_settings, load_config
from cnnxfer.config.loading import defaults_of
from cnnxfer.errors import ConfigError

# The default settings as the code of earlier commits wrote them: `first.toml` by
# 31324df, `with_scratch.toml` by 6a3808e, and `with_masks.toml` by 6346885.
FILES = sorted((Path(__file__).parent / "earlier_runs").glob("*.toml"))
# What runs did before there was a setting, where that is not its default today.
OTHER = {"report": False, "from_scratch": False}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_run_of_an_earlier_commit_means_what_it_meant(path: Path) -> None:
    written = tomllib.loads(path.read_text("utf-8"))
    found = load_all_settings(path)
    lacking = {name: value for name, value in OTHER.items() if name not in written}
    data = written["data"]  # which was "sample" once
    assert found == dataclasses.replace(Config(), data=data, **lacking)
    assert lacking["report"] is False


def test_all_of_a_run_of_an_earlier_commit_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from cnnxfer.cli.main import run
    from cnnxfer.runs import Run, SplitRow

    old = Run(tmp_path / "20261129-101552-efficientnet-lite0-sample")
    old.path.mkdir()
    (old.path / "config.toml").write_bytes(FILES[0].read_bytes())
    old.write_classes(["daisy", "rose"])
    old.write_split([SplitRow("a.jpg", "rose", "train", "00")])
    started = "2026-11-29T10:15:52+01:00"
    old.update_receipt(phase="frozen", status="done", started=started)
    for name in ("latest", "20261129"):
        assert run(["runs", "show", name, "--runs-dir", str(tmp_path)]) == 0
        assert "daisy" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["seed", "fine_tune", "augment.hue", "frozen.epochs"])
def test_what_all_runs_have_is_missed(tmp_path: Path, name: str) -> None:
    """A file that was damaged is not taken for one of an earlier commit."""
    table, _, key = name.rpartition(".")
    lines = FILES[0].read_text("utf-8").splitlines()
    start = lines.index(f"[{table}]") if table else 0
    if key in lines or f"[{key}]" in lines:
        lines = lines[: lines.index(f"[{key}]")]
    else:
        place = next(n for n in range(start, len(lines)) if lines[n].startswith(key))
        del lines[place]
    path = tmp_path / "config.toml"
    path.write_text("\n".join(lines), "utf-8")
    with pytest.raises(ConfigError, match=f"lacks {name}; the settings of a run"):
        load_all_settings(path)


def test_a_file_of_settings_still_begins_with_the_defaults_of_today() -> None:
    """Only a run did what its time did; a file that names a few settings is new."""
    config: Any = load_config(FILES[0])
    assert config.report is True
    assert defaults_of("auto").report is True
