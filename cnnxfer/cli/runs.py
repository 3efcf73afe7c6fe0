"""`cnnxfer runs`: lists, ranks, shows, draws, compares and changes runs."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cnnxfer.cli import run_changes, values
from cnnxfer.cli.command import Commands
from cnnxfer.cli.shared_options import (
    Json,
    Quiet,
    RunName,
    RunsDir,
    Verbose,
    own_or_group_value,
)
from cnnxfer.cli.tables import cell_table
from cnnxfer.cli.terminal import TerminalReporter, print_json, stdout
from cnnxfer.errors import ConfigError, RunError
from cnnxfer.files import check_parent_folder
from cnnxfer.reporting import duration, printable
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
    summary_of,
    test_figures,
    with_ancestors,
)
from cnnxfer.tasks.score import ACCURACY, NAMES

if TYPE_CHECKING:
    from rich.table import Table

Order = Annotated[
    Literal["validation", "test", "time", "started"] | None,
    typer.Option(
        "--sort",
        help="Rank the runs: the best first, the fastest, or the last started.",
        show_default="as a tree",
        callback=own_or_group_value,
    ),
]

MOST_NAME = 32  # characters of a name that are shown however narrow the terminal is

group = Commands()


@group.callback(invoke_without_command=True)
def runs(
    context: typer.Context,
    sort: Order = None,
    runs_dir: RunsDir = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """List, rank, show and compare runs. Without a command, list them.

    Examples:
        cnnxfer runs  # all runs, as a tree
        cnnxfer runs --sort validation  # the best first
        cnnxfer runs show latest
    """
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
    """List the runs, oldest first, each followed by those fine-tuned from it.

    Examples:
        cnnxfer runs list
        cnnxfer runs list --sort test
        cnnxfer runs list --json
    """
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
    config: Annotated[
        bool, typer.Option("--config", help="Print the file of its settings.")
    ] = False,
    runs_dir: RunsDir = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Show what matters about a run.

    Examples:
        cnnxfer runs show
        cnnxfer runs show flowers-3
        cnnxfer runs show @1 --config  # all settings of the run before the latest
    """
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
    elif config:
        print("\n".join(map(printable, found.config.to_toml().splitlines())))
    else:
        from cnnxfer.cli.run_page import print_run  # which needs NumPy

        print_run(found)


@group.command()
def diff(
    one: Annotated[
        str, typer.Argument(metavar="A", help="A run.", autocompletion=values.runs)
    ],
    other: Annotated[
        str,
        typer.Argument(metavar="B", help="Another run.", autocompletion=values.runs),
    ],
    runs_dir: RunsDir = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Show what differs between two runs: settings, data, results and versions.

    Examples:
        cnnxfer runs diff flowers-1 flowers-2
        cnnxfer runs diff flowers-1 latest
        cnnxfer runs diff flowers-1 latest --json
    """
    from cnnxfer.cli.run_difference import print_difference
    from cnnxfer.evaluation.difference import difference_of

    runs_path = resolve_runs_dir(runs_dir)
    difference = difference_of(find_run(one, runs_path), find_run(other, runs_path))
    if json:
        print_json(difference)
    else:
        print_difference(difference)


@group.command()
def plot(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN", help="The runs to draw.", autocompletion=values.runs
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", help="The page (.html) or picture (.svg) to write.")
    ] = Path("curves.html"),
    runs_dir: RunsDir = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Draw loss and validation figure of runs by epoch, a curve for each.

    Examples:
        cnnxfer runs plot latest
        cnnxfer runs plot flowers-1 flowers-2 flowers-3
        cnnxfer runs plot latest --out curves.svg
    """
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
    """Print the path of the latest run.

    Examples:
        cnnxfer runs latest
        cnnxfer runs latest --runs-dir /data/runs
        cp "$(cnnxfer runs latest)/model.keras" .
    """
    path = find_run(LATEST, resolve_runs_dir(runs_dir)).path
    if json:
        print_json({"path": path})
    else:
        print(path)


group.command("rename")(run_changes.rename)
group.command("rm")(run_changes.remove)
group.command("note")(run_changes.note)


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
    rows = [(summary["run"], summary) for summary in summaries]
    times = [summary.get("seconds") for summary in summaries]
    texts = ["" if seconds is None else duration(seconds) for seconds in times]
    return _table(rows, "time", texts)


def _tree(runs: list[Run]) -> Table:
    rows = [
        (
            "  " * node.depth + node.name,
            _summary(node.run) if node.run else {"status": "gone"},
        )
        for node in in_tree_order(runs)
    ]
    return _table(rows, "started", [_started(summary) for _, summary in rows])


def _table(
    rows: list[tuple[str, dict[str, Any]]], last: str, texts: list[str]
) -> Table:
    """Returns a table of runs; the status and notes only if they say something.

    Args:
        rows: the name of each run, as it is shown, and its summary.
        last: the title of the last column, and what it has.
        texts: what it has for each run.
    """
    columns: dict[str, list[str]] = {
        "run": [name for name, _ in rows],
        "validation": [_figures(summary)[0] for _, summary in rows],
        "test": [_figures(summary)[1] for _, summary in rows],
        "backbone": [summary.get("backbone") or "" for _, summary in rows],
        "status": [summary["status"] for _, summary in rows],
        last: texts,
        "note": ["; ".join(it.get("note", "").splitlines()) for _, it in rows],
    }
    if set(columns["status"]) == {"done"}:
        del columns["status"]
    shown = {title: cells for title, cells in columns.items() if any(cells)}
    table = cell_table(*shown, wide=("note",))
    table.columns[0].min_width = min(MOST_NAME, max(map(len, shown["run"])))
    for cells in zip(*shown.values(), strict=True):
        table.add_row(*cells)
    return table


def _started(summary: dict[str, Any]) -> str:
    """Returns the time of a run that began today, or else its day; "" if unknown."""
    try:
        started = datetime.fromisoformat(str(summary.get("started"))).astimezone()
    except (ValueError, OverflowError):
        return ""
    today = started.date() == datetime.now().date()
    return started.strftime("%H:%M" if today else "%Y-%m-%d")


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
