"""A run as Python has it: with what can be done with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from cnnxfer import notebook, runs
from cnnxfer.api.arguments import Pathlike
from cnnxfer.api.evaluation import evaluate
from cnnxfer.api.options import EvaluateKeywords, PredictKeywords, ReportKeywords
from cnnxfer.api.plot import plot_history
from cnnxfer.api.prediction import predict
from cnnxfer.api.reports import report
from cnnxfer.console import CONSOLE
from cnnxfer.errors import CnnxferError
from cnnxfer.reporting import Reporter
from cnnxfer.runs.summary import (
    epochs_of,
    percent,
    summary_of,
    test_figures,
    with_ancestors,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from cnnxfer.evaluation.metrics import Evaluation
    from cnnxfer.prediction.prediction import Prediction


class Run(runs.Run):
    """A run directory, its results, and what can be done with its model."""

    def __init__(self, path: Pathlike) -> None:
        """Takes the path of the directory; `Run.find` looks for one."""
        super().__init__(Path(path))

    @classmethod
    def find(
        cls, name: Pathlike = runs.LATEST, runs_dir: Pathlike | None = None
    ) -> Run:
        """Returns a run by its path, its name or when it was made.

        Args:
            name: the path of a run; its name, or the beginning of it where no other
                run's name begins so; "latest", or "@1" for the one before the latest.
            runs_dir: the directory of all runs; by default `CNNXFER_RUNS`, or `runs`.

        Raises:
            ConfigError: if there is no such run.
        """
        return cls(runs.find_run(str(name), runs.resolve_runs_dir(runs_dir)).path)

    def predict(
        self,
        inputs: Pathlike | Iterable[Pathlike],
        *,
        reporter: Reporter | None = CONSOLE,
        **options: Unpack[PredictKeywords],
    ) -> Iterator[Prediction]:
        """Answers what images show: `cnnxfer.predict` with the model of this run."""
        return predict(inputs, model=self, reporter=reporter, **options)

    def evaluate(
        self,
        *,
        data: Pathlike | None = None,
        out: Pathlike | None = None,
        fail_under: float | str | None = None,
        reporter: Reporter | None = CONSOLE,
        **options: Unpack[EvaluateKeywords],
    ) -> Evaluation:
        """Measures this run on its test images: `cnnxfer.evaluate` with this run."""
        return evaluate(
            self,
            data=data,
            out=out,
            fail_under=fail_under,
            reporter=reporter,
            **options,
        )

    def report(
        self,
        other: runs.Run | Pathlike | None = None,
        *,
        data: Pathlike | None = None,
        out: Pathlike | None = None,
        reporter: Reporter | None = CONSOLE,
        **options: Unpack[ReportKeywords],
    ) -> Path:
        """Writes a page about this run, or two: `cnnxfer.report` with this run."""
        return report(self, other, data=data, out=out, reporter=reporter, **options)

    def rename(self, name: str) -> Run:
        """Gives this run another name, and tells it to the runs that stand on it.

        Returns:
            The run as it is called now.

        Raises:
            ConfigError: if no run can have this name, or something has it already.
            RunError: if this run or one that was fine-tuned from it is being trained.
        """
        return Run(runs.rename_run(self, name).path)

    def remove(self) -> None:
        """Removes this run with all its files, without asking.

        Raises:
            ConfigError: if its directory is a link.
            RunError: if it is being trained, or another run was fine-tuned from it.
        """
        runs.remove_runs([self])

    def plot(self) -> Figure:
        """Draws loss and accuracy by epoch, those of the run's ancestors first.

        `figure.savefig("curves.png")` writes what is returned to a file.

        Raises:
            ConfigError: if matplotlib is not installed.
            RunError: if no epoch has ended yet.
        """
        return plot_history(with_ancestors(self))

    def __repr__(self) -> str:
        facts = [repr(str(self.path))]
        try:
            facts.append(f"{len(self.class_names)} classes")
            if validation := percent(summary_of(self)["val_monitored"]):
                facts.append(f"validation {validation}")
        except (CnnxferError, OSError):  # damaged, or not complete yet
            pass
        return f"Run({', '.join(facts)})"

    def _repr_html_(self) -> str:
        rows = [["phase", "run", "status", "epochs", "best", "validation", "test"]]
        for run in with_ancestors(self):
            figures = summary_of(run)
            rows.append(
                [
                    run.phase,
                    run.name,
                    figures["status"],
                    f"{len(run.history)} of {epochs_of(run)}",
                    figures["best_epoch"],
                    percent(figures["val_monitored"]),
                    percent(test_figures(figures)[-1]),
                ]
            )
        config = self.config
        about = f"{config.backbone} on {config.data}, {len(self.class_names)} classes"
        return notebook.table(str(self.path), rows, about)
