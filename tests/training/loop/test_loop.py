"""A phase resumes as if undisturbed, and ends as its settings say."""

import errno
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny_phase import (
    BATCH,
    SETTINGS,
    STEPS,
    Killed,
    at_update,
    end_of,
    kill,
    scored,
    tiny_phase,
)

from cnnxfer.errors import ConfigError, Interrupted, RunError
from cnnxfer.runs import Run
from cnnxfer.training.loop import checkpoint, time_budget
from cnnxfer.training.loop.checkpoint import read_checkpoint
from cnnxfer.training.loop.loop import fit
from cnnxfer.training.loop.session import Session
from cnnxfer.training.loop.time_budget import epochs_that_fit
from cnnxfer.training.optimization.devices import Devices

KINDS = {
    "sgd": SETTINGS,
    "adamw": replace(
        SETTINGS,
        optimizer="adamw",
        learning_rate=0.02,
        ema=0.9,
        accumulate=2,
        clip_norm=1.0,
    ),
    "plateau": replace(
        SETTINGS,
        optimizer="lion",
        learning_rate=0.01,
        schedule="plateau",
        plateau_patience=1,
        patience=1,
        epochs=9,
        keep="last",
    ),
}
MOMENTS = (1, STEPS, STEPS + 3)
ALWAYS = 1e-9  # a checkpoint after every step

End = dict[str, Any]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], End]:
    ends = {}

    def end(kind: str) -> End:
        if kind not in ends:
            phase = tiny_phase(tmp_path_factory.mktemp("runs") / "run", KINDS[kind])
            fit(phase)
            ends[kind] = end_of(phase)
        return ends[kind]

    return end


@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_phase_ends_as_if_undisturbed(
    tmp_path: Path, undisturbed: Callable[[str], End], kind: str
) -> None:
    """The phase is killed before each of these updates."""
    for moment in MOMENTS:
        phase = tiny_phase(tmp_path / "run", KINDS[kind], checkpoint_every=ALWAYS)
        at_update(phase, moment, kill)
        with pytest.raises(Killed):
            fit(phase)
    phase = tiny_phase(tmp_path / "run", KINDS[kind], checkpoint_every=ALWAYS)
    assert phase.progress.updates == MOMENTS[-1]  # nothing is computed twice
    fit(phase)
    assert end_of(phase) == undisturbed(kind)


def test_an_epoch_without_a_checkpoint_in_it_is_computed_again(
    tmp_path: Path, undisturbed: Callable[[str], End]
) -> None:
    phase = tiny_phase(tmp_path / "run")
    at_update(phase, STEPS + 3, kill)
    with pytest.raises(Killed):
        fit(phase)
    phase = tiny_phase(tmp_path / "run")
    assert (phase.progress.epoch, phase.progress.step) == (1, 0)
    fit(phase)
    assert end_of(phase) == undisturbed("sgd")


def test_a_later_stage_is_resumed_too(
    tmp_path: Path, undisturbed: Callable[[str], End]
) -> None:
    """The stage has its own views and continues the epoch numbers."""
    ended = replace(tiny_phase(tmp_path / "before").progress, epochs=4, epoch=4)
    later = {"stage": 1, "previous": ended}
    known = tiny_phase(tmp_path / "known", **later)
    fit(known)
    assert known.best.epoch >= 5
    phase = tiny_phase(tmp_path / "run", checkpoint_every=ALWAYS, **later)
    at_update(phase, 4 * STEPS + 2, kill)
    with pytest.raises(Killed):
        fit(phase)
    phase = tiny_phase(tmp_path / "run", **later)
    assert phase.progress.updates == 2
    fit(phase)
    assert end_of(phase) == end_of(known)
    rows, first = phase.recorder.run.history, undisturbed("sgd")["history"]
    assert [row["epoch"] for row in rows] == [5, 6, 7]
    assert [row["learning_rate"] for row in rows] == [
        row["learning_rate"] for row in first
    ]
    assert rows[0]["loss"] != first[0]["loss"]


@pytest.mark.parametrize("place", ["add_history", "update_metrics"])
def test_a_kill_while_an_epoch_is_recorded(
    tmp_path: Path,
    undisturbed: Callable[[str], End],
    monkeypatch: pytest.MonkeyPatch,
    place: str,
) -> None:
    def die(*_: object, **__: object) -> None:
        raise Killed

    phase = tiny_phase(tmp_path / "run")
    with monkeypatch.context() as patch:
        patch.setattr(Run, place, die)
        with pytest.raises(Killed):
            fit(phase)
    phase = tiny_phase(tmp_path / "run")
    fit(phase)
    assert end_of(phase) == undisturbed("sgd")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=str)
def test_a_signal_saves_the_step_and_stops(
    tmp_path: Path, undisturbed: Callable[[str], End], number: signal.Signals
) -> None:
    before = signal.getsignal(number)
    phase = tiny_phase(tmp_path / "run")
    at_update(phase, STEPS + 2, lambda: signal.raise_signal(number))
    with pytest.raises(Interrupted) as caught:
        fit(phase)
    assert signal.getsignal(number) == before
    assert str(caught.value) == (
        f"interrupted in epoch 2 of 3 (fine-tuning). {tmp_path / 'run'} has a usable "
        f"model (of epoch 1, validation {phase.best.text}). "
        f"Go on with: cnnxfer.resume('{tmp_path / 'run'}')"
    )
    assert phase.trained.closed
    phase = tiny_phase(tmp_path / "run")
    # The update that was under way when the signal came is done.
    assert (phase.progress.epoch, phase.progress.step) == (1, 3)
    fit(phase)
    assert end_of(phase) == undisturbed("sgd")


def test_a_signal_ends_validation_too(
    tmp_path: Path, undisturbed: Callable[[str], End], monkeypatch: pytest.MonkeyPatch
) -> None:
    phase = tiny_phase(tmp_path / "run", KINDS["adamw"])
    answers, seen = phase.stepper.validation_logits, []

    def pressed(stop: Any) -> np.ndarray:
        signal.raise_signal(signal.SIGTERM)
        seen.append(len(answers(stop)))
        return answers(stop)

    monkeypatch.setattr(phase.stepper, "validation_logits", pressed)
    with pytest.raises(Interrupted):
        fit(phase)
    assert seen == [2]  # the first batch of ten
    phase = tiny_phase(tmp_path / "run", KINDS["adamw"])
    assert (phase.progress.epoch, phase.progress.step) == (0, STEPS)
    fit(phase)
    assert end_of(phase) == undisturbed("adamw")


def test_a_second_signal_stops_at_once(tmp_path: Path) -> None:
    phase = tiny_phase(tmp_path / "run")

    def press_twice() -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        pytest.fail("the second one was not heard")

    at_update(phase, STEPS + 2, press_twice)
    with pytest.raises(Interrupted, match="in epoch 2 of 3"):
        fit(phase)
    saved = read_checkpoint(phase.recorder.run.checkpoints_dir)
    assert saved.progress.updates == STEPS


def test_a_damaged_checkpoint_costs_the_steps_since_the_one_before(
    tmp_path: Path, undisturbed: Callable[[str], End]
) -> None:
    phase = tiny_phase(tmp_path / "run", checkpoint_every=ALWAYS)
    at_update(phase, STEPS + 3, kill)
    with pytest.raises(Killed):
        fit(phase)
    last = max(phase.recorder.run.checkpoints_dir.glob("*.npz"))
    with last.open("r+b") as stream:
        stream.truncate(1000)
    phase = tiny_phase(tmp_path / "run")
    assert phase.progress.updates == STEPS + 2
    assert phase.setup.reporter.warnings == [
        f"the last checkpoint, {last}, is damaged or incomplete. "
        "The one before it is used."
    ]
    fit(phase)
    assert end_of(phase) == undisturbed("sgd")


def test_parts_of_a_batch_do_not_go_on_on_several_devices_of_a_process(
    tmp_path: Path,
) -> None:
    phase = tiny_phase(tmp_path / "run", KINDS["adamw"], checkpoint_every=ALWAYS)
    at_update(phase, 3, kill)
    with pytest.raises(Killed):
        fit(phase)
    saved = read_checkpoint(phase.recorder.run.checkpoints_dir)
    with pytest.raises(ConfigError, match="2 parts, which 2 devices of one process"):
        Session(
            replace(phase.setup, devices=Devices(replicas=2)),
            saved.progress.phase,
            phase.settings,
            phase.trained,
            phase.recorder,
            checkpoint=saved,
        )


def test_averages_are_scored_and_saved(tmp_path: Path) -> None:
    phase = tiny_phase(tmp_path / "run", replace(KINDS["adamw"], keep="last"))
    before = phase.model.get_layer("hidden").get_weights()[0]
    fit(phase)
    saved = read_checkpoint(phase.recorder.run.checkpoints_dir).arrays()
    weights = saved["model/hidden/kernel"]
    averages = saved["optimizer/hidden_kernel_average"]
    assert not np.array_equal(weights, averages)
    assert not np.array_equal(averages, before)
    model = keras.saving.load_model(phase.recorder.run.model_path)
    np.testing.assert_array_equal(model.get_layer("hidden").get_weights()[0], averages)
    # What a later stage goes on from.
    np.testing.assert_array_equal(phase.model.get_layer("hidden").kernel, averages)
    logits = model.predict(phase.trained.validation, verbose=0)
    score = phase.objective.score(logits, phase.validation_targets, 3)
    assert score.figures == phase.progress.last.figures
    assert score.loss == pytest.approx(phase.progress.last.loss, rel=1e-4)


def test_averages_do_not_affect_training(tmp_path: Path) -> None:
    kernels = []
    for ema in ("none", 0.9):
        phase = tiny_phase(tmp_path / str(ema), replace(SETTINGS, ema=ema))
        fit(phase)
        saved = read_checkpoint(phase.recorder.run.checkpoints_dir)
        kernels.append(saved.arrays()["model/hidden/kernel"])
    np.testing.assert_array_equal(*kernels)


def test_a_rate_lowered_by_the_schedule_survives_a_kill(tmp_path: Path) -> None:
    scores = {epoch: 1 - epoch / 10 for epoch in range(1, 5)}
    settings = replace(
        SETTINGS, schedule="plateau", plateau_patience=1, epochs=4, warmup_epochs=0.0
    )
    phase = tiny_phase(tmp_path / "run", settings)
    script_scores(phase, scores)
    at_update(phase, 2 * STEPS + 1, kill)
    with pytest.raises(Killed):
        fit(phase)
    phase = tiny_phase(tmp_path / "run", settings)
    script_scores(phase, scores)
    fit(phase)
    rates = [row["learning_rate"] for row in phase.recorder.run.history]
    assert rates == [0.05, 0.05, 0.005, 0.0005]


def test_only_changing_variables_are_saved_by_name(tmp_path: Path) -> None:
    phase = tiny_phase(tmp_path / "run")
    names = set(phase.stepper.variables)
    assert "model/frozen/kernel" not in names
    assert {
        "model/hidden/kernel",
        "model/norm/moving_mean",
        "optimizer/iteration",
        "optimizer/hidden_kernel_momentum",
    } < names


def test_the_last_epoch_may_be_saved_instead_of_the_best(tmp_path: Path) -> None:
    scores = {1: 0.9, 2: 0.8, 3: 0.85}
    for keep, epoch in [("best", 1), ("last", 3)]:
        phase = tiny_phase(tmp_path / keep, replace(SETTINGS, keep=keep))
        script_scores(phase, scores)
        assert fit(phase).epoch == epoch
        run = phase.recorder.run
        assert run.metrics["fine_tune"]["epoch"] == epoch
        kept = keras.saving.load_model(run.model_path).get_layer("logits").kernel
        last = phase.model.get_layer("logits").kernel
        assert np.array_equal(kept, last) == (epoch == 3)


def test_patience_ends_a_phase(tmp_path: Path) -> None:
    scores = {1: 0.7, 2: 0.8, 3: 0.75, 4: 0.79, 5: 0.6, 6: 0.7}
    settings = replace(SETTINGS, epochs=6, patience=2)
    phase = tiny_phase(tmp_path / "run", settings)
    phase.progress.before = phase.progress.kept = scored(0.99)
    script_scores(phase, scores)
    # None of them beats what was before; they count among themselves.
    assert fit(phase).epoch == 0
    assert len(phase.recorder.run.history) == 4
    assert phase.setup.reporter.infos[-1] == (
        "the phase ends here: no better epoch for 2 epochs"
    )
    phase = tiny_phase(tmp_path / "run", settings)
    fit(phase)
    assert len(phase.recorder.run.history) == 4
    # Asked for more, it is patient again.
    phase = tiny_phase(tmp_path / "run", settings, extra_epochs=2)
    script_scores(phase, scores)
    fit(phase)
    assert [row["epoch"] for row in phase.recorder.run.history] == list(range(1, 7))


def test_more_epochs_have_the_rates_of_a_longer_phase(tmp_path: Path) -> None:
    longer = tiny_phase(tmp_path / "longer", replace(SETTINGS, epochs=5))
    fit(longer)
    phase = tiny_phase(tmp_path / "run")
    fit(phase)
    phase = tiny_phase(tmp_path / "run", extra_epochs=2)
    assert phase.setup.reporter.infos == [
        "2 more epochs, 5 in all, at the learning rates of a phase of 5"
    ]
    at_update(phase, 4 * STEPS + 1, kill)
    with pytest.raises(Killed):
        fit(phase)
    phase = tiny_phase(tmp_path / "run", extra_epochs=2)  # the same two
    assert phase.setup.reporter.infos == []
    fit(phase)
    rates = [
        [row["learning_rate"] for row in each.recorder.run.history]
        for each in (phase, longer)
    ]
    assert len(rates[0]) == 5
    assert rates[0][3:] == rates[1][3:]
    assert rates[0][1] != rates[1][1]


def test_a_time_budget_sets_the_number_of_epochs_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = []

    def measure(*_: object) -> tuple[float, float]:
        measured.append(1)
        return 10.0, 30.0

    settings = replace(SETTINGS, epochs=9)
    monkeypatch.setattr(time_budget, "measure", measure)
    # An epoch takes 90 seconds; a twentieth is left for what takes longer.
    phase = tiny_phase(tmp_path / "run", settings, time_budget=250.0)
    at_update(phase, STEPS + 1, kill)
    with pytest.raises(Killed):
        fit(phase)
    assert "in the 4 min that are left there is time for 2 of 9 epochs" in (
        phase.setup.reporter.infos
    )
    phase = tiny_phase(tmp_path / "run", settings, time_budget=250.0)
    fit(phase)
    assert len(measured) == 1
    fit(phase)
    known = tiny_phase(tmp_path / "two", replace(SETTINGS, epochs=2))
    fit(known)
    ends = [end_of(each) for each in (phase, known)]
    assert ends[0]["weights"] == ends[1]["weights"]
    assert ends[0]["history"] == ends[1]["history"]


def test_measuring_changes_nothing(tmp_path: Path) -> None:
    known = tiny_phase(tmp_path / "known")
    fit(known)
    phase = tiny_phase(tmp_path / "run", time_budget=1e6)
    fit(phase)
    assert "in the 16667 min that are left there is time for 3 of 3 epochs" in (
        phase.setup.reporter.infos
    )
    assert end_of(phase)["arrays"] == end_of(known)["arrays"]


def test_a_phase_ends_after_the_epoch_that_exceeds_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time_budget, "measure", lambda *_: (0.001, 0.001))
    phase = tiny_phase(tmp_path / "run", time_budget=1e6)
    at_update(phase, STEPS + 1, lambda: setattr(phase.progress, "seconds", 1e7))
    fit(phase)
    assert len(phase.recorder.run.history) == 2
    assert phase.setup.reporter.infos[-1] == "the phase ends here: the time is up"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(1000, (5, 10)), (100, (3, 10)), (32, (1, 10)), (31, (1, 9)), (1, (1, 1))],
)
def test_epochs_that_fit_into_a_time(seconds: float, expected: tuple[int, int]) -> None:
    # An epoch takes 30 seconds.
    found = epochs_that_fit(
        seconds, step_seconds=2.5, score_seconds=5, epochs=5, steps_per_epoch=10
    )
    assert found == expected


def test_a_full_disk_is_reported_and_the_run_stays_usable(
    tmp_path: Path, undisturbed: Callable[[str], End], monkeypatch: pytest.MonkeyPatch
) -> None:
    phase = tiny_phase(tmp_path / "run")

    def fill() -> None:
        def full(*_: object, **__: object) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(checkpoint.np, "savez", full)

    at_update(phase, STEPS + 1, fill)
    with pytest.raises(RunError) as caught:
        fit(phase)
    run = phase.recorder.run.path
    assert str(caught.value) == (
        f"{run}/checkpoints/000003.npz cannot be written: no space left on device. "
        f"Make room, then go on with: cnnxfer.resume('{run}')"
    )
    monkeypatch.undo()
    phase = tiny_phase(tmp_path / "run")
    fit(phase)
    assert end_of(phase) == undisturbed("sgd")


def test_running_out_of_memory_outside_of_updates_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def predict(*_: object, **__: object) -> None:
        raise tf.errors.ResourceExhaustedError(None, None, "OOM")

    phase = tiny_phase(tmp_path / "run")
    monkeypatch.setattr(keras.Model, "predict", predict)
    with pytest.raises(RunError) as caught:
        phase.score(0)
    assert str(caught.value) == (
        f"memory ran out with batch={BATCH} at 224 pixels. Try half of it."
    )


def script_scores(phase: Session, accuracies: dict[int, float]) -> None:
    """Sets the accuracies of epochs."""
    phase.score = lambda epoch: scored(accuracies[epoch], epoch=epoch)
