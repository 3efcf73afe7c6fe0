"""`cnnxfer predict`: ranks the classes of images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cnnxfer.cli.shared_options import (
    Engine,
    EnginePrecision,
    Json,
    Quiet,
    RunsDir,
    Verbose,
)
from cnnxfer.cli.terminal import TerminalReporter, stdout
from cnnxfer.data.dataset import MAX_PIXELS
from cnnxfer.errors import ConfigError, DataError, Interrupted
from cnnxfer.prediction.outputs.copy_to import copy_files
from cnnxfer.prediction.outputs.file import check_target, choose_writer, write_file
from cnnxfer.prediction.outputs.formats import WRITERS, Writer
from cnnxfer.prediction.outputs.resumable_file import (
    check_resumable_file,
    open_resumable_file,
)
from cnnxfer.prediction.outputs.sheet import draw_sheet
from cnnxfer.prediction.outputs.stages import Flow, Stage, run_through_stages
from cnnxfer.prediction.outputs.totals import Totals
from cnnxfer.reporting import Reporter, counted

if TYPE_CHECKING:
    from cnnxfer.data.images.source import ImageSource
    from cnnxfer.prediction.prediction import Prediction
    from cnnxfer.prediction.request import PredictionRequest

SOME_UNREADABLE = 3  # exit code
INPUT, VIEWS, OUTPUT = "Input", "Views of each image", "Output"


def register(app: typer.Typer) -> None:
    """Adds the command to the command line."""
    app.command()(predict)


def predict(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT",
            help="Files, folders, globs, archives, web addresses, tables, @LIST, or - "
            "for a list on stdin.",
        ),
    ],
    top: Annotated[
        int | None,
        typer.Option(
            "--top", help="How many classes to list for each image.", show_default="5"
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            help="A run, or a backbone for its ImageNet classes.",
            show_default="the latest run, or efficientnet-lite0",
        ),
    ] = None,
    min_confidence: Annotated[
        float | None,
        typer.Option(
            "--min-confidence",
            help="Answer `unsure` if no class reaches this probability.",
            show_default="none",
        ),
    ] = None,
    output_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            help=f"One of {', '.join(WRITERS.names())}.",
            show_default="by the suffix of --out, or table",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="Write the results to this file; .gz compresses it.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on with an unfinished --out FILE.jsonl.",
            rich_help_panel=OUTPUT,
        ),
    ] = False,
    sheet: Annotated[
        Path | None,
        typer.Option(
            "--sheet",
            help="Write a contact sheet: .html, or .png of the first 500 images.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    copy_to: Annotated[
        Path | None,
        typer.Option(
            "--copy-to",
            help="Copy the files to this folder, into a folder for each class.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    recursive: Annotated[
        bool,
        typer.Option(
            "--recursive/--no-recursive",
            help="Search folders with their subfolders, or without.",
            rich_help_panel=INPUT,
        ),
    ] = True,
    column: Annotated[
        str | None,
        typer.Option(
            "--column",
            help="The column of tables that has the paths.",
            show_default="path, or the only column",
            rich_help_panel=INPUT,
        ),
    ] = None,
    frames: Annotated[
        str,
        typer.Option(
            "--frames",
            help="first, or all frames of files that have several.",
            rich_help_panel=INPUT,
        ),
    ] = "first",
    max_pixels: Annotated[
        int,
        typer.Option(
            "--max-pixels",
            help="Do not decode images with more pixels than this.",
            rich_help_panel=INPUT,
        ),
    ] = MAX_PIXELS,
    allow_private: Annotated[
        bool,
        typer.Option(
            "--allow-private",
            help="Allow web addresses in private networks.",
            rich_help_panel=INPUT,
        ),
    ] = False,
    tta: Annotated[
        str,
        typer.Option(
            "--tta",
            help="Average over several views: none, flip, five, ten or scales.",
            rich_help_panel=VIEWS,
        ),
    ] = "none",
    dense: Annotated[
        bool,
        typer.Option(
            "--dense",
            help="Look at the whole image, without cropping.",
            rich_help_panel=VIEWS,
        ),
    ] = False,
    heatmap: Annotated[
        Path | None,
        typer.Option(
            "--heatmap",
            help="Draw where the class is, into this folder (with --dense).",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    engine: Engine = None,
    precision: EnginePrecision = "auto",
    batch: Annotated[
        str, typer.Option("--batch", help="Images computed at once: auto, or a number.")
    ] = "auto",
    runs_dir: RunsDir = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Rank the classes of images.

    Ends with exit code 3 if some images cannot be read.
    """
    if json and (output_format or out):
        raise ConfigError(
            "--json prints JSON on stdout. Remove it, or --format and --out."
        )
    writer = choose_writer("json" if json else output_format, out)
    _check_output(writer, out, inputs, resume=resume)
    # These import NumPy, which `cnnxfer --help` does not need.
    from cnnxfer.prediction.outputs.heatmap import save_heatmaps
    from cnnxfer.prediction.request import open_request

    # Lines that appear one by one show the progress, and a bar would break them up.
    bars = not (out is None and writer.streaming and stdout().is_terminal)
    reporter = TerminalReporter(bars=bars)
    totals = Totals()
    stages: list[Stage] = [totals.watch]
    if sheet is not None:
        stages.append(draw_sheet(sheet, inputs, reporter))
    if copy_to is not None:
        stages.append(copy_files(copy_to, inputs, reporter))
    if heatmap is not None:
        stages.append(save_heatmaps(heatmap, inputs, reporter))
    request = open_request(
        inputs,
        model=model,
        top=top,
        min_confidence=min_confidence,
        recursive=recursive,
        column=column,
        frames=frames,
        max_pixels=max_pixels,
        allow_private=allow_private,
        tta=tta,
        dense=dense,
        heat=heatmap is not None,
        engine=engine or "auto",
        precision=precision,
        batch=_parse_batch(batch),
        runs_dir=runs_dir,
        reporter=reporter,
    )
    request = replace(request, sources=_not_empty(request.sources))
    if out is not None and writer.name == "jsonl":
        request = _write_resumable(
            request, out, stages, totals, reporter, resume=resume
        )
    else:
        with run_through_stages(request.predictions(), stages) as predictions:
            if out is not None:
                write_file(predictions, writer, out)
            else:
                writer.load()(predictions, reporter.results)
    reporter.info(totals.summary)
    with suppress(KeyboardInterrupt):  # all results have been written
        request.answers.prepare_next_time()
    if repeats := totals.repeats(request.classifier.model.name):
        reporter.warn(f"{repeats}.")
    if totals.problems:
        reporter.warn(f"{totals.problems}.")
        raise typer.Exit(SOME_UNREADABLE)


def _not_empty(sources: Iterator[ImageSource]) -> Iterator[ImageSource]:
    """Returns the sources; raises an error if there are none."""
    first = next(sources, None)
    if first is None:
        raise DataError("the inputs name no images.")
    return chain([first], sources)


def _write_resumable(
    request: PredictionRequest,
    out: Path,
    stages: Sequence[Stage],
    totals: Totals,
    reporter: Reporter,
    *,
    resume: bool,
) -> PredictionRequest:
    """Writes a file that `--resume` goes on with; returns the request for the rest."""
    written = 0

    def count_written(predictions: Iterable[Prediction]) -> Flow:
        nonlocal written
        for number, prediction in enumerate(predictions, start=1):
            yield prediction
            # The next one is requested when this one has been written; the first ones
            # may have been written by an earlier process.
            written = max(written, number)

    with open_resumable_file(out, request.settings, reporter, resume=resume) as file:
        written = totals.earlier = file.done
        if request.total is not None:
            request = replace(request, total=request.total - file.done)
        predictions = chain(
            file.earlier_predictions(request.sources), request.predictions()
        )
        try:
            with run_through_stages(predictions, [*stages, count_written]) as flow:
                file.write(flow)
        except KeyboardInterrupt:
            raise Interrupted(
                f"interrupted after {counted(written, 'image')}, kept in the file. "
                "Go on with the same command and --resume."
            ) from None
    return request


def _check_output(
    writer: Writer, out: Path | None, inputs: Sequence[str], *, resume: bool
) -> None:
    if resume and (out is None or writer.name != "jsonl"):
        raise ConfigError("--resume needs a file to go on with. Add: --out FILE.jsonl")
    if out is None:
        return
    check_target("--out", out, inputs)
    if writer.name == "jsonl":
        check_resumable_file(out, resume=resume)


def _parse_batch(batch: str) -> int | None:
    if batch == "auto":
        return None
    try:
        return int(batch)
    except ValueError:
        raise ConfigError(
            f"--batch is {batch!r}; it must be auto, or a number."
        ) from None
