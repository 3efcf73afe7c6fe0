"""`cnnxfer runs`: lists, ranks, shows, draws and compares runs."""

import dataclasses
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.table import Table

from cnnxfer.cli.run_difference import print_difference
from cnnxfer.cli.shared_options import (
    Json,
    Quiet,
    RunsDir,
    Verbose,
    own_or_group_value,
)
from cnnxfer.cli.tables import cell_table, detail_table
from cnnxfer.cli.terminal import TerminalReporter, print_json, stdout
from cnnxfer.errors import ConfigError, RunError
from cnnxfer.evaluation.difference import difference_of
from cnnxfer.files import check_parent_folder
from cnnxfer.reporting import duration
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
    phase_rows,
    summary_of,
    test_figures,
    with_ancestors,
)
from cnnxfer.tasks.score import ACCURACY, NAMES

RunName = Annotated[str, typer.Argument(metavar="RUN", help="A run.")]
Order = Annotated[
    Literal["validation", "test", "time", "started"] | None,
    typer.Option(
        "--sort",
        help="Rank the runs: the best first, the fastest, or the last started.",
        show_default="as a tree",
        callback=own_or_group_value,
    ),
]

group = typer.Typer()


@group.callback(invoke_without_command=True)
def runs(
    context: typer.Context,
    sort: Order = None,
    runs_dir: RunsDir = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """List, rank, show and compare runs. Without a command, list them."""
    if context.invoked_subcommand is None:
        list_(sort, runs_dir, json)


@group.command("list")
def list_(
    sort: Order = None,
    runs_dir: RunsDir = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """List the runs, oldest first, each followed by those fine-tuned from it."""
    found = list_runs(resolve_runs_dir(runs_dir))
    summaries = [_summary(run) for run in found]
    if sort:
        summaries = _ranked(summaries, sort)
    if json:
        print_json(summaries)
    elif not found:
        stdout().print("no runs yet: cnnxfer train FOLDER")
    else:
        stdout().print(_leaderboard(summaries) if sort else _tree(found))


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
        "temperature": found.temperature and f"{found.temperature:.3g}",
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
def plot(
    names: Annotated[list[str], typer.Argument(metavar="RUN...", help="Runs.")],
    out: Annotated[
        Path, typer.Option("--out", help="The page (.html) or picture (.svg) to write.")
    ] = Path("curves.html"),
    runs_dir: RunsDir = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Draw loss and validation figure of runs by epoch, a curve for each."""
    from cnnxfer.data.outputs import check_own
    from cnnxfer.evaluation.histories import plot_histories
    from cnnxfer.pages.plots.files import GENERATOR, MARK, SUFFIXES, write_curves

    if out.suffix.lower() not in SUFFIXES:
        raise ConfigError(f"--out is {out}; expected a name in .html or .svg.")
    check_parent_folder("--out", out)
    check_own("--out", out, MARK, GENERATOR)
    runs_path = resolve_runs_dir(runs_dir)
    found = [find_run(name, runs_path) for name in names]
    plots = plot_histories(found)
    if not plots:
        raise RunError(f"{found[0].path} has no epoch to draw yet. Train it first.")
    for run in found:
        if not any(each.history for each in with_ancestors(run)):
            TerminalReporter().warn(f"{run.path} has no epoch yet, and no curve.")
    write_curves(out, ", ".join(run.name for run in found), plots, len(found))
    if json:
        print_json({"path": out})
    else:
        TerminalReporter().info(f"written: {out}")


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


def _ranked(summaries: list[dict[str, Any]], order: str) -> list[dict[str, Any]]:
    """Returns summaries in order; those without the figure, and damaged ones, last.

    Args:
        summaries: those of runs, the oldest first.
        order: `validation`, `test`, `time` or `started`.
    """
    if order == "started":
        return summaries[::-1]

    def key(summary: dict[str, Any]) -> float | None:
        if order == "time":
            seconds: float | None = summary.get("seconds")
            return seconds
        value = summary.get("val_monitored")
        value = test_figures(summary)[-1] if order == "test" else value
        return None if value is None else -value

    known = [summary for summary in summaries if key(summary) is not None]
    others = [summary for summary in summaries if key(summary) is None]
    return sorted(known, key=lambda summary: key(summary) or 0) + others


def _leaderboard(summaries: list[dict[str, Any]]) -> Table:
    columns = ("run", "phase", "status", "validation", "test", "time")
    table = cell_table(*columns, wide=("run",))
    for summary in summaries:
        seconds = summary.get("seconds")
        table.add_row(
            summary["run"],
            summary.get("phase"),
            summary["status"],
            *_figures(summary),
            "" if seconds is None else duration(seconds),
        )
    return table


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
    columns, *rows = phase_rows(run)
    table = cell_table(*columns, wide=("run",))
    for row in rows:
        table.add_row(*row)
    return table


def _cell(value: str | float | None) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return "" if value is None else str(value)
