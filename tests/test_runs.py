import json
import re
from pathlib import Path

import pytest

from cnnxfer.config import Config
from cnnxfer.errors import ConfigError, RunError
from cnnxfer.runs import (
    Run,
    SplitRow,
    create_run,
    find_run,
    list_runs,
    resolve_runs_dir,
)

STRANGE = 'a, "b"\r\n[c]'


def make(runs_dir: Path, name: str, started: str = "2026-11-22T10:00:00+00:00") -> Run:
    run = Run(runs_dir / name)
    run.path.mkdir(parents=True)
    run.write_config(Config())
    run.update_receipt(started=started)
    return run


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    run = make(tmp_path, "a")
    rows = [
        SplitRow(STRANGE, "tulips", "train", "00"),
        SplitRow("b.jpg", STRANGE, "test", "01"),
    ]
    run.write_classes(["tulips", STRANGE, "caf\udce9"])
    run.write_split(rows)
    assert run.class_names == ("tulips", STRANGE, "caf\udce9")
    assert run.split == rows
    assert run.config == Config()
    assert run.history == []
    assert run.metrics == {}
    assert run.thresholds is None
    assert run.parent is None


def test_thresholds_are_by_name_and_go_with_the_model(tmp_path: Path) -> None:
    run = make(tmp_path, "a")
    run.write_classes(["b", STRANGE])
    run.write_thresholds({"b": 0.5, STRANGE: 0.123456})
    assert run.thresholds == {"b": 0.5, STRANGE: 0.123456}
    run.model_path.write_bytes(b"weights")
    child = make(tmp_path, "child")
    child.write_classes(["b", STRANGE])
    child.copy_model(run)
    assert child.thresholds == run.thresholds
    assert child.model_path.read_bytes() == b"weights"
    (run.path / "thresholds.json").unlink()
    other = make(tmp_path, "other")
    other.copy_model(run)
    assert not (other.path / "thresholds.json").exists()


def test_metrics_and_receipt_keep_their_other_entries(tmp_path: Path) -> None:
    run = make(tmp_path, "b")
    run.update_metrics(frozen={"val_accuracy": 0.5})
    run.update_metrics(test=1)
    run.update_receipt(parent="a")
    assert run.metrics == {"frozen": {"val_accuracy": 0.5}, "test": 1}
    assert run.receipt == {"started": "2026-11-22T10:00:00+00:00", "parent": "a"}
    assert run.parent == Run(tmp_path / "a")


def test_an_epoch_trained_again_replaces_itself_and_later_ones(tmp_path: Path) -> None:
    run = make(tmp_path, "a")
    for epoch, loss in ((1, "0.9"), (2, "0.8"), (3, "0.7"), (2, "0.6")):
        run.add_history({"phase": "frozen", "epoch": epoch, "loss": loss})
    assert [(row["epoch"], row["loss"]) for row in run.history] == [
        ("1", "0.9"),
        ("2", "0.6"),
    ]


def test_a_run_is_never_overwritten(tmp_path: Path) -> None:
    runs = [create_run(tmp_path, "xception", "my flowers/[1]") for _ in range(3)]
    assert len({run.path for run in runs}) == 3
    for run in runs:
        assert re.fullmatch(r"\d{8}-\d{6}-xception-my-flowers-1(-\d)?", run.name)
        assert run.path.is_dir()


def test_a_place_for_runs_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"no run can be written to .*--runs-dir"):
        create_run(tmp_path / "file" / "runs", "xception", "sample")


def test_the_latest_is_the_last_started_whatever_its_name(tmp_path: Path) -> None:
    make(tmp_path, "my-best", "2026-11-22T10:00:00+00:00")
    make(tmp_path, "20261122-120000-x", "2026-11-22T12:00:00+01:00")
    make(tmp_path, "20261122-113000-x", "2026-11-22T11:30:00+00:00")
    damaged = make(tmp_path, "zzz")
    (damaged.path / "receipt.json").write_text("{")
    (tmp_path / ".tmp-copy").mkdir()
    (tmp_path / ".tmp-copy" / "config.toml").touch()
    (tmp_path / "no-run").mkdir()
    assert [run.name for run in list_runs(tmp_path)] == [
        "zzz",
        "my-best",
        "20261122-120000-x",
        "20261122-113000-x",
    ]
    assert find_run("latest", tmp_path).name == "20261122-113000-x"


def test_a_run_is_found_by_name_and_by_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = make(tmp_path / "runs", "a")
    for name in ("a", "runs/a", "runs/a/", str(run.path)):
        assert find_run(name, Path("runs")).path.resolve() == run.path


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("flowrs", "Did you mean 'flowers'? List them with: cnnxfer runs"),
        ("x", "no run called 'x' in RUNS. List them with: cnnxfer runs"),
        ("", "no run called '' in RUNS."),
    ],
)
def test_no_such_run(tmp_path: Path, name: str, message: str) -> None:
    make(tmp_path, "flowers")
    with pytest.raises(ConfigError) as caught:
        find_run(name, tmp_path)
    assert message.replace("RUNS", str(tmp_path)) in str(caught.value)


def test_no_run_yet(tmp_path: Path) -> None:
    assert list_runs(tmp_path / "none") == []
    with pytest.raises(
        ConfigError, match=r"there is no run in .* yet\. Start one with"
    ):
        find_run("latest", tmp_path / "none")


@pytest.mark.parametrize(
    ("file", "content", "read"),
    [
        ("receipt.json", "{", "receipt"),
        ("receipt.json", "[]", "receipt"),
        ("receipt.json", None, "receipt"),
        ("metrics.json", "3", "metrics"),
        ("classes.json", '{"a": 1}', "class_names"),
        ("classes.json", b"\xff\xfe", "class_names"),
        ("thresholds.json", "[0.5]", "thresholds"),
        ("thresholds.json", '{"a": "0.5"}', "thresholds"),
        ("thresholds.json", '{"b": 0.5}', "thresholds"),
        ("split.csv", "", "split"),
        ("split.csv", "id,label\na,b\n", "split"),
        ("split.csv", None, "split"),
        ("history.csv", "a,b\n1,2\n", "history"),
        ("config.toml", None, "config"),
    ],
)
def test_damage_is_named(
    tmp_path: Path, file: str, content: str | bytes | None, read: str
) -> None:
    run = make(tmp_path, "a")
    run.write_classes(["a"])
    (run.path / file).unlink(missing_ok=True)
    if content is not None:
        data = content.encode() if isinstance(content, str) else content
        (run.path / file).write_bytes(data)
    with pytest.raises(RunError) as caught:
        getattr(run, read)
    assert file in str(caught.value)
    assert str(run.path) in str(caught.value)


def test_a_run_without_a_model_says_how_to_go_on(tmp_path: Path) -> None:
    run = make(tmp_path, "a")
    with pytest.raises(RunError, match=r"no trained model yet\. .*cnnxfer resume"):
        run.require_model()
    run.model_path.touch()
    assert run.require_model() == run.path / "model.keras"


def test_a_run_that_is_gone_is_called_so(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"the run .*lost is gone\."):
        Run(tmp_path / "lost").require_model()


def test_json_is_for_people_too(tmp_path: Path) -> None:
    run = make(tmp_path, "a")
    run.write_classes(["Gänseblümchen"])
    text = (run.path / "classes.json").read_text(encoding="utf-8")
    assert "Gänseblümchen" in text
    assert json.loads(text) == ["Gänseblümchen"]


def test_where_runs_live(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CNNXFER_RUNS", raising=False)
    assert resolve_runs_dir(None) == Path("runs")
    monkeypatch.setenv("CNNXFER_RUNS", "mine")
    assert resolve_runs_dir(None) == Path("mine")
    assert resolve_runs_dir("given") == Path("given")
