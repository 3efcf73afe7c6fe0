import json
from pathlib import Path

import pytest

from cnnxfer.cli.main import run
from cnnxfer.config import Config
from cnnxfer.runs import Run


@pytest.fixture
def runs_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three runs: a head, its fine-tuning, and one without a receipt."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CNNXFER_RUNS", raising=False)
    names = ("head [1]", "tuned", "broken")
    head, tuned, broken = runs = [Run(tmp_path / "mine" / name) for name in names]
    for hour, found in enumerate(runs):
        found.path.mkdir(parents=True)
        found.write_config(Config(data="a [red]b"))
        found.write_classes(["daisy", "[bold]iris"])
        found.update_receipt(started=f"2026-11-22T0{hour}:00:00+00:00", status="done")
    head.update_metrics(frozen={"val_accuracy": 0.875})
    head.add_history({"phase": "frozen", "epoch": 1, "loss": "0.5"})
    tuned.update_receipt(parent="head [1]", status="interrupted")
    tuned.update_metrics(
        fine_tune={"val_accuracy": 0.9}, test={"top1": {"value": 0.8125}}
    )
    (broken.path / "receipt.json").unlink()
    return tmp_path / "mine"


SUMMARIES = [
    {
        "run": "head [1]",
        "phase": "frozen",
        "status": "done",
        "parent": None,
        "val_accuracy": 0.875,
        "test_accuracy": None,
    },
    {
        "run": "tuned",
        "phase": "fine_tune",
        "status": "interrupted",
        "parent": "head [1]",
        "val_accuracy": 0.9,
        "test_accuracy": 0.8125,
    },
]


@pytest.mark.usefixtures("runs_dir")
@pytest.mark.parametrize(
    "command",
    [
        ["runs", "--runs-dir", "mine"],
        ["runs", "list", "--runs-dir", "mine"],
        ["runs", "--runs-dir", "mine", "list"],
    ],
)
def test_list(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(command) == 0
    shown = capsys.readouterr()
    rows = [line.split() for line in shown.out.splitlines()[1:]]
    assert rows == [
        ["broken", "damaged"],
        ["head", "[1]", "frozen", "done", "87.5%"],
        ["tuned", "fine_tune", "interrupted", "90.0%", "81.2%", "head", "[1]"],
    ]
    assert shown.err == ""


@pytest.mark.usefixtures("runs_dir")
@pytest.mark.parametrize(
    "command",
    [
        ["runs", "--runs-dir", "mine", "--json"],
        ["runs", "--json", "list", "--runs-dir", "mine"],
    ],
)
def test_list_as_json(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(command) == 0
    broken, *others = json.loads(capsys.readouterr().out)
    assert others == SUMMARIES
    assert broken["status"] == "damaged"
    assert "it has no receipt.json" in broken["problem"]


def test_list_of_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nowhere = str(tmp_path / "none")
    assert run(["runs", "--runs-dir", nowhere]) == 0
    assert "cnnxfer train" in capsys.readouterr().out
    assert run(["runs", "--runs-dir", nowhere, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


@pytest.mark.usefixtures("runs_dir")
@pytest.mark.parametrize(
    "command",
    [
        ["runs", "show", "head [1]", "--runs-dir", "mine"],
        ["runs", "--runs-dir", "mine", "show", "head [1]"],
        ["runs", "show", "mine/head [1]"],
    ],
)
def test_show(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(command) == 0
    shown = capsys.readouterr().out
    for part in ("head [1]", "87.5%", "daisy, [bold]iris", "loss", "0.5"):
        assert part in shown
    assert shown.endswith(Config(data="a [red]b").to_toml())


def test_show_as_json(runs_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["runs", "--json", "show", "--runs-dir", str(runs_dir)]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document.items() >= SUMMARIES[1].items()
    assert document["path"] == str(runs_dir / "tuned")
    assert document["classes"] == ["daisy", "[bold]iris"]
    assert document["receipt"]["parent"] == "head [1]"
    assert document["history"] == []


@pytest.mark.usefixtures("runs_dir")
def test_show_of_a_damaged_run_names_the_damage(
    capsys: pytest.CaptureFixture[str],
) -> None:
    (Path("mine/tuned/metrics.json")).write_text("{")
    for options in ([], ["--json"]):
        assert run(["runs", "show", "mine/tuned", *options]) == 1
        shown = capsys.readouterr()
        assert shown.out == ""
        assert shown.err.startswith("error: mine/tuned/metrics.json is not JSON")


def test_latest(
    runs_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("CNNXFER_RUNS", str(runs_dir))
    assert run(["runs", "latest"]) == 0
    assert capsys.readouterr().out == f"{runs_dir / 'tuned'}\n"
    assert run(["runs", "latest", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"path": str(runs_dir / "tuned")}


def test_an_option_is_stronger_than_the_environment(
    runs_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("CNNXFER_RUNS", "elsewhere")
    for command in (
        ["runs", "--runs-dir", str(runs_dir), "latest"],
        ["runs", "latest", "--runs-dir", str(runs_dir)],
    ):
        assert run(command) == 0
        assert capsys.readouterr().out == f"{runs_dir / 'tuned'}\n"
