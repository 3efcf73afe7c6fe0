"""`report`: a page about a run, or about two side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Unpack

from cnnxfer.api.arguments import Pathlike, as_path, place_of_images, resolve_run
from cnnxfer.api.options import ReportKeywords
from cnnxfer.config import override
from cnnxfer.config.options import settings_of
from cnnxfer.config.prediction import ClassifierOptions, ReportOptions
from cnnxfer.console import CONSOLE
from cnnxfer.engines.options import check_choice
from cnnxfer.errors import ConfigError
from cnnxfer.keras_backend import starting_keras
from cnnxfer.reporting import Reporter, SilentReporter
from cnnxfer.runs import LATEST, Run
from cnnxfer.spelling import command, option


def report(
    run: Run | Pathlike = LATEST,
    other: Run | Pathlike | None = None,
    *,
    data: Pathlike | None = None,
    out: Pathlike | None = None,
    runs_dir: Pathlike | None = None,
    reporter: Reporter | None = CONSOLE,
    **options: Unpack[ReportKeywords],
) -> Path:
    """Writes a page about a run, or two: one HTML file that needs nothing else.

    That of one has the curves of all phases, the figures of each class, what was taken
    for what, pictures of the worst, the best and the least sure answers, samples of the
    data, and what repeats the run. If the run's images are gone, it has what needs
    none. That of two shows which is better on the same images, whether that could be
    chance, and what only one of them answers correctly.

    Args:
        run: the path or the name of a run, or "latest".
        other: another run, which is put beside it.
        data: where the images of the run are now, if they have moved.
        out: the page; by default `report.html` in the run, or for two runs
            `report-OTHER.html`.
        runs_dir: the directory of all runs; by default `CNNXFER_RUNS`, or `runs`.
        reporter: shows messages and progress; None for silence.
        **options: settings, by the names of their options.

    Returns:
        The path of the page. With `pdf`, the same name in `.pdf` lies beside it.

    Raises:
        ConfigError: if there is no such run or place, the test images are asked for
            before they were measured, two runs have other tasks or classes, a file that
            another program wrote would be overwritten, or there is no browser for
            `pdf`.
        DataError: if images are gone that two runs are compared on, or that should be
            in `data`.
        RunError: if the run has no model yet, or the browser fails.
    """
    reporter = reporter or SilentReporter()
    settings = override(ReportOptions(), settings_of("report", options))
    check_choice(settings.engine, settings.precision)
    found = resolve_run(run, runs_dir, reporter)
    second = None if other is None else resolve_run(other, runs_dir, reporter)
    for each in filter(None, (found, second)):
        each.require_model()
        if settings.part == "test" and "test" not in each.metrics:
            raise ConfigError(
                f"the test images of {each.path} have not been measured. Do that once, "
                "when nothing is to be changed any more: "
                f"{command('evaluate', each.path)}"
            )
    from cnnxfer.data.outputs import check_own
    from cnnxfer.evaluation.report.page import GENERATOR, PAGE_MARK
    from cnnxfer.evaluation.report.pdf import find_browser, print_pdf
    from cnnxfer.files import check_parent_folder

    path = as_path(out) or found.report_path(second)
    if path.suffix.lower() != ".html":
        raise ConfigError(f"{option('--out')} is {path}; expected a name in .html.")
    check_parent_folder(option("--out"), path)
    check_own(option("--out"), path, PAGE_MARK, GENERATOR)
    printed = path.with_suffix(".pdf")
    if settings.pdf and printed.exists() and not path.exists():
        raise ConfigError(
            f"{option('--pdf', True)} would overwrite {printed}, which no report of "
            f"this name has left. Choose another {option('--out')}, or remove it first."
        )
    browser = find_browser() if settings.pdf else ""
    place = found.config.data
    if data is not None:
        place = place_of_images(found, data, place, "")
    engine = ClassifierOptions(engine=settings.engine, precision=settings.precision)
    with starting_keras(reporter):
        from cnnxfer.evaluation.report.of_run import report_run
        from cnnxfer.evaluation.report.two_runs import report_two_runs

    if second is not None:
        report_two_runs(found, second, place, settings.part, path, reporter, engine)
    else:
        must_exist = data is not None
        report_run(
            found, place, settings.part, path, reporter, engine, must_exist=must_exist
        )
    if settings.pdf:
        print_pdf(browser, path, printed)
    return path
