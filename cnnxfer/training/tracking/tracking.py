"""Sends what a run records to the logs that its receipt names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any, Protocol

from cnnxfer.errors import ConfigError
from cnnxfer.keras_backend import require_tensorflow
from cnnxfer.registry import load_object
from cnnxfer.reporting import Reporter
from cnnxfer.runs import Run
from cnnxfer.spelling import option

Point = tuple[int, dict[str, float]]  # the number of an epoch, and figures by name
TENSORBOARD, MLFLOW = "tensorboard", "mlflow"
# What makes a log of a run: `package.module:class`.
LOGS = {
    TENSORBOARD: "cnnxfer.training.tracking.tensorboard:TensorBoardLog",
    MLFLOW: "cnnxfer.training.tracking.mlflow:MlflowLog",
}


class Log(Protocol):
    """A log of one run, which goes on where an earlier process has left it."""

    def add(self, points: Sequence[Point]) -> None:
        """Adds figures; raises any exception if that fails."""


class Tracking:
    """The logs of one run."""

    def __init__(self, run: Run, reporter: Reporter) -> None:
        """Opens the logs; the reporter is told which one has failed."""
        self._run, self._reporter = run, reporter
        names: list[str] = run.receipt.get("logs", [])
        self._logs: dict[str, Log] = {
            name: load_object(LOGS[name])(run) for name in names
        }

    def add_epochs(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Adds epochs, with the columns of the run's history."""
        self._add([(int(row["epoch"]), _numbers(row)) for row in rows])

    def add_results(self) -> None:
        """Adds what the run's metrics say of the epoch that is kept."""
        if not self._logs:
            return
        metrics = self._run.metrics
        kept = metrics[self._run.phase]
        figures = {f"kept_{name}": value for name, value in _numbers(kept).items()}
        for part in ("validation", "test"):
            if measured := metrics.get(part):
                figures[f"{part}_accuracy"] = measured["right"]["value"]
                if headline := measured.get("headline"):
                    name = headline["figure"].replace("-", "_")
                    figures[f"{part}_{name}"] = headline["value"]
        self._add([(kept["epoch"], figures)])

    def _add(self, points: Sequence[Point]) -> None:
        for name, log in list(self._logs.items()):
            try:
                log.add(points)
            except Exception as error:  # a server is away, a disk is full
                # It may be hours until the training ends, which is worth more.
                del self._logs[name]
                self._reporter.warn(
                    f"{option(f'--{name}')} gets no more of {self._run.path}, from "
                    f"epoch {points[0][0]} on: {error}. What the run itself keeps, in "
                    "history.csv and metrics.json, has all of it"
                )


def chosen_logs(*, tensorboard: bool, mlflow: bool) -> list[str]:
    """Returns the names of the logs that are asked for.

    Raises:
        ConfigError: if a package is missing that one of them needs.
    """
    if tensorboard:
        require_tensorflow(option("--tensorboard"))
    if mlflow and find_spec("mlflow") is None:
        raise ConfigError(
            f"{option('--mlflow')} needs MLflow, which is not installed. Install it "
            "with: pip install 'cnnxfer[mlflow]'"
        )
    return [TENSORBOARD] * tensorboard + [MLFLOW] * mlflow


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    """Returns the values that are numbers, in figures or as texts, but for epochs."""
    numbers = {}
    for name, value in values.items():
        try:
            numbers[name] = float(value)
        except (TypeError, ValueError):  # a name, a table, or no figure
            continue
    numbers.pop("epoch", None)
    return numbers
