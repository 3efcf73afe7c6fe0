import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from recording_reporter import RecordingReporter

from cnnxfer.errors import ConfigError, RunError
from cnnxfer.runs import (
    Run,
    check_runs_dir,
    create_run,
    find_run,
    list_runs,
    resolve_runs_dir,
)
from cnnxfer.trust import distrust

Make = Callable[..., Run]


def test_a_run_is_never_overwritten(tmp_path: Path) -> None:
    runs = [create_run(tmp_path, "xception", "my flowers/[1]") for _ in range(3)]
    assert len({run.path for run in runs}) == 3
    for run in runs:
        assert re.fullmatch(r"\d{8}-\d{6}-xception-my-flowers-1(-\d)?", run.name)
        assert run.path.is_dir()


def test_a_runs_dir_that_cannot_be_created(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"runs cannot be written to .*runs_dir"):
        create_run(tmp_path / "file" / "runs", "xception", "sample")
    with pytest.raises(ConfigError, match=r"runs cannot be written to .*runs_dir"):
        check_runs_dir(tmp_path / "file")


def test_a_runs_dir_need_not_exist_if_it_can_be_created(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    check_runs_dir(tmp_path / "deep" / "runs")
    monkeypatch.chdir(tmp_path)
    check_runs_dir(Path("runs"))
    assert list(tmp_path.iterdir()) == []


def test_the_latest_is_the_last_started_whatever_its_name(
    make: Make, tmp_path: Path
) -> None:
    make("my-best", started="2026-11-22T10:00:00+00:00")
    make("20261122-120000-x", started="2026-11-22T12:00:00+01:00")
    make("20261122-113000-x", started="2026-11-22T11:30:00+00:00")
    damaged = make("zzz")
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


def test_the_latest_has_a_model_if_any_run_has_one(make: Make, tmp_path: Path) -> None:
    trained, begun = (make(f"runs/{hour}", started=time(hour)) for hour in (10, 11))
    reporter = RecordingReporter()
    assert find_run("latest", tmp_path / "runs", reporter=reporter) == begun
    assert reporter.lines == []
    trained.model_path.touch()
    assert find_run("latest", tmp_path / "runs", reporter=reporter) == trained
    assert reporter.lines == [
        f"the latest run with a model is {trained.path}; {begun.path} has none yet. "
        f"Go on with that one: cnnxfer.resume('{begun.path}')"
    ]
    assert find_run("latest", tmp_path / "runs", with_model=False) == begun


def time(hour: int) -> str:
    return f"2026-11-22T{hour}:00:00+00:00"


def test_a_run_is_found_by_name_and_by_path(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = make("runs/a")
    for name in ("a", "runs/a", "runs/a/", str(run.path)):
        assert find_run(name, Path("runs")).path.resolve() == run.path


def test_a_run_here_and_one_of_its_name_in_the_directory_are_told_apart(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    there, here = make("runs/a"), make("a")
    with pytest.raises(ConfigError, match=r"a run here\. Type runs/a or \./a$"):
        find_run("a", Path("runs"))
    for name, run in (("runs/a", there), ("./a", here)):
        assert find_run(name, Path("runs")).path.resolve() == run.path
    monkeypatch.chdir(tmp_path / "runs")
    assert find_run("a", tmp_path / "runs").path.resolve() == there.path


def test_a_run_is_found_in_both_unicode_forms(make: Make, tmp_path: Path) -> None:
    make("cafe\u0301")
    assert find_run("caf\xe9", tmp_path).name == "cafe\u0301"


def test_a_run_is_found_from_inside(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run has its name, and finds its parent beside it."""
    parent = make("runs/parent")
    child = make("runs/child", parent="parent")
    child.checkpoints_dir.mkdir()
    for place, name in ((child.path, "."), (child.checkpoints_dir, "..")):
        monkeypatch.chdir(place)
        found = find_run(name, Path("runs"))
        assert found.name == "child"
        assert found.path.resolve() == child.path
        assert found.parent == parent


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("flowrs", "Did you mean 'flowers'? List them with: cnnxfer runs"),
        ("x", "no run called 'x' in RUNS. List them with: cnnxfer runs"),
        ("", "no run called '' in RUNS."),
    ],
)
def test_no_such_run(make: Make, tmp_path: Path, name: str, message: str) -> None:
    make("flowers")
    with pytest.raises(ConfigError) as caught:
        find_run(name, tmp_path)
    assert message.replace("RUNS", str(tmp_path)) in str(caught.value)


def test_no_run_yet(tmp_path: Path) -> None:
    assert list_runs(tmp_path / "none") == []
    with pytest.raises(
        ConfigError, match=r"there is no run in .* yet\. Start one with"
    ):
        find_run("latest", tmp_path / "none")


def test_the_directory_of_all_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CNNXFER_RUNS", raising=False)
    assert resolve_runs_dir(None) == Path("runs")
    monkeypatch.setenv("CNNXFER_RUNS", "mine")
    assert resolve_runs_dir(None) == Path("mine")
    assert resolve_runs_dir("given") == Path("given")


@pytest.mark.parametrize("part", ["", "config.toml", "model.keras", "checkpoints"])
def test_the_latest_run_is_not_one_that_others_can_have_written(
    make: Make, tmp_path: Path, part: str
) -> None:
    run = make("mine")
    run.model_path.touch()
    run.checkpoints_dir.mkdir(exist_ok=True)
    assert find_run("latest", tmp_path) == run
    (run.path / part).chmod(0o777)
    with pytest.raises(RunError, match=rf"{part} can be written by .*/mine\. .*chmod"):
        find_run("latest", tmp_path)
    assert find_run("mine", tmp_path) == run


def test_only_the_owner_can_write_a_run_whatever_the_umask_is(tmp_path: Path) -> None:
    before = os.umask(0o002)
    run = create_run(tmp_path, "xception", "sample")
    run.write_classes(["a", "b"])
    run.write_state({})
    os.umask(before)
    parts = [run.path, *run.path.rglob("*")]
    assert [part for part in parts if distrust(part)] == []
