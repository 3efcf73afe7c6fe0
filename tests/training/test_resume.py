"""Interrupted phases leave a usable run and resume to the same result."""

import dataclasses
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from killed_runs import without_seconds
from recording_reporter import RecordingReporter, pressing_ctrl_c
from shallow_mobilenet import in_place_of_mobilenet

import cnnxfer
from cnnxfer import api
from cnnxfer.errors import ConfigError, Interrupted
from cnnxfer.networks.saving import load_model
from cnnxfer.runs import Run, find_run, list_runs
from cnnxfer.training.loop import stepper
from cnnxfer.training.loop.checkpoint import read_checkpoint

Train = Callable[..., Run]
TUNING = {"lr": 0.01, "epochs": 3, "last": "40%", "bn": "train"}


@pytest.fixture(scope="module")
def tuned(parent: Run) -> Run:
    with in_place_of_mobilenet():
        return cnnxfer.unfreeze(parent, **TUNING)


def assert_same_end(run: Run, undisturbed: Run) -> None:
    """Compares every number that a run ends with, bit for bit."""
    models = [load_model(each.model_path).get_weights() for each in (run, undisturbed)]
    for weight, expected in zip(*models, strict=True):
        np.testing.assert_array_equal(weight, expected)
    states = [state_of(each) for each in (run, undisturbed)]
    assert states[0].keys() == states[1].keys()
    for name, values in states[0].items():
        np.testing.assert_array_equal(values, states[1][name])
    assert without_seconds(run) == without_seconds(undisturbed)
    metrics = [
        {name: {**value, "run": ""} for name, value in each.metrics.items()}
        for each in (run, undisturbed)
    ]
    assert metrics[0] == metrics[1]


def state_of(run: Run) -> dict[str, np.ndarray]:
    checkpoint = read_checkpoint(run.checkpoints_dir)
    assert checkpoint
    return checkpoint.arrays()


def test_head_training_resumes_as_if_undisturbed_where_its_images_are_now(
    train: Train, parent: Run, noisy_photos_dir: Path, tmp_path: Path
) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    shutil.copytree(noisy_photos_dir, old)
    with pytest.raises(Interrupted) as caught:
        train(tmp_path / "runs", data=old, reporter=pressing_ctrl_c("epoch 2/3"))
    run = find_run("latest", tmp_path / "runs")
    assert "interrupted in epoch 2 of 3" in str(caught.value)
    assert f"Go on with: cnnxfer.resume('{run.path}')" in str(caught.value)
    assert run.receipt["status"] == "interrupted"
    assert run.metrics["frozen"]["epoch"] == 1
    load_model(run.model_path)
    old.rename(new)
    for number, path in enumerate(sorted(new.glob("*/*.png"), reverse=True)):
        path.rename(path.with_name(f"renamed {number}.png"))
    with pytest.raises(ConfigError, match=r"cnnxfer\.resume\(.*, data='NEW_PLACE'\)"):
        api.resume(run)
    reporter = RecordingReporter()
    api.resume(run, data=new, reporter=reporter)
    assert reporter.warnings == []
    assert run.receipt["status"] == "done"
    assert_same_end(run, parent)
    assert run.config == dataclasses.replace(parent.config, data=str(new))


def test_fine_tuning_resumes_as_if_undisturbed(parent: Run, tuned: Run) -> None:
    with pytest.raises(Interrupted, match="interrupted in epoch 3 of 3"):
        cnnxfer.unfreeze(parent, reporter=pressing_ctrl_c("epoch 3/3"), **TUNING)
    run = find_run("latest", parent.path.parent)
    assert run.parent == parent
    api.resume(run)
    assert_same_end(run, tuned)


def test_balanced_sampling_and_focal_loss_resume_too(
    train: Train,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = set()
    epoch_order = stepper.epoch_order

    def order(*arguments: object) -> np.ndarray:
        asked.add(arguments[-1])
        return epoch_order(*arguments)

    monkeypatch.setattr(stepper, "epoch_order", order)
    settings = {
        "sampling": "balanced",
        "loss": "focal",
        "class_weights": "auto",
        "monitor": "macro-f1",
        "epochs": 2,
    }
    undisturbed = train(tmp_path / "a", **settings)
    with pytest.raises(Interrupted, match=r"\(of epoch 1, validation macro-F1 "):
        train(tmp_path / "b", reporter=pressing_ctrl_c("epoch 2/2"), **settings)
    run = find_run("latest", tmp_path / "b")
    api.resume(run)
    assert_same_end(run, undisturbed)
    assert asked == {"balanced"}
    assert "val_macro_f1" in run.history[0]
    assert run.metrics["frozen"]["monitor"] == "macro-f1"


def test_training_resumes_without_images_that_are_gone_and_says_so(
    parent: Run, noisy_photos_dir: Path, tmp_path: Path
) -> None:
    """Three updates of 8 need 24 of 26 images to train on; 22 are left."""
    data, run = tmp_path / "photos", Run(tmp_path / "run")
    shutil.copytree(noisy_photos_dir, data)
    shutil.copytree(parent.path, run.path)
    gone = [row for row in run.split if row.split == "train"][:4]
    for row in gone:
        (data / row.id).unlink()
    reporter = RecordingReporter()
    api.resume(run, data=data, epochs="+1", reporter=reporter)
    missing, inexact = reporter.warnings
    assert missing.startswith(f"4 of 42 images of {run.path} are no longer in {data}")
    assert inexact.startswith(f"{run.path} will not end exactly as it would have")
    assert len(run.history) == 4
    assert run.receipt["status"] == "done"


def test_an_unfinished_first_epoch_leaves_a_model(
    train: Train, parent: Run, tmp_path: Path
) -> None:
    with pytest.raises(Interrupted, match=r"usable model \(no epoch is finished yet"):
        train(tmp_path, reporter=pressing_ctrl_c("epoch 1/3"))
    run = find_run("latest", tmp_path)
    assert load_model(run.model_path).output_shape == (None, 3)
    api.resume(run)
    assert_same_end(run, parent)


def test_fine_tuning_without_a_finished_epoch_has_the_parents_model(
    parent: Run,
) -> None:
    with pytest.raises(Interrupted, match=r"usable model \(as before this phase"):
        cnnxfer.unfreeze(parent, reporter=pressing_ctrl_c("epoch 1/3"), **TUNING)
    run = find_run("latest", parent.path.parent)
    assert run.model_path.read_bytes() == parent.model_path.read_bytes()
    assert run.metrics["before"]["epoch"] == 0


def test_ctrl_c_while_measuring_is_an_interruption_too(
    parent: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    import keras

    def predict(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(keras.Model, "predict", predict)
    with pytest.raises(Interrupted, match=r"no model yet\. Go on with: cnnxfer"):
        cnnxfer.unfreeze(parent, **TUNING)
    run = list_runs(parent.path.parent)[-1]
    assert (run.parent, run.model_path.exists()) == (parent, False)
    assert find_run("latest", run.path.parent) != run
    assert find_run("latest", run.path.parent, with_model=False) == run


@pytest.mark.parametrize(
    "number",
    [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)],
    ids=str,
)
def test_ctrl_c_and_sigterm_end_the_process_with_130(
    photos_dir: Path, tmp_path: Path, number: signal.Signals
) -> None:
    command = [sys.executable, "-m", "cnnxfer", "train", "--backbone", "mobilenet-0.25"]
    options = ["--weights", "none", "--freeze", "--image-size", "32"]
    options += ["--no-cache", "--epochs", "100000"]
    process = subprocess.Popen(
        [*command, *options, "--data", photos_dir, "--runs-dir", tmp_path / "runs"],
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background jobs, and so what they start, ignore the signal.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    said = []
    for line in process.stderr:
        said.append(line)
        if "epoch  2/" in line:
            process.send_signal(number)
            break
    said.append(process.stderr.read())
    assert process.wait(60) == 130, said
    assert "Go on with: cnnxfer resume" in " ".join("".join(said).split())
    assert "Traceback" not in "".join(said)
    run = find_run("latest", tmp_path / "runs")
    assert run.metrics["frozen"]["epoch"] >= 1
    assert run.receipt["status"] == "interrupted"
    checkpoint = read_checkpoint(run.checkpoints_dir)
    assert checkpoint
    assert checkpoint.progress.epoch == len(run.history)
