"""Tests that evaluations without an accuracy are told by the figure that they have."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cnnxfer.cli.main import run as run_command
from cnnxfer.config import Config
from cnnxfer.data.objects import LabelledBox, Objects
from cnnxfer.evaluation.before_after import BeforeAfter
from cnnxfer.evaluation.difference import difference_of
from cnnxfer.evaluation.metrics import Evaluation
from cnnxfer.runs import Run, SplitRow
from cnnxfer.runs.summary import summary_of
from cnnxfer.tasks.boxes.detection_figures import measure_detection
from cnnxfer.tasks.boxes.localization_figures import measure_localization
from cnnxfer.tasks.masks.mask_figures import measure_masks
from cnnxfer.tasks.task import Figures

NAMES = ("cat", "dog")
OBJECTS = [Objects((LabelledBox(0, (0, 0, 50, 50)),), 100, 100)] * 2
HALF, WHOLE = [0, 0, 50, 25, 0.9, 0], [0, 0, 50, 50, 0.9, 0]


def boxes(rows: list[list[float]]) -> Figures:
    answers = [np.array([row], np.float32) for row in rows]
    return measure_detection(NAMES, answers, OBJECTS, 0.5)[0]


def box(rows: list[list[float]]) -> Figures:
    return measure_localization(NAMES, np.array(rows)[:, None], OBJECTS)[0]


def mask(rows: list[list[float]]) -> Figures:
    """Answers the upper half of a picture of cats, or all of it."""
    truth = np.zeros((2, 4), np.uint8)
    answers = [truth.copy() for _ in rows]
    for answer, row in zip(answers, rows, strict=True):
        answer[round(row[3] / 25) :] = 1
    return measure_masks(NAMES, [(answer, truth) for answer in answers])[0]


Measure = Callable[[list[list[float]]], Figures]
# An answer that covers half of the object has an overlap of 0.5.
TASKS = pytest.mark.parametrize(
    ("measure", "figure", "name", "half"),
    [
        (boxes, "ap", "AP", 0.1),
        (box, "mean-iou", "mean IoU", 0.5),
        (mask, "miou", "mIoU", 0.5),
    ],
)


def evaluated(measure: Measure) -> Evaluation:
    """Returns the evaluation of a run with its parent, whose boxes are too small."""
    before = Evaluation("head", 2, 0, 0, measure([HALF, HALF]))
    after = Evaluation("tuned", 2, 0, 0, measure([WHOLE, WHOLE]))
    return replace(after, before=before, gained=0, lost=0)


def make_run(path: Path, evaluation: Evaluation, **receipt: object) -> Run:
    run = Run(path)
    run.path.mkdir()
    run.write_config(Config())
    run.write_classes(NAMES)
    run.write_split([SplitRow("c.jpg", "cat", "test", "02")])
    run.update_receipt(started=path.name, status="done", **receipt)
    run.update_metrics(test=evaluation.as_metrics())
    return run


@TASKS
def test_the_figure_is_named(
    measure: Measure, figure: str, name: str, half: float
) -> None:
    evaluation = evaluated(measure)
    before = f"{name} {half:.1%} [{100 * half:.1f}, {100 * half:.1f}]"
    after = "100.0% [100.0, 100.0]"
    assert repr(evaluation) == f"Evaluation('tuned': {name} {after} of 2 images)"
    assert repr(evaluation.before) == f"Evaluation('head': {before} of 2 images)"
    lines = BeforeAfter(evaluation, None).lines
    assert lines == [f"validation {before} -> {after} (95% intervals)"]
    assert any(line.endswith("-> after 100.0%") for line in evaluation.lines)
    assert evaluation.result.headline == (
        f"100.0% {name} (100.0 to 100.0), before {half:.1%}, 2 images"
    )
    metrics = evaluation.as_metrics()
    expected = {"figure": figure, "value": 1.0, "low": 1.0, "high": 1.0}
    assert metrics["headline"] == expected
    assert metrics["before"]["headline"]["value"] == pytest.approx(half)


@TASKS
def test_runs_are_listed_and_compared_by_it(
    measure: Measure,
    figure: str,
    name: str,
    half: float,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    evaluation = evaluated(measure)
    assert evaluation.before
    head = make_run(tmp_path / "head", evaluation.before, phase="frozen")
    tuned = make_run(tmp_path / "tuned", evaluation, phase="fine_tune", parent="head")
    tuned.update_metrics(
        fine_tune={"monitor": figure, f"val_{figure.replace('-', '_')}": 0.75}
    )
    summary = summary_of(tuned)
    assert summary["test_headline"]["figure"] == figure
    assert summary["test_headline"]["value"] == 1
    assert summary["test_headline"]["before"] == pytest.approx(half)
    assert summary["val_monitored"] == 0.75
    assert f"<td>{half:.1%}</td>" in _html(head)
    assert run_command(["runs", "--runs-dir", str(tmp_path)]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert f"{half:.1%} {name} " in shown
    assert f"75.0% {name} {half:.1%} -> 100.0% {name}" in shown

    test = difference_of(head, tuned).results[1]
    assert test.name == f"test {name}"
    assert test.one
    assert test.other
    assert test.one.value == pytest.approx(half)
    assert test.other.value == 1
    assert (test.gained, test.lost) == (None, None)
    command = ["runs", "diff", "head", "tuned", "--runs-dir", str(tmp_path)]
    assert run_command(command) == 0
    points = f"{100 - 100 * half:.1f}"
    shown = capsys.readouterr().out
    assert f"test {name}: B is {points} points better than A (95% interval " in shown


def _html(run: Run) -> str:
    from cnnxfer.api.run import Run as NotebookRun

    return NotebookRun(run.path)._repr_html_()


def test_runs_of_different_tasks_are_compared_by_right_answers(tmp_path: Path) -> None:
    one, other = (
        make_run(tmp_path / name, Evaluation(name, 2, 0, 0, figures), phase="frozen")
        for name, figures in (
            ("one", boxes([WHOLE, HALF])),
            ("other", box([WHOLE] * 2)),
        )
    )
    test = difference_of(one, other).results[1]
    assert (test.name, test.other and test.other.value) == ("test", 1)
    # A box that covers half of an object is right at an overlap of 0.5.
    assert test.one
    assert test.one.value == 1
