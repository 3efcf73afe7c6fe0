import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from recording_reporter import RecordingReporter

from cnnxfer.errors import ConfigError, RunError
from cnnxfer.runs import (
    AmbiguousName,
    Run,
    check_new_name,
    check_runs_dir,
    create_run,
    find_run,
    list_runs,
    resolve_runs_dir,
)
from cnnxfer.trust import distrust

Make = Callable[..., Run]


@pytest.mark.parametrize(
    ("data", "slug"),
    [
        ("flowers12", "flowers12"),
        ("my flowers/[1]", "my-flowers-1"),
        ("../..", "run"),
        ("-rf", "rf"),
        (".hidden", "hidden"),
        ("@latest", "latest"),
        ("a\n\x1b[2Jb", "a-2Jb"),
        ("цветы", "цветы"),
        ("n" * 300, "n" * 40),
        ("", "run"),
    ],
)
def test_a_run_is_called_after_its_data(tmp_path: Path, data: str, slug: str) -> None:
    runs_dir = tmp_path / "runs"
    runs = [create_run(runs_dir, data) for _ in range(3)]
    assert [run.name for run in runs] == [f"{slug}-{number}" for number in (1, 2, 3)]
    assert all(run.path.parent == runs_dir and run.path.is_dir() for run in runs)


def test_the_number_is_the_next_whatever_has_one(tmp_path: Path) -> None:
    for name in ("a-2", "A-9", "a-x-11", "b-30", "a-12345678901"):
        (tmp_path / name).mkdir()
    (tmp_path / "a-10").touch()
    assert create_run(tmp_path, "a").name == "a-11"
    assert create_run(tmp_path, "b").name == "b-31"
    assert create_run(tmp_path, "c").name == "c-1"


def test_runs_that_start_at_once_do_not_collide(tmp_path: Path) -> None:
    """Processes, since a directory is all that they have in common."""
    code = (
        "import sys; from pathlib import Path; from cnnxfer.runs import create_run\n"
        "for _ in range(25): print(create_run(Path(sys.argv[1]), 'a').name)"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    names = [name for one in processes for name in one.communicate()[0].split()]
    assert sorted(names) == sorted(f"a-{number}" for number in range(1, 76))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("latest", "means the run that was made last"),
        *((name, "expected a name such as") for name in ("", "a/b", "-a", ".a", "@1")),
        *((name, "expected a name such as") for name in (" a", "a\n", "cnnxfer:x")),
        ("ё" * 100, "too long for the name of a directory"),
        ("\udcff", "expected a name such as"),
        ("taken", "there is .*taken already.*cnnxfer runs rename .*/taken NEW$"),
    ],
)
def test_a_name_that_no_run_can_have(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "taken").touch()
    with pytest.raises(ConfigError, match=f"name is .*{message}"):
        check_new_name(name, tmp_path)


def test_a_run_is_called_as_somebody_says(tmp_path: Path) -> None:
    check_new_name("roses, big", tmp_path)
    check_new_name(None, tmp_path)
    assert create_run(tmp_path, "a", "roses, big").name == "roses, big"
    with pytest.raises(ConfigError, match=r"name is 'roses, big', but there is "):
        create_run(tmp_path, "a", "roses, big")


def test_a_runs_dir_that_cannot_be_created(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"runs cannot be written to .*runs_dir"):
        create_run(tmp_path / "file" / "runs", "sample")
    with pytest.raises(ConfigError, match=r"runs cannot be written to .*runs_dir"):
        check_runs_dir(tmp_path / "file")


def test_a_runs_dir_that_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "runs").symlink_to(tmp_path / "gone" / "x")
    for begin in (check_runs_dir, lambda runs_dir: create_run(runs_dir, "sample")):
        with pytest.raises(ConfigError, match=r"runs cannot be written to .*/runs \("):
            begin(tmp_path / "runs")


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


def test_runs_are_counted_back_from_the_latest(make: Make, tmp_path: Path) -> None:
    """By the time in the receipt, to the microsecond: names tell nothing."""
    names = ("flowers-10", "flowers-9", "a", "20261122-113000-x")
    runs = [
        make(name, started=f"2026-11-22T10:00:00.00000{number}+00:00")
        for number, name in enumerate(names)
    ]
    for back, run in enumerate(reversed(runs)):
        assert find_run(f"@{back}", tmp_path) == run
    with pytest.raises(
        ConfigError, match=r"^@4 is 4 runs before the latest, but .* 4 "
    ):
        find_run("@4", tmp_path)
    runs[0].model_path.touch()
    runs[2].model_path.touch()
    assert find_run("@0", tmp_path) == find_run("latest", tmp_path) == runs[2]
    assert find_run("@1", tmp_path) == runs[0]
    with pytest.raises(ConfigError, match=r"has 2 runs to choose from; @1 is the f"):
        find_run("@2", tmp_path)
    assert find_run("@1", tmp_path, with_model=False) == runs[2]


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


def test_the_beginning_of_a_name_is_enough_where_it_is_one_run_s(
    make: Make, tmp_path: Path
) -> None:
    names = ("flowers-1", "flowers-12", "cafe\u0301-1", "20261122-113000-lite0-x")
    runs = {name: make(name) for name in names}
    assert find_run("flowers-12", tmp_path) == runs["flowers-12"]
    assert find_run("flowers-1", tmp_path) == runs["flowers-1"]
    assert find_run("caf\xe9", tmp_path) == runs["cafe\u0301-1"]
    assert find_run("20261122-1", tmp_path) == runs["20261122-113000-lite0-x"]
    with pytest.raises(AmbiguousName) as caught:
        find_run("flow", tmp_path)
    assert str(caught.value) == (
        f"the names of 2 runs in {tmp_path} begin with 'flow': flowers-1, flowers-12. "
        "Type more of one."
    )
    for name in ("lowers", "FLOWERS-12", ""):
        with pytest.raises(ConfigError, match="no run called"):
            find_run(name, tmp_path)
    with pytest.raises(ConfigError, match="no run called"):
        find_run("20261122", tmp_path, prefixes=False)


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
    run = create_run(tmp_path, "sample")
    run.write_classes(["a", "b"])
    run.write_state({})
    os.umask(before)
    parts = [run.path, *run.path.rglob("*")]
    assert [part for part in parts if distrust(part)] == []
