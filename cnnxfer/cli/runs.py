"""`runs`: list, show, latest."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from cnnxfer.cli.options import Json, Quiet, RunsDir, Verbose
from cnnxfer.cli.terminal import print_json, stdout
from cnnxfer.errors import RunError
from cnnxfer.reporting import printable
from cnnxfer.runs import LATEST, Run, find_run, list_runs, resolve_runs_dir

group = typer.Typer()


def register(app: typer.Typer) -> None:
    """Adds the command group to the command line."""
    app.add_typer(group, name="runs")


@group.callback(invoke_without_command=True)
def runs(
    context: typer.Context,
    runs_dir: RunsDir = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """List and show runs. Without a command, lists them."""
    if context.invoked_subcommand is None:
        list_(runs_dir, json)


@group.command("list")
def list_(
    runs_dir: RunsDir = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """List the runs, oldest first."""
    summaries = [_entry(run) for run in list_runs(resolve_runs_dir(runs_dir))]
    if json:
        print_json(summaries)
    elif not summaries:
        stdout().print("no runs yet: cnnxfer train --data FOLDER")
    else:
        stdout().print(_list_table(summaries))


@group.command()
def show(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run.")] = LATEST,
    runs_dir: RunsDir = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Show all about a run: its settings, figures and epochs."""
    found = find_run(run, resolve_runs_dir(runs_dir))
    if json:
        print_json(
            {
                **_summary(found),
                "path": found.path,
                "classes": found.class_names,
                "metrics": found.metrics,
                "history": found.history,
                "receipt": found.receipt,
            }
        )
        return
    classes = ", ".join(found.class_names)
    facts = _summary(found) | {"path": found.path, "classes": classes}
    stdout().print(_facts(facts))
    if found.history:
        table = Table(*found.history[0], box=None, pad_edge=False)
        for row in found.history:
            table.add_row(*row.values())
        stdout().print("", table)
    print(f"\n{found.config.to_toml()}", end="")


@group.command()
def latest(
    runs_dir: RunsDir = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Print the path of the latest run."""
    path = find_run(LATEST, resolve_runs_dir(runs_dir)).path
    if json:
        print_json({"path": path})
    else:
        print(path)


def _entry(run: Run) -> dict[str, Any]:
    """Returns a run's summary; one damaged run doesn't hide the others."""
    try:
        return _summary(run)
    except RunError as error:
        return {"run": run.name, "status": "damaged", "problem": str(error)}


def _summary(run: Run) -> dict[str, Any]:
    receipt, metrics = run.receipt, run.metrics
    phase = "fine_tune" if receipt.get("parent") else "frozen"
    return {
        "run": run.name,
        "phase": phase,
        "status": receipt.get("status", "unknown"),
        "parent": receipt.get("parent"),
        "val_accuracy": metrics.get(phase, {}).get("val_accuracy"),
        "test_accuracy": metrics.get("test", {}).get("top1", {}).get("value"),
    }


def _list_table(summaries: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("run", overflow="fold")
    for column in ("phase", "status", "validation", "test"):
        table.add_column(column, no_wrap=True)
    table.add_column("from", overflow="fold")
    for summary in summaries:
        table.add_row(
            Text(printable(summary["run"])),
            summary.get("phase"),
            summary["status"],
            _percent(summary.get("val_accuracy")),
            _percent(summary.get("test_accuracy")),
            Text(printable(summary.get("parent") or "")),
        )
    return table


def _facts(facts: dict[str, Any]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        if value is not None:
            shown = _percent(value) if isinstance(value, float) else str(value)
            table.add_row(name, Text(printable(shown)))
    return table


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"
