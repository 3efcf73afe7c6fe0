import dataclasses
import io
import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from cnnxfer.cli.main import run
from cnnxfer.config import Config, FineTune, load_config
from cnnxfer.console import stderr
from cnnxfer.runs import Run, SplitRow
from cnnxfer.runs.summary import epochs_of, summary_of


@pytest.fixture
def runs_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A frozen run, its fine-tuned run, one without receipt, and one without parent."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CNNXFER_RUNS", raising=False)
    names = ("head [1]", "orphan", "tuned", "broken")
    runs = [Run(tmp_path / "mine" / name) for name in names]
    head, orphan, tuned, broken = runs
    for hour, found in enumerate(runs):
        found.path.mkdir(parents=True)
        found.write_config(Config(data="a [red]b"))
        found.write_classes(["daisy", "[bold]iris"])
        found.write_split([SplitRow("a.jpg", "daisy", "train", "00")])
        started = f"2026-11-22T0{hour}:00:00+00:00"
        found.update_receipt(
            started=started, phase="frozen", status="done", backbone="lenet5"
        )
    head.update_metrics(frozen={"val_accuracy": 0.875})
    head.add_history({"phase": "frozen", "epoch": 1, "loss": "0.5"})
    tuned.update_receipt(phase="fine_tune", parent="head [1]", status="interrupted")
    tuned.update_metrics(
        before={"val_accuracy": 0.7, "val_macro_f1": 0.75},
        fine_tune={
            "val_accuracy": 0.9,
            "val_macro_f1": 0.85,
            "monitor": "macro-f1",
            "epoch": 3,
        },
        test={
            "right": {"value": 0.8125, "low": 0.75, "high": 0.85},
            "before": {"right": {"value": 0.75, "low": 0.7, "high": 0.8}},
        },
    )
    orphan.update_receipt(phase="fine_tune", parent="lost", status="running")
    (broken.path / "receipt.json").unlink()
    return tmp_path / "mine"


def test_figures_are_those_that_the_end_of_training_tells(runs_dir: Path) -> None:
    tuned = Run(runs_dir / "tuned")

    def measured(value: float) -> dict[str, dict[str, object]]:
        share = {"value": value, "low": 0.5, "high": 1.0}
        return {"right": share, "headline": {"figure": "macro-f1", **share}}

    tuned.update_metrics(validation={**measured(0.86), "before": measured(0.77)})
    summary = summary_of(tuned)
    assert (summary["val_before"], summary["val_monitored"]) == (0.77, 0.86)
    # Training has chosen the model by another figure than the one measured.
    tuned.update_metrics(validation={"right": {"value": 0.9, "low": 0.8, "high": 0.95}})
    summary = summary_of(tuned)
    assert (summary["val_before"], summary["val_monitored"]) == (0.75, 0.85)


SUMMARIES = [
    {
        "run": "head [1]",
        "phase": "frozen",
        "status": "done",
        "parent": None,
        "backbone": "lenet5",
        "started": "2026-11-22T00:00:00+00:00",
        "note": "",
        "monitor": "accuracy",
        "val_monitored": 0.875,
        "val_before": None,
        "val_accuracy": 0.875,
        "test_accuracy": None,
        "test_before": None,
        "best_epoch": None,
        "seconds": None,
    },
    {
        "run": "orphan",
        "phase": "fine_tune",
        "status": "killed",
        "parent": "lost",
        "backbone": "lenet5",
        "started": "2026-11-22T01:00:00+00:00",
        "note": "",
        "monitor": "accuracy",
        "val_monitored": None,
        "val_before": None,
        "val_accuracy": None,
        "test_accuracy": None,
        "test_before": None,
        "best_epoch": None,
        "seconds": None,
    },
    {
        "run": "tuned",
        "phase": "fine_tune",
        "status": "interrupted",
        "parent": "head [1]",
        "backbone": "lenet5",
        "started": "2026-11-22T02:00:00+00:00",
        "note": "",
        "monitor": "macro-f1",
        "val_monitored": 0.85,
        "val_before": 0.75,
        "val_accuracy": 0.9,
        "test_accuracy": 0.8125,
        "test_before": 0.75,
        "best_epoch": 3,
        "seconds": None,
    },
]


BEFORE_AND_AFTER = ["75.0% -> 85.0% macro-F1", "75.0% -> 81.2%"]


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
    """The list is a tree: fine-tuned runs are below their parent, and indented."""
    assert run(command) == 0
    shown = capsys.readouterr()
    rows = [re.split("  +", line.rstrip()) for line in shown.out.splitlines()]
    assert rows == [
        ["run", "validation", "test", "backbone", "status", "started"],
        ["broken", "damaged"],
        ["head [1]", "87.5%", "lenet5", "done", "2026-11-22"],
        ["", "tuned", *BEFORE_AND_AFTER, "lenet5", "interrupted", "2026-11-22"],
        ["lost", "gone"],
        ["", "orphan", "lenet5", "killed", "2026-11-22"],
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


def test_a_leaderboard_has_the_best_first(
    runs_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Run(runs_dir / "head [1]").update_receipt(seconds=125.0)
    Run(runs_dir / "orphan").update_receipt(seconds=8.44)

    def ranked_by(order: str) -> list[list[str]]:
        assert run(["runs", "--sort", order, "--runs-dir", "mine"]) == 0
        rows = [re.split("  +", line.rstrip()) for line in lines_of(capsys)]
        assert rows[0] == ["run", "validation", "test", "backbone", "status", "time"]
        return rows[1:]

    assert ranked_by("time")[:2] == [
        ["orphan", "lenet5", "killed", "8.4 s"],
        ["head [1]", "87.5%", "lenet5", "done", "2 min 5 s"],
    ]
    for order, names in {
        "validation": ["head [1]", "tuned", "broken", "orphan"],
        "test": ["tuned", "broken", "head [1]", "orphan"],
        "started": ["tuned", "orphan", "head [1]", "broken"],
    }.items():
        assert [row[0] for row in ranked_by(order)] == names
    assert run(["runs", "--json", "list", "--sort", "test", "--runs-dir", "mine"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["run"] == "tuned"
    assert run(["runs", "--sort", "beauty", "--runs-dir", "mine"]) == 2
    assert (
        "--sort is 'beauty'. Expected one of: validation, test"
        in capsys.readouterr().err
    )


def test_plot_draws_a_curve_for_each_run(
    runs_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["runs", "plot", "mine/tuned", "mine/head [1]"]
    assert run(["runs", "plot", "mine/orphan"]) == 1
    assert "has no epoch to draw yet" in capsys.readouterr().err
    Run(runs_dir / "head [1]").add_history(
        *(
            {"phase": "frozen", "epoch": epoch, "loss": 1, "val_loss": "0.5"}
            for epoch in (1, 2)
        )
    )
    for name in ("curves.html", "curves.svg"):
        for _ in range(2):  # the second time over its own
            assert run([*command, "--out", name]) == 0
            assert capsys.readouterr().err == f"written: {name}\n"
        drawn = Path(name).read_text("utf-8")
        assert drawn.count("<polyline") == 2
        assert "head [1] ends at 0.5" in drawn
        assert "<style>" in drawn
    svg = ElementTree.parse("curves.svg").getroot()
    assert svg.tag == "{http://www.w3.org/2000/svg}svg"
    Path("notes.svg").write_text("mine")
    assert run([*command, "--out", "notes.svg"]) == 2
    assert "not written by cnnxfer runs plot" in capsys.readouterr().err
    assert run([*command, "--out", "curves.png"]) == 2
    assert "expected a name in .html or .svg" in capsys.readouterr().err


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
    head = Run(Path("mine/head [1]"))
    settings = load_config(None, {"recipe": "fast", "frozen": {"epochs": 3}})
    changed = {
        "data": "a [red]b",
        "seed": 7,
        "image_size": 224,
        "fine_tune": FineTune(),
    }
    head.write_config(dataclasses.replace(settings, **changed))
    parts = ["train", *["validation"] * 16, "test"]
    head.write_split(
        SplitRow(f"{number}.jpg", "daisy", part, f"{number:02}")
        for number, part in enumerate(parts)
    )
    head.update_metrics(frozen={"val_accuracy": 0.875, "val_images": 16})
    head.update_receipt(seconds=28.0)
    head.write_note("the [first]\n\x1b[2Jtry")
    (head.path / "exports").mkdir()
    (head.path / "exports" / "a.onnx").write_bytes(bytes(200_000))
    assert run(command) == 0
    shown = capsys.readouterr().out
    lines = [re.split("  +", line.strip()) for line in shown.splitlines()]
    assert lines == [
        ["run", "head [1] (done)"],
        ["note", r"the [first]; \x1b[2Jtry"],
        ["validation", "accuracy 87.5% [64.0, 96.5]"],
        ["test", "not measured"],
        ["classes", "2: daisy, [bold]iris"],
        ["data", "a [red]b: 18 images (1 train, 16 validation, 1 test)"],
        ["task", "auto"],
        ["backbone", "efficientnet-lite0 at 224, head linear"],
        ["begun", "2026-11-22 00:00"],
        [
            "frozen",
            "head [1]: 1 of 3 epochs; adamw at auto, cosine; validation 87.5%; 28.0 s",
        ],
        ["settings", "recipe fast, seed 7 (default 42), frozen.epochs 3 (default 10)"],
        ["lineage", "head [1] -> tuned"],
        ["files", "mine/head [1]: exports/ 200.0 kB, 7 small ones"],
    ]
    assert run([*command, "--config"]) == 0
    assert capsys.readouterr().out == head.config.to_toml()
    assert run([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["note"] == head.note


@pytest.mark.usefixtures("runs_dir")
def test_show_has_a_row_for_each_phase(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["runs", "show", "mine/tuned"]) == 0
    lines = [re.split("  +", line.strip()) for line in lines_of(capsys)]
    assert [
        "frozen",
        "head [1]: 1 of 10 epochs; adamw at auto, cosine; validation 87.5%",
    ] in lines
    assert [
        "fine-tune",
        "tuned: 0 of 8 epochs, the best 3; adamw at 0.0005, cosine; validation 85.0%",
    ] in lines
    assert ["lineage", "head [1] -> tuned"] in lines


@pytest.mark.usefixtures("runs_dir")
def test_show_begins_after_a_parent_that_is_damaged(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Damaged settings and damaged files are read by different code."""
    parent = Path("mine/head [1]")
    for name, text in (("config.toml", "seed = ["), ("metrics.json", "{")):
        (parent / name).write_text(text)
        assert run(["runs", "show", "mine/tuned"]) == 0
        shown = capsys.readouterr()
        assert not re.search(r"^frozen +head", shown.out, re.MULTILINE)
        assert re.search(r"^fine-tune +tuned", shown.out, re.MULTILINE)
        Run(parent).write_config(Config())


def test_epochs_that_were_added_count(runs_dir: Path) -> None:
    head, tuned = Run(runs_dir / "head [1]"), Run(runs_dir / "tuned")
    assert epochs_of(head) == Config().frozen.epochs
    tuned.update_receipt(more_epochs=5)
    assert epochs_of(tuned) == Config().fine_tune.epochs + 5


def test_show_as_json(runs_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["runs", "--json", "show", "--runs-dir", str(runs_dir)]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document.items() >= SUMMARIES[2].items()
    assert document["config"]["data"] == "a [red]b"
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
        assert shown.err.startswith("error: mine/tuned/metrics.json is damaged: it")


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


@pytest.mark.parametrize(
    "command", [["runs"], ["runs", "show", "evil"], ["runs", "diff", "evil", "tuned"]]
)
def test_nothing_in_a_run_reaches_the_terminal_as_a_command(
    command: list[str], runs_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evil = "\x1b[2J[/] [red]"
    found = Run(runs_dir / "evil")
    found.path.mkdir()
    found.write_config(Config(data=evil))
    found.write_classes([evil])
    found.write_split([SplitRow("a.jpg", evil, "train", "00")])
    found.update_receipt(phase="frozen", status=evil, packages={evil: evil})
    found.add_history({"phase": evil, "epoch": 1, evil: "0.5"})
    assert run([*command, "--runs-dir", str(runs_dir)]) == 0
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert r"\x1b[2J[/] [red]" in shown


@pytest.mark.usefixtures("runs_dir")
def test_diff(capsys: pytest.CaptureFixture[str]) -> None:
    other = Run(Path("mine/tuned"))
    other.write_config(Config(data="a [red]b", seed=7))
    other.write_classes(["daisy", "[bold]iris", "rose"])
    other.write_split(
        [
            SplitRow("a.jpg", "[bold]iris", "test", "00"),
            SplitRow("b.jpg", "rose", "train", "01"),
        ]
    )
    other.update_metrics(
        test={
            "right": {"value": 0.9, "low": 0.85, "high": 0.94},
            "before": {
                "run": "head [1]",
                "right": {"value": 0.8, "low": 0.74, "high": 0.85},
            },
            "gained": 30,
            "lost": 10,
        }
    )
    assert run(["runs", "diff", "head [1]", "tuned", "--runs-dir", "mine"]) == 0
    assert [re.split("  +", line.rstrip()) for line in lines_of(capsys)] == [
        ["A", "head [1]"],
        ["B", "tuned"],
        ["setting", "A", "B"],
        ["phase", "frozen", "fine_tune"],
        ["parent", "-", "head [1]"],
        ["seed", "42", "7"],
        [
            "data: 1 -> 2 images; 1 added; 1 relabelled; 1 in another split; "
            "classes added: rose"
        ],
        ["training", "A", "B"],
        ["epochs trained", "1", "0"],
        ["best epoch", "-", "3"],
        ["result", "A", "B"],
        ["validation", "-", "-"],
        ["test", "80.0% [74.0, 85.0]", "90.0% [85.0, 94.0]"],
        [
            "test: B is 10.0 points better than A; 30 images became right, 10 wrong, "
            "on other images: more than chance"
        ],
    ]


@pytest.mark.usefixtures("runs_dir")
def test_diff_of_results_that_were_measured_separately(
    capsys: pytest.CaptureFixture[str],
) -> None:
    one, other = Run(Path("mine/head [1]")), Run(Path("mine/tuned"))
    one.update_metrics(
        frozen={"val_accuracy": 0.9, "val_images": 100},
        test={"right": {"value": 0.9, "low": 0.82557, "high": 0.94477}},
    )
    other.update_metrics(
        fine_tune={"val_accuracy": 0.9, "val_images": 100},
        test={"right": {"value": 0.87, "low": 0.79021, "high": 0.92244}},
    )
    assert run(["runs", "diff", str(one.path), str(other.path)]) == 0
    assert lines_of(capsys)[-2:] == [
        "validation: B is as good as A (95% interval -8.7 to +8.7)",
        "test: B is 3.0 points worse than A (95% interval -12.1 to +6.1): could be "
        "chance",
    ]


@pytest.mark.usefixtures("runs_dir")
def test_diff_of_a_run_and_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["runs", "diff", "mine/tuned", "mine/tuned"]) == 0
    assert lines_of(capsys) == ["no difference between tuned and tuned"]


@pytest.mark.usefixtures("runs_dir")
def test_diff_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["runs", "--runs-dir", "mine", "--json", "diff", "head [1]", "orphan"]
    assert run(command) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["one"], document["other"]) == ("head [1]", "orphan")
    assert document["settings"][1] == {"name": "parent", "one": None, "other": "lost"}
    assert document["data"]["images"] == [1, 1]


@pytest.mark.usefixtures("runs_dir")
@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        (["diff", "tuned"], 2, "cnnxfer runs diff needs B: another run."),
        (["diff", "tuned", "tund"], 2, "no run called 'tund' in mine. Did you mean"),
        (
            ["diff", "tuned", "broken"],
            1,
            "is not a complete run: it has no receipt.json",
        ),
    ],
)
def test_diff_of_something_that_is_not_a_run(
    command: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["runs", "--runs-dir", "mine", *command]) == code
    shown = capsys.readouterr()
    assert shown.out == ""
    assert message in shown.err


def lines_of(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line for line in capsys.readouterr().out.splitlines() if line]


def test_notes(runs_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    at = ["--runs-dir", str(runs_dir)]
    assert run(["runs", "note", "tuned", "*without*\nthe blurred", *at]) == 0
    assert run(["runs", "note", "tun", *at]) == 0
    assert lines_of(capsys) == ["*without*", "the blurred"]
    for command in (["runs"], ["runs", "--sort", "test"], ["runs", "show", "tuned"]):
        assert run([*command, *at]) == 0
        assert "*without*; the blurred" in capsys.readouterr().out
    assert run(["runs", "note", "tuned", "", *at]) == 0
    assert run(["runs", "note", "tuned", *at]) == 0
    assert run(["runs", *at]) == 0
    assert "note" not in capsys.readouterr().out
    assert run(["runs", "note", "tuned", "\udcff", *at]) == 2
    assert "is not a text in UTF-8" in capsys.readouterr().err


def test_rename(runs_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["runs", "--runs-dir", "mine", "rename"]
    assert run([*command, "head [1]", "best"]) == 0
    assert capsys.readouterr().out == "mine/best\n"
    assert Run(runs_dir / "tuned").parent == Run(runs_dir / "best")
    assert run([*command, "best", "tuned"]) == 2
    assert "there is mine/tuned already. Choose another" in capsys.readouterr().err
    assert run([*command, "bes", "other"]) == 2  # a whole name, since runs change
    assert (
        "no run called 'bes' in mine. Did you mean 'best'?" in capsys.readouterr().err
    )


def test_words_for_the_latest_mean_one_run_everywhere(
    runs_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They pass over runs without a model; none of them is removed by such a word."""
    for name in ("head [1]", "tuned"):
        (runs_dir / name / "model.keras").touch()
    for command in (["note", "@1"], ["show", "@1"]):
        assert run(["runs", "--runs-dir", "mine", *command, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["run"] == "head [1]"
    assert run(["runs", "rm", "@1", "--yes", "--runs-dir", "mine"]) == 2
    assert capsys.readouterr().err == (
        "error: @1 is mine/head [1] now, and another run after the next. A run is "
        "removed by its own name. Type: cnnxfer runs rm 'mine/head [1]'\n"
    )
    assert run(["runs", "rename", "@1", "best", "--runs-dir", "mine"]) == 0
    assert not (runs_dir / "head [1]").exists()


def test_rm_asks(
    runs_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["runs", "rm", "head [1]", "mine/tuned", "tuned", "--runs-dir", "mine"]
    assert run(command) == 2
    asked = r"emove mine/head [1] and mine/tuned ("
    assert f"error: nobody can be asked here. To r{asked}" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin", Terminal("\nno\n"))
    monkeypatch.setattr(stderr(), "_force_terminal", True)
    for _ in range(3):  # the third time, the input is at its end
        assert run(command) == 0
        shown = capsys.readouterr().err
        assert f"R{asked}" in shown
        assert "? [y/N] nothing was removed" in shown
    assert len(list(runs_dir.iterdir())) == 4
    monkeypatch.setattr("sys.stdin", Terminal("Y\n"))
    assert run([*command, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["removed"] == ["mine/head [1]", "mine/tuned"]
    assert document["files"] >= 10
    assert sorted(path.name for path in runs_dir.iterdir()) == ["broken", "orphan"]
    assert run(["runs", "rm", "broken", "--yes", "--runs-dir", "mine"]) == 0
    assert re.match(r"removed \d files, \d+\.\d kB$", capsys.readouterr().out)


class Terminal(io.StringIO):
    """What somebody types on a terminal."""

    def isatty(self) -> bool:
        return True
