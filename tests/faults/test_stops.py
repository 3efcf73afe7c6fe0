"""Training is stopped by a signal, another process, a NaN loss or lack of memory."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import pytest
import tensorflow as tf

from cnnxfer.networks.saving import load_model
from cnnxfer.runs import Run, find_run, lock_run
from cnnxfer.training.loop.checkpoint import read_checkpoint
from cnnxfer.training.loop.stepper import Stepper

Act = Callable[[], object]
Train = Callable[[Path], tuple[int, Run]]
SECOND_EPOCH = 4  # the number of an update in the second epoch


def test_a_run_resumed_after_sigterm_ends_as_if_undisturbed(
    unfreeze: Callable[[Run], tuple[int, Run]],
    resume: Callable[[Run], int],
    head: Run,
    tuned: Run,
    error_line: Callable[[], str],
    before_update: Callable[[int, Act], None],
    assert_ends_like: Callable[[Run, Run], None],
) -> None:
    before_update(SECOND_EPOCH, lambda: signal.raise_signal(signal.SIGTERM))
    code, run = unfreeze(head)
    assert code == 130
    line = error_line()
    assert line.startswith("error: interrupted in epoch 2 of 2 (fine-tuning). ")
    assert line.endswith(f"Go on with: cnnxfer resume {run.path}")
    assert run.receipt["status"] == "interrupted"
    checkpoint = read_checkpoint(run.checkpoints_dir)
    assert checkpoint
    assert checkpoint.progress.updates == SECOND_EPOCH + 1
    load_model(run.model_path)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert resume(run) == 0
    assert_ends_like(run, tuned)


def test_a_second_process_on_a_run_reports_which_one_holds_it(
    head: Run, resume: Callable[[Run], int], error_line: Callable[[], str]
) -> None:
    before = head.receipt
    head.update_receipt(status="running")
    with lock_run(head):
        assert resume(head) == 1
        line = error_line()
        assert head.receipt["status"] == "running"
    head.update_receipt(**before)
    assert line.startswith(
        f"error: {head.path} is being trained by process {os.getpid()} ("
    )
    assert line.endswith(f"Wait for it, or stop it: kill {os.getpid()}")


def test_a_nan_loss_late_in_a_phase_is_reported_with_epoch_step_and_rate(
    train: Train,
    resume: Callable[[Run], int],
    head: Run,
    error_line: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
    assert_ends_like: Callable[[Run, Run], None],
    tmp_path: Path,
) -> None:
    update = Stepper.update

    def broken(stepper: Stepper, number: int, rate: float) -> tuple[float, float]:
        loss, accuracy = update(stepper, number, rate)
        return (float("nan") if number == SECOND_EPOCH else loss), accuracy

    monkeypatch.setattr(Stepper, "update", broken)
    code, run = train(tmp_path)
    assert code == 1
    line = error_line()
    assert "the loss became nan in epoch 2, step 2, at learning rate 0.0" in line
    assert f"{run.path} keeps its model. Try a lower --lr" in line
    assert [row["epoch"] for row in run.history] == [1]
    load_model(run.model_path)
    checkpoint = read_checkpoint(run.checkpoints_dir)
    assert checkpoint
    assert checkpoint.progress.epoch == 1
    monkeypatch.undo()
    assert resume(run) == 0
    assert_ends_like(run, head)


def test_an_absurd_rate_is_lowered_three_times_before_the_run_fails(
    train_options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from cnnxfer.cli.main import run as run_command

    options = [*train_options, "--optimizer", "sgd", "--lr", "1e30"]
    assert run_command(["train", *options, "--runs-dir", str(tmp_path)]) == 1
    *warnings, error = capsys.readouterr().err.splitlines()
    assert len(warnings) == 3
    assert all("The phase begins again" in line for line in warnings)
    assert error.startswith("error: ")
    assert "It was lowered 3 times." in error
    assert "Try a lower --lr" in error
    assert find_run("latest", tmp_path).history == []


def test_a_batch_is_computed_in_parts_if_memory_runs_out(
    train: Train,
    head: Run,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    """The error is the one that TensorFlow raises when memory runs out."""
    train_on_batch = keras.Model.train_on_batch
    sizes = []

    def limited(model: keras.Model, inputs: Any, *others: Any, **options: Any) -> Any:
        sizes.append(len(inputs))
        if len(inputs) > 4:
            message = "OOM when allocating tensor with shape[8,32,32,8]"
            raise tf.errors.ResourceExhaustedError(None, None, message)
        return train_on_batch(model, inputs, *others, **options)

    monkeypatch.setattr(keras.Model, "train_on_batch", limited)
    code, run = train(tmp_path)
    assert code == 0
    assert capsys.readouterr().err == (
        "warning: memory ran out with 8 images at once. "
        "The batch stays 8, in 2 parts of 4.\n"
    )
    assert sizes == [8] + 12 * [4]  # two epochs of three updates
    rows = [(row["epoch"], row["learning_rate"]) for row in run.history]
    assert rows == [(row["epoch"], row["learning_rate"]) for row in head.history]
