"""`cnnxfer check`: what is wrong with images and labels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import cnnxfer
from cnnxfer.cli.data_options import DataOption, OnlyData, the_data
from cnnxfer.cli.options import with_options
from cnnxfer.cli.shared_options import Json, Quiet, Verbose
from cnnxfer.cli.terminal import TerminalReporter, print_json, stdout
from cnnxfer.console import show_result
from cnnxfer.errors import ConfigError
from cnnxfer.reporting import Result, counted, printable
from cnnxfer.spelling import command

if TYPE_CHECKING:
    from rich.table import Table

    from cnnxfer.data.check.report import Finding, Report

ERRORS_FOUND, WARNINGS_FOUND = 1, 3  # exit codes
SHOWN_ITEMS = 2  # of a finding
STYLES = {"error": "bold red", "warning": "yellow", "note": "blue"}


@with_options("check")
def check(
    spec: OnlyData = None,
    data: DataOption = None,
    write: Annotated[
        Path | None,
        typer.Option(
            "--write",
            help="Write a list of images to leave out, for: train --exclude.",
            show_default="none is written",
        ),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(
            "--html",
            help="Write a page with the images that have problems.",
            show_default="none is written",
        ),
    ] = None,
    labels: Annotated[
        bool,
        typer.Option(
            "--labels",
            help="Find labels that may be wrong, too; it takes the features of all "
            "images, which `train` uses as well.",
        ),
    ] = False,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict", help="End with exit code 3 if there is a warning, too."
        ),
    ] = False,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    **options: Any,
) -> None:
    """Find problems of images and labels before you train on them.

    Examples:
        cnnxfer check photos/  # broken files, rare classes
        cnnxfer check photos/ --labels --html bad.html  # and labels
        cnnxfer check photos/ --write bad.txt  # for: train --exclude bad.txt

    An error keeps training from working, or makes its results wrong; with one, the
    exit code is 1. A warning probably makes them worse. A note is about something
    that cnnxfer handles. No image is changed.
    """
    named = the_data(spec, data)
    if named is None:
        raise ConfigError(
            "cnnxfer check needs DATA, the images to look at. "
            "Type, for example: cnnxfer check photos/"
        )
    reporter = TerminalReporter()
    report = cnnxfer.check(
        named, write=write, html=html, labels=labels, reporter=reporter, **options
    )
    if json:
        print_json(report)
    else:
        _show(report, write)
    for path in filter(None, (write, html)):
        reporter.info(f"written: {path}")
    if report.of("error"):
        raise typer.Exit(ERRORS_FOUND)
    if strict and report.alarming:
        raise typer.Exit(WARNINGS_FOUND)


def _show(report: Report, write: Path | None) -> None:
    if report.findings:
        stdout().print(_table(report))
        print()
    if lines := list(_lines(report)):
        print("\n".join([*lines, ""]))
    show_result(_result(report, write), stdout())


def _table(report: Report) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    table.add_column("", no_wrap=True)
    table.add_column("found", min_width=16)
    table.add_column("count", justify="right", no_wrap=True)
    table.add_column("such as", overflow="fold")
    table.add_column("cnnxfer", min_width=12)
    for finding in report.findings:
        table.add_row(
            Text(finding.severity, STYLES[finding.severity]),
            finding.title,
            f"{finding.count:,}",
            Text(_examples(finding)),
            finding.done,
        )
    return table


def _examples(finding: Finding) -> str:
    lines = [printable(item.line()) for item in finding.items[:SHOWN_ITEMS]]
    shown = ("\n" if stdout().is_terminal else "; ").join(lines)
    return shown + " ..." * (len(finding.items) > SHOWN_ITEMS)


def _lines(report: Report) -> Iterator[str]:
    alarms = [item for item in report.findings if item.severity != "note"]
    width = max((len(item.title) for item in alarms), default=0)
    for finding in alarms:
        yield f"{finding.title:{width}}  {finding.advice}"
    for figure in report.figures:
        yield printable(figure.text)


def _result(report: Report, write: Path | None) -> Result:
    counts = [counted(len(report.of(name)), name) for name in STYLES]
    found = ", ".join(counts) if report.findings else "nothing is wrong"
    listed = {name for item in report.findings for name in item.quarantine}
    exclude = ""
    if listed and write is None:
        exclude = (
            f"{counted(len(listed), 'image')}: list them with --write FILE, for: "
            "cnnxfer train --exclude FILE"
        )
    errors = report.of("error")
    return Result(
        f"{report.data}: {report.size}; {found}",
        (
            ("exclude", exclude),
            ("next", "" if errors else command("train", report.data)),
        ),
        good=not errors,
    )
