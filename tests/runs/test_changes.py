"""Renaming and removing runs, with those that stand on them."""

import dataclasses
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from cnnxfer.config import Config
from cnnxfer.errors import ConfigError, RunError
from cnnxfer.runs import Run, changes, lock_run, remove_runs, rename_run, standing_on

Make = Callable[..., Run]


@pytest.fixture
def family(make: Make) -> list[Run]:
    """A run, one that is fine-tuned from it, and one that began with its layers."""
    first, tuned = make("first"), make("tuned", parent="first")
    measured = {"right": {"value": 0.5, "low": 0.4, "high": 0.6}}
    first.update_metrics(test={"run": "first", **measured})
    before = {"run": "first", **measured}
    tuned.update_metrics(test={"run": "tuned", **measured, "before": before})
    begun = make("begun", parent=None)
    settings = Config(from_scratch=True)
    scratch = dataclasses.replace(settings.scratch, init=str(first.path.resolve()))
    begun.write_config(dataclasses.replace(settings, scratch=scratch))
    return [first, tuned, begun]


def test_those_that_stand_on_a_run(family: list[Run], make: Make) -> None:
    first, tuned, begun = family
    damaged = make("damaged", parent="first")
    (damaged.path / "receipt.json").write_text("{")
    (damaged.path / "config.toml").write_text("seed = ")
    assert {run.name for run in standing_on(first)} == {"tuned", "begun"}
    assert standing_on(tuned) == standing_on(begun) == []


def test_runs_that_stand_on_a_run_know_its_new_name(family: list[Run]) -> None:
    first, tuned, begun = family
    renamed = rename_run(first, "roses, big")
    assert not first.path.exists()
    assert renamed.name == "roses, big"
    assert renamed.metrics["test"]["run"] == renamed.name
    assert tuned.parent == renamed
    assert tuned.metrics["test"]["run"] == "tuned"
    assert tuned.metrics["test"]["before"]["run"] == renamed.name
    assert begun.config.scratch.init == str(renamed.path.resolve())
    assert {run.name for run in standing_on(renamed)} == {"tuned", "begun"}
    hidden = {path.name for path in renamed.path.iterdir() if path.name[0] == "."}
    assert hidden <= {".lock", ".updating.lock"}
    assert rename_run(renamed, "first") == first


def test_a_rename_that_fails_leaves_all_as_it_was(
    family: list[Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, tuned, _ = family
    monkeypatch.setattr(changes, "_move", stopped)
    with pytest.raises(KeyboardInterrupt):
        rename_run(first, "roses")
    assert {run.name for run in standing_on(first)} == {"tuned", "begun"}
    assert first.metrics["test"]["run"] == "first"
    assert tuned.metrics["test"]["before"]["run"] == "first"


def test_a_rename_that_was_killed_is_completed_by_another(
    family: list[Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, tuned, begun = family
    renamed = Run(first.path.with_name("roses"))
    for run in (first, begun):
        changes._tell(run, first, renamed)
    assert rename_run(first, "roses") == renamed
    assert {run.name for run in standing_on(renamed)} == {"tuned", "begun"}
    assert tuned.metrics["test"]["before"]["run"] == renamed.metrics["test"]["run"]


def stopped(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_run_on_which_another_stands_by_now_stays(
    family: list[Run], make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process may create it while the locks are waited for."""
    _, tuned, begun = family
    locked = changes.lock_run

    def lock(run: Run) -> AbstractContextManager[None]:
        make(f"on-{run.name}", parent=run.name)
        return locked(run)

    monkeypatch.setattr(changes, "lock_run", lock)
    with pytest.raises(RunError, match="/begun is what on-begun began with"):
        remove_runs([begun])
    renamed = rename_run(tuned, "other")
    assert [run.name for run in standing_on(renamed)] == ["on-tuned"]


def test_nothing_is_replaced_by_a_rename(family: list[Run], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "dangling").symlink_to("nowhere")
    for name in ("tuned", "empty", "dangling", "first"):
        with pytest.raises(ConfigError, match=f"there is .*/{name} already"):
            rename_run(family[0], name)
    with pytest.raises(ConfigError, match="the new name is '@1'; expected a name such"):
        rename_run(family[0], "@1")
    assert family[0].path.is_dir()


def test_a_run_that_is_being_trained_keeps_its_name_and_stays(
    family: list[Run], tmp_path: Path
) -> None:
    first, tuned, _ = family
    with lock_run(tuned):
        with pytest.raises(RunError, match="/tuned is being trained by"):
            rename_run(first, "other")
        with pytest.raises(RunError, match="/tuned is being trained by"):
            remove_runs(family)
    assert {path.name for path in tmp_path.iterdir()} == {"first", "tuned", "begun"}


def test_a_run_on_which_another_stands_is_only_removed_with_it(
    family: list[Run], tmp_path: Path
) -> None:
    first, tuned, begun = family
    with pytest.raises(RunError) as caught:
        remove_runs([first, tuned])
    assert str(caught.value) == (
        f"{first.path} is what begun began with, and what comparisons and repetitions "
        f"go back to. To remove all of them: cnnxfer runs rm {first.path} {begun.path}"
    )
    remove_runs([tuned])
    remove_runs([first, begun])
    assert list(tmp_path.iterdir()) == []


def test_links_are_not_followed(make: Make, tmp_path: Path) -> None:
    others = tmp_path / "others"
    (others / "photos").mkdir(parents=True)
    (others / "photos" / "rose.jpg").touch()
    run = make("runs/a")
    (run.path / "exports").symlink_to(others / "photos")
    (run.path / "rose.jpg").symlink_to(others / "photos" / "rose.jpg")
    link = Run(run.path.with_name("link"))
    link.path.symlink_to(run.path)
    for change in (lambda: remove_runs([link]), lambda: rename_run(link, "b")):
        with pytest.raises(
            ConfigError, match=r"is a link to .*, and links are not foll"
        ):
            change()
    assert run.path.is_dir()
    remove_runs([run])
    assert (others / "photos" / "rose.jpg").exists()
    assert not run.path.exists()


def test_what_is_no_run_is_left_alone(tmp_path: Path) -> None:
    """Many programs call their settings so."""
    (tmp_path / "config.toml").write_text("[editor]")
    with pytest.raises(ConfigError, match=r"does not look like a run.*was changed\."):
        remove_runs([Run(tmp_path)])
    assert (tmp_path / "config.toml").exists()
