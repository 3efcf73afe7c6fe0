"""What stops a training: a signal, another one, numbers that are none, no memory."""

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
SECOND_EPOCH = 4  # an update in it


def test_sigterm_saves_and_what_goes_on_ends_as_if_undisturbed(
    unfreeze: Callable[[Run], tuple[int, Run]],
    go_on: Callable[[Run], int],
    head: Run,
    tuned: Run,
    told: Callable[[], str],
    before_update: Callable[[int, Act], None],
    assert_ends_like: Callable[[Run, Run], None],
) -> None:
    before_update(SECOND_EPOCH, lambda: signal.raise_signal(signal.SIGTERM))
    code, run = unfreeze(head)
    assert code == 130
    said = told()
    assert said.startswith("error: interrupted in epoch 2 of 2 (fine-tuning). ")
    assert said.endswith(f"Go on with: cnnxfer resume {run.path}")
    assert run.receipt["status"] == "interrupted"
    checkpoint = read_checkpoint(run.checkpoints_dir)
    assert checkpoint
    assert checkpoint.progress.updates == SECOND_EPOCH + 1
    load_model(run.model_path)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert go_on(run) == 0
    assert_ends_like(run, tuned)


def test_the_second_on_a_run_is_told_who_holds_it(
    head: Run, go_on: Callable[[Run], int], told: Callable[[], str]
) -> None:
    before = head.receipt
    head.update_receipt(status="running")
    with lock_run(head):
        assert go_on(head) == 1
        said = told()
        assert head.receipt["status"] == "running"
    head.update_receipt(**before)
    assert said.startswith(
        f"error: {head.path} is being trained by process {os.getpid()} ("
    )
    assert said.endswith(f"Wait for it, or stop it: kill {os.getpid()}")


def test_a_loss_that_is_no_number_late_stops_with_epoch_step_and_rate(
    train: Train,
    go_on: Callable[[Run], int],
    head: Run,
    told: Callable[[], str],
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
    said = told()
    assert "the loss became nan in epoch 2, step 2, at learning rate 0.0" in said
    assert f"{run.path} keeps its model. Try a lower --lr" in said
    assert [row["epoch"] for row in run.history] == ["1"]
    load_model(run.model_path)
    checkpoint = read_checkpoint(run.checkpoints_dir)
    assert checkpoint
    assert checkpoint.progress.epoch == 1
    monkeypatch.undo()
    assert go_on(run) == 0
    assert_ends_like(run, head)


def test_a_rate_that_is_absurd_is_lowered_and_then_given_up(
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


def test_without_enough_memory_a_batch_is_computed_in_parts(
    train: Train,
    head: Run,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    """The error is the one that TensorFlow raises where memory has an end."""
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
