"""`cnnxfer runs`: lists, shows and compares runs."""

import dataclasses
from typing import Annotated, Any

import typer
from rich.table import Table

from cnnxfer.cli.run_difference import print_difference
from cnnxfer.cli.shared_options import Json, Quiet, RunsDir, Verbose
from cnnxfer.cli.tables import cell_table, detail_table
from cnnxfer.cli.terminal import print_json, stdout
from cnnxfer.errors import RunError
from cnnxfer.evaluation.difference import difference_of
from cnnxfer.runs import (
    LATEST,
    Run,
    find_run,
    in_tree_order,
    list_runs,
    resolve_runs_dir,
)
from cnnxfer.runs.summary import (
    before_and_after,
    epochs_of,
    percent,
    summary_of,
    test_figures,
    with_ancestors,
)
from cnnxfer.tasks.score import ACCURACY, NAMES

RunName = Annotated[str, typer.Argument(metavar="RUN", help="A run.")]

group = typer.Typer()


@group.callback(invoke_without_command=True)
def runs(
    context: typer.Context,
    runs_dir: RunsDir = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """List, show and compare runs. Without a command, list them."""
    if context.invoked_subcommand is None:
        list_(runs_dir, json)


@group.command("list")
def list_(
    runs_dir: RunsDir = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """List the runs, oldest first, each followed by those fine-tuned from it."""
    found = list_runs(resolve_runs_dir(runs_dir))
    if json:
        print_json([_summary(run) for run in found])
    elif not found:
        stdout().print("no runs yet: cnnxfer train FOLDER")
    else:
        stdout().print(_tree(found))


@group.command()
def show(
    run: RunName = LATEST,
    runs_dir: RunsDir = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Show a run: its phases, epochs, settings and recipe."""
    found = find_run(run, resolve_runs_dir(runs_dir))
    if json:
        print_json(
            {
                **summary_of(found),
                "path": found.path,
                "classes": found.class_names,
                "metrics": found.metrics,
                "history": found.history,
                "receipt": found.receipt,
                "config": dataclasses.asdict(found.config),
            }
        )
        return
    summary = summary_of(found)
    details = {name: summary[name] for name in ("run", "status", "parent")}
    details |= {
        "recipe": found.config.recipe,
        "classes": ", ".join(found.class_names),
        "path": str(found.path),
    }
    rows = [(name, value) for name, value in details.items() if value]
    stdout().print(detail_table(rows), "", _phase_table(found))
    if found.history:
        table = cell_table(*found.history[0])
        for row in found.history:
            table.add_row(*map(_cell, row.values()))
        stdout().print("", table)
    print(f"\n{found.config.to_toml()}", end="")


@group.command()
def diff(
    one: Annotated[str, typer.Argument(metavar="A", help="A run.")],
    other: Annotated[str, typer.Argument(metavar="B", help="Another run.")],
    runs_dir: RunsDir = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Show what differs between two runs: settings, data, results and versions."""
    runs_path = resolve_runs_dir(runs_dir)
    difference = difference_of(find_run(one, runs_path), find_run(other, runs_path))
    if json:
        print_json(difference)
    else:
        print_difference(difference)


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


def _summary(run: Run) -> dict[str, Any]:
    """Returns the summary of a run, or the problem of a damaged one."""
    try:
        return summary_of(run)
    except RunError as error:
        return {"run": run.name, "status": "damaged", "problem": str(error)}


def _tree(runs: list[Run]) -> Table:
    columns = ("run", "phase", "status", "validation", "test")
    table = cell_table(*columns, wide=("run",))
    for node in in_tree_order(runs):
        summary = _summary(node.run) if node.run else {"status": "gone"}
        table.add_row(
            "  " * node.depth + node.name,
            summary.get("phase"),
            summary["status"],
            *_figures(summary),
        )
    return table


def _figures(summary: dict[str, Any]) -> tuple[str, str]:
    """Returns the metrics on validation and test, before and after fine-tuning.

    They are named if they are not accuracies.
    """
    monitor = summary.get("monitor", ACCURACY)
    figures = (monitor, summary.get("val_before"), summary.get("val_monitored"))
    return _named(*figures), _named(*test_figures(summary))


def _named(figure: str, before: float | None, after: float | None) -> str:
    text = before_and_after(before, after)
    return f"{text} {NAMES[figure]}" if text and figure != ACCURACY else text


def _phase_table(run: Run) -> Table:
    """Returns a table of the phases of a run and its ancestors, with their results."""
    columns = ("epochs", "optimizer", "rate", "schedule", "best", "validation")
    table = cell_table("phase", "run", *columns, wide=("run",))
    for ancestor in with_ancestors(run):
        phase = getattr(ancestor.config, ancestor.phase)
        summary, rate = summary_of(ancestor), phase.learning_rate
        table.add_row(
            ancestor.phase,
            ancestor.name,
            f"{len(ancestor.history)} of {epochs_of(ancestor)}",
            phase.optimizer,
            "auto" if rate == "auto" else f"{rate:g}",
            phase.schedule,
            "" if summary["best_epoch"] is None else str(summary["best_epoch"]),
            percent(summary["val_monitored"]),
        )
    return table


def _cell(value: str | float | None) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return "" if value is None else str(value)
