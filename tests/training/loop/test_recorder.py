"""What a recorder keeps in memory, and in a run."""

from pathlib import Path

import numpy as np
import pytest
from tiny_phase import SETTINGS, VALIDATION, TinyNetwork, scored, tiny_phase, tiny_setup

from cnnxfer.errors import RunError
from cnnxfer.runs import Run
from cnnxfer.tasks.agreement import Verdict
from cnnxfer.training.loop.loop import fit
from cnnxfer.training.loop.recorder import Recorder, RunRecorder
from cnnxfer.training.loop.session import Session
from cnnxfer.training.loop.state import PhaseState, StageState

STATE = PhaseState(
    before=scored(0.75),
    stages=(StageState(), StageState("pool", 4, "openvino bfloat16")),
    agreement=Verdict(True, "near"),
)


def recorder_of(path: Path) -> RunRecorder:
    trained = TinyNetwork(tiny_setup(path))
    return RunRecorder(Run(path), trained.classifier, VALIDATION)


def test_without_a_run_the_same_is_learned_and_nothing_written(tmp_path: Path) -> None:
    known = tiny_phase(tmp_path / "run")
    fit(known)
    trained = TinyNetwork(tiny_setup(tmp_path / "other"))
    recorder = Recorder(trained.classifier)
    session = Session(trained.setup, "fine_tune", SETTINGS, trained, recorder)
    session.set_initial_score(known.progress.before)
    assert fit(session) == known.best
    for one, other in zip(recorder.best, known.recorder.best, strict=True):
        np.testing.assert_array_equal(one, other)
    files = trained.setup.splits.train[0].path.iterdir()
    assert {path.name for path in files} == {"classes.json", "config.toml"}


def test_the_state_of_a_phase_is_read_again(tmp_path: Path) -> None:
    assert recorder_of(tmp_path).state == PhaseState()
    recorder_of(tmp_path).update_state(**vars(STATE))
    again = recorder_of(tmp_path)
    assert again.state == STATE
    assert again.state.stage(1) == STATE.stages[1]
    assert again.state.stage(2) is None
    assert again.state.with_stage(0, StageState("x")).stages == (StageState("x"),)
    again.run.write_state({"stages": 3})
    with pytest.raises(RunError, match=r"state of .* is damaged.* rm -r "):
        recorder_of(tmp_path)


def test_a_phase_that_begins_again_has_recorded_nothing(tmp_path: Path) -> None:
    session = tiny_phase(tmp_path / "run")
    session.recorder.update_state(**vars(STATE))
    fit(session)
    session.recorder.begin_again()
    assert session.recorder.state == PhaseState()
    assert recorder_of(tmp_path / "run").last_checkpoint() is None
    assert not session.recorder.run.model_path.exists()
    run = session.recorder.run
    assert run.state == run.metrics == {}
    assert run.history == []
