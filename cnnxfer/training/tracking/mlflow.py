"""The log in MLflow: a run of its own there for each run."""

import dataclasses
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from typing import Any

from cnnxfer.runs import Run
from cnnxfer.training.tracking.tracking import Point

ID = "mlflow_run"  # the entry of a run's receipt that has the id of MLflow's run
MOST_SETTINGS = 100  # that MLflow takes at a time


class MlflowLog:
    """A run in MLflow, where MLFLOW_TRACKING_URI and MLFLOW_EXPERIMENT_NAME say.

    It has the settings as parameters, and is continued by later processes.
    """

    def __init__(self, run: Run) -> None:
        """Begins without asking MLflow for anything."""
        self._run = run

    def add(self, points: Sequence[Point]) -> None:
        """Sends figures to MLflow."""
        # It would report to its makers that it is used.
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        import mlflow

        known = self._run.receipt.get(ID)
        begun = {"run_id": known} if known else {"run_name": self._run.name}
        # It prints addresses; standard output is for results.
        with redirect_stdout(sys.stderr), mlflow.start_run(**begun, nested=True) as run:
            if not known:
                self._run.update_receipt(**{ID: run.info.run_id})
                settings = dict(_flat(dataclasses.asdict(self._run.config)))
                names = list(settings)
                for start in range(0, len(names), MOST_SETTINGS):
                    some = names[start : start + MOST_SETTINGS]
                    mlflow.log_params({name: settings[name] for name in some})
            for epoch, figures in points:
                mlflow.log_metrics(figures, step=epoch)


def _flat(settings: Mapping[str, Any], place: str = "") -> Iterator[tuple[str, Any]]:
    """Yields settings with their names, those in tables as `frozen.epochs`."""
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{place}{name}.")
        else:
            yield f"{place}{name}", value
