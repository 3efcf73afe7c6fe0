"""What TensorBoard and MLflow get of a run, also of one that is resumed."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import tensorflow as tf
from recording_reporter import RecordingReporter
from tiny_phase import tiny_phase

from cnnxfer.config import Config
from cnnxfer.errors import ConfigError
from cnnxfer.runs import Run
from cnnxfer.training.loop.loop import fit
from cnnxfer.training.tracking import tracking
from cnnxfer.training.tracking.tracking import Tracking, chosen_logs

ROWS = [
    {"phase": "frozen", "epoch": 1, "loss": "0.5", "val_ap": "", "seconds": "1.25"},
    {"phase": "frozen", "epoch": 2, "loss": "0.25", "val_ap": "", "seconds": "1.5"},
    {"phase": "frozen", "epoch": 3, "loss": "0.125", "val_ap": "", "seconds": "1.5"},
]
EPOCH = ("loss", "seconds")  # the figures of an epoch; the column val_ap is empty
METRICS = {
    "frozen": {"val_loss": 0.75, "epoch": 2, "monitor": "accuracy"},
    "test": {
        "right": {"value": 0.5, "low": 0.25, "high": 0.75},
        "headline": {"figure": "mean-iou", "value": 0.25, "low": 0.0, "high": 0.5},
    },
}
RESULTS = {"kept_val_loss": 0.75, "test_accuracy": 0.5, "test_mean_iou": 0.25}


class FakeMlflow(ModuleType):
    """Keeps what MLflow's functions are told, by the id of the run."""

    def __init__(self) -> None:
        super().__init__("mlflow")
        self.names: list[str] = []
        self.settings: dict[str, Any] = {}
        self.figures: list[tuple[str, int, Mapping[str, float]]] = []
        self.active = ""
        self.error: Exception | None = None

    @contextmanager
    def start_run(
        self,
        run_id: str | None = None,
        run_name: str | None = None,
        nested: bool = False,
    ) -> Iterator[SimpleNamespace]:
        assert nested, "a notebook may have a run of its own"
        if self.error:
            raise self.error
        if run_name:
            self.names.append(run_name)
        print("View run at http://localhost:5000")
        self.active = run_id or f"id {len(self.names)}"
        yield SimpleNamespace(info=SimpleNamespace(run_id=self.active))

    def log_params(self, settings: Mapping[str, Any]) -> None:
        assert len(settings) <= 100
        self.settings |= settings

    def log_metrics(self, figures: Mapping[str, float], step: int) -> None:
        self.figures.append((self.active, step, figures))


@pytest.fixture
def mlflow(monkeypatch: pytest.MonkeyPatch) -> FakeMlflow:
    module = FakeMlflow()
    monkeypatch.setitem(sys.modules, "mlflow", module)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    return module


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = Run(tmp_path / "roses-1")
    run.path.mkdir()
    run.write_config(Config())
    run.update_receipt(phase="frozen", logs=["tensorboard", "mlflow"])
    return run


def track(run: Run) -> RecordingReporter:
    """Logs the epochs in two processes, and then the results."""
    reporter = RecordingReporter()
    Tracking(run, reporter).add_epochs(ROWS[:1])
    resumed = Tracking(run, reporter)
    resumed.add_epochs(ROWS[1:])
    run.update_metrics(**METRICS)
    resumed.add_results()
    return reporter


def test_tensorboard_has_every_epoch_and_the_results(
    run: Run, mlflow: FakeMlflow
) -> None:
    assert not track(run).warnings
    found = set()
    for file in run.tensorboard_dir.iterdir():
        for record in tf.data.TFRecordDataset(str(file)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                assert value.metadata.plugin_data.plugin_name == "scalars"
                number = float(tf.make_ndarray(value.tensor))
                found.add((event.step, value.tag, number))
    expected = {(2, name, value) for name, value in RESULTS.items()}
    for row in ROWS:
        expected |= {(row["epoch"], name, float(row[name])) for name in EPOCH}
    assert found == expected


def test_mlflow_has_one_run_with_settings_epochs_and_results(
    run: Run, mlflow: FakeMlflow, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not track(run).warnings
    assert mlflow.names == ["roses-1"]
    assert run.receipt["mlflow_run"] == "id 1"
    assert mlflow.settings["backbone"] == Config().backbone
    assert mlflow.settings["fine_tune.optimizer"] == Config().fine_tune.optimizer
    epochs = [
        ("id 1", row["epoch"], {name: float(row[name]) for name in EPOCH})
        for row in ROWS
    ]
    assert mlflow.figures == [*epochs, ("id 1", 2, RESULTS)]
    assert capsys.readouterr().out == ""


def test_a_server_that_is_away_does_not_end_a_training(
    run: Run, mlflow: FakeMlflow
) -> None:
    mlflow.error = ConnectionError("no route to host")
    run.update_receipt(logs=["mlflow"])
    reporter = RecordingReporter()
    tracked = Tracking(run, reporter)
    for row in ROWS:
        tracked.add_epochs([row])
    (warning,) = reporter.warnings  # not one for each epoch
    assert "from epoch 1 on: no route to host" in warning
    assert "history.csv" in warning


def test_what_is_not_installed_is_told_before_anything_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tracking, "find_spec", lambda name: None)
    assert chosen_logs(tensorboard=True, mlflow=False) == ["tensorboard"]
    with pytest.raises(ConfigError, match=r"pip install 'cnnxfer\[mlflow\]'"):
        chosen_logs(tensorboard=False, mlflow=True)
    monkeypatch.setattr(tracking, "find_spec", lambda name: name)
    assert chosen_logs(tensorboard=False, mlflow=True) == ["mlflow"]


def test_a_phase_tells_each_epoch_once(tmp_path: Path) -> None:
    told: list[int] = []

    class Told(Tracking):
        def add_epochs(self, rows: Any) -> None:
            told.extend(row["epoch"] for row in rows)

    phase = tiny_phase(tmp_path / "run")
    phase.recorder.run.update_receipt(phase="fine_tune")
    phase.recorder.tracking = Told(phase.recorder.run, RecordingReporter())
    fit(phase)
    assert told == [row["epoch"] for row in phase.recorder.run.history]
