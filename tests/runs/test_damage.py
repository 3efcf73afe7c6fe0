"""Files of a run that are damaged, of another kind, or contradict one another."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cnnxfer.config import Augment, Config
from cnnxfer.config.setting import settings_in
from cnnxfer.errors import CnnxferError
from cnnxfer.runs import Run, SplitRow
from cnnxfer.runs.summary import epochs_of, summary_of

Make = Callable[..., Run]
READERS: dict[str, Callable[[Run], Any]] = {
    "config.toml": lambda run: run.config,
    "classes.json": lambda run: run.class_names,
    "split.csv": lambda run: run.split,
    "thresholds.json": lambda run: run.thresholds,
    "temperature.json": lambda run: run.temperature,
    "metrics.json": lambda run: run.metrics,
    "receipt.json": lambda run: run.receipt,
    "history.csv": lambda run: run.history,
    "checkpoints/state.json": lambda run: run.state,
    "model.keras": lambda run: run.require_model(),
}
CELLS = "id,label,split,sha256\n"


@pytest.fixture
def run(make: Make) -> Run:
    """Returns a run that has every file."""
    run = make("a", phase="frozen", status="done", parent=None)
    run.write_classes(["b", "c"])
    run.write_split([SplitRow("b.jpg", "b", "train", "00")])
    run.write_fitted({"b": 0.5, "c": 0.5}, 1.25)
    run.update_metrics(frozen={"val_accuracy": 0.5, "epoch": 1})
    run.add_history({"phase": "frozen", "epoch": 1, "loss": 0.5})
    run.write_state({"stages": []})
    run.model_path.write_bytes(b"")
    return run


def problem(read: Callable[[Run], Any], run: Run) -> str:
    """Returns the message of the error that reading raises."""
    with pytest.raises(CnnxferError) as raised:
        read(run)
    return str(raised.value)


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("kind", ["folder", "pipe", "link to itself"])
def test_what_is_no_file_is_named_and_not_waited_for(
    run: Run, name: str, kind: str
) -> None:
    path = run.path / name
    READERS[name](run)
    path.unlink()
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(path.name)
    if kind == "link to itself" and name not in ("config.toml", "receipt.json"):
        return  # as if there were no such file, which some runs lack
    assert path.name in problem(READERS[name], run)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("classes.json", '["b", "b"]', "names a class twice"),
        ("classes.json", "[]", "names no class"),
        ("classes.json", '[["b"], NaN]', "item 1 is ['b']; expected a text"),
        ("classes.json", "[" * 99_999, "it is nested too deep"),
        ("config.toml", "a=" + "[" * 99_999, "is nested too deep"),
        ("config.toml", "seed = " + "9" * 5000, "has a number of too many digits"),
        ("config.toml", "\udcff", "is not TOML"),
        ("split.csv", f"{CELLS}{'b' * 200_000},b,train,00", "field larger than"),
        ("split.csv", f"{CELLS}b.jpg,d,train,00", "the label 'd', which is not in"),
        ("split.csv", f"{CELLS}b.jpg,b,part,00", "the split 'part'; expected train,"),
        ("split.csv", f"{CELLS}b.jpg,b,train,00,1", "row 1 has too many cells"),
        ("split.csv", "id,label\n", "expected the columns id, label, split, sha256"),
        ("split.csv", "\udcff", "is not a text in UTF-8"),
        ("thresholds.json", '{"b": 0.5}', "has other classes than classes.json"),
        ("thresholds.json", '{"b": 0.5, "c": 2}', "c is 2; expected a number between"),
        ("temperature.json", '{"temperature": 0}', "temperature is 0; expected a"),
        ("metrics.json", '{"test": {}}', "test has no right"),
        ("metrics.json", '{"frozen": {"monitor": "x"}}', "frozen.monitor is 'x'"),
        ("receipt.json", '{"parent": 5}', "parent is 5; expected a text"),
        ("receipt.json", '{"more_epochs": "evil"}', "more_epochs is 'evil'"),
        ("receipt.json", '{"precision": "int1"}', "expected one of float32"),
        ("history.csv", "phase,epoch\nfrozen,x\n", "holds what is not a number"),
        ("history.csv", "phase,epoch\nfrozen,\n", "holds what is not a number"),
        ("history.csv", "epoch\n1\n", "expected the columns phase, epoch"),
        ("checkpoints/state.json", "[]", "is []; expected a table"),
    ],
)
def test_what_differs_in_a_file_is_told(
    run: Run, name: str, text: str, message: str
) -> None:
    (run.path / name).write_bytes(text.encode(errors="surrogateescape"))
    found = problem(READERS[name], run)
    assert found.startswith(f"{run.path / name} ")
    assert message in found


@pytest.mark.parametrize("parent", ["../b", "/b", "..", "b/", "b\0/c"])
def test_a_parent_is_a_run_in_the_same_folder(run: Run, parent: str) -> None:
    run.update_receipt(parent=parent)
    assert "expected the name of a run beside it" in problem(lambda _: run.parent, run)


def test_a_fine_tuned_run_names_its_parent(run: Run) -> None:
    run.update_receipt(phase="fine_tune")
    expected = f"{run.path / 'receipt.json'} names no parent for the phase fine_tune."
    assert problem(lambda run: run.require_parent(), run).startswith(expected)


@pytest.mark.parametrize("phase", ["evil", "augment", "to_toml"])
def test_a_phase_is_one_of_the_settings(run: Run, phase: str) -> None:
    run.update_receipt(phase=phase)
    for read in (summary_of, epochs_of):
        assert f"names the phase {phase!r}" in problem(read, run)


def test_an_unknown_backbone_is_named_with_its_file(run: Run) -> None:
    path = run.path / "config.toml"
    path.write_text(path.read_text().replace("efficientnet-lite0", "nonet"))
    expected = f"{path} cannot be used: unknown backbone 'nonet'"
    assert problem(lambda run: run.image_size, run).startswith(expected)


def test_a_holder_that_is_a_pipe_is_not_waited_for(run: Run, tmp_path: Path) -> None:
    from filelock import FileLock

    from cnnxfer.runs import require_idle

    os.mkfifo(run.path / ".holder.json")
    with FileLock(run.path / ".lock"):
        assert "is being trained by another process" in problem(require_idle, run)


def test_settings_that_were_lost_are_not_replaced_by_defaults(run: Run) -> None:
    path = run.path / "config.toml"
    lines = path.read_text("utf-8").splitlines(keepends=True)
    later = {
        name
        for section in (Config, Augment)
        for name, setting in settings_in(section).items()
        if setting.before is not None
    }
    for number, line in enumerate(lines):
        if "=" in line and line.split()[0] not in later:
            path.write_text("".join(lines[:number] + lines[number + 1 :]), "utf-8")
            assert f"{line.split()[0]}; the settings" in problem(
                READERS["config.toml"], run
            )
    path.write_text("".join(lines[: lines.index("[fine_tune]\n")]), "utf-8")
    assert f"{path} lacks fine_tune; the" in problem(READERS["config.toml"], run)
