"""`predict`."""

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
from cnnxfer.prediction.outputs.stages import Flow, Stage, through
from cnnxfer.prediction.outputs.totals import Totals
from cnnxfer.reporting import Reporter, counted

if TYPE_CHECKING:
    from cnnxfer.data.images.source import ImageSource
    from cnnxfer.prediction.prediction import Prediction
    from cnnxfer.prediction.request import PredictionRequest

SOME_UNREADABLE = 3
READING, LOOKING, WRITING = "What is read", "What is looked at", "What is written"


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
        typer.Option("--top", help="How many classes to name.", show_default="5"),
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
            help="The probability below which a class is no answer.",
            show_default="none",
        ),
    ] = None,
    output_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            help=f"{', '.join(WRITERS.names())}.",
            show_default="by the suffix of --out, or table",
            rich_help_panel=WRITING,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="A file for the results; .gz compresses.",
            rich_help_panel=WRITING,
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on with an unfinished --out FILE.jsonl.",
            rich_help_panel=WRITING,
        ),
    ] = False,
    sheet: Annotated[
        Path | None,
        typer.Option(
            "--sheet",
            help="A contact sheet in one file: .html, or .png of the first 500.",
            rich_help_panel=WRITING,
        ),
    ] = None,
    copy_to: Annotated[
        Path | None,
        typer.Option(
            "--copy-to",
            help="Copy the files here, in folders by class.",
            rich_help_panel=WRITING,
        ),
    ] = None,
    recursive: Annotated[
        bool,
        typer.Option(
            "--recursive/--no-recursive",
            help="Folders with all that lies below.",
            rich_help_panel=READING,
        ),
    ] = True,
    column: Annotated[
        str | None,
        typer.Option(
            "--column",
            help="The column of tables with paths.",
            show_default="path, or the only one",
            rich_help_panel=READING,
        ),
    ] = None,
    frames: Annotated[
        str,
        typer.Option(
            "--frames",
            help="first, or all of a file that has several.",
            rich_help_panel=READING,
        ),
    ] = "first",
    max_pixels: Annotated[
        int,
        typer.Option(
            "--max-pixels",
            help="Larger pictures are not decoded.",
            rich_help_panel=READING,
        ),
    ] = MAX_PIXELS,
    allow_private: Annotated[
        bool,
        typer.Option(
            "--allow-private",
            help="Web addresses may lead into private networks.",
            rich_help_panel=READING,
        ),
    ] = False,
    tta: Annotated[
        str,
        typer.Option(
            "--tta",
            help="Views of each picture to average: none, flip, five, ten or scales.",
            rich_help_panel=LOOKING,
        ),
    ] = "none",
    dense: Annotated[
        bool,
        typer.Option(
            "--dense",
            help="See the whole picture, without cropping.",
            rich_help_panel=LOOKING,
        ),
    ] = False,
    heatmap: Annotated[
        Path | None,
        typer.Option(
            "--heatmap",
            help="A folder for pictures of where the class is (with --dense).",
            rich_help_panel=WRITING,
        ),
    ] = None,
    engine: Engine = None,
    precision: EnginePrecision = "auto",
    batch: Annotated[
        str, typer.Option("--batch", help="Pictures at once: auto, or a number.")
    ] = "auto",
    runs_dir: RunsDir = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Rank the classes of images.

    Ends with exit code 3 if some could not be read.
    """
    if json and (output_format or out):
        raise ConfigError(
            "--json prints JSON on stdout. Leave it out, or --format and --out."
        )
    writer = choose_writer("json" if json else output_format, out)
    _check_output(writer, out, inputs, resume=resume)
    # These import NumPy, and `cnnxfer --help` does without.
    from cnnxfer.prediction.outputs.heatmap import save_heatmaps
    from cnnxfer.prediction.request import open_request

    # Lines that appear one by one are progress enough, and a bar would garble them.
    bars = not (out is None and writer.gradual and stdout().is_terminal)
    reporter = TerminalReporter(bars=bars)
    totals = Totals()
    stages: list[Stage] = [totals.watch]
    if sheet is not None:
        stages.append(draw_sheet(sheet, inputs, reporter))
    if copy_to is not None:
        stages.append(copy_files(copy_to, inputs, reporter))
    if heatmap is not None:
        stages.append(save_heatmaps(heatmap, inputs, reporter))
    pile = open_request(
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
        batch=_batch(batch),
        runs_dir=runs_dir,
        reporter=reporter,
    )
    pile = replace(pile, sources=_some(pile.sources))
    if out is not None and writer.name == "jsonl":
        pile = _write_journal(pile, out, stages, totals, reporter, resume=resume)
    else:
        with through(pile.predictions(), stages) as predictions:
            if out is not None:
                write_file(predictions, writer, out)
            else:
                writer.load()(predictions, reporter.results)
    reporter.info(totals.summary)
    with suppress(KeyboardInterrupt):  # all that was asked for is done
        pile.answers.prepare_next_time()
    if repeats := totals.repeats(pile.model):
        reporter.warn(f"{repeats}.")
    if totals.problems:
        reporter.warn(f"{totals.problems}.")
        raise typer.Exit(SOME_UNREADABLE)


def _some(sources: Iterator[ImageSource]) -> Iterator[ImageSource]:
    """Refuses a list of nothing before anything is written."""
    first = next(sources, None)
    if first is None:
        raise DataError("the inputs name no images.")
    return chain([first], sources)


def _write_journal(
    pile: PredictionRequest,
    out: Path,
    stages: Sequence[Stage],
    totals: Totals,
    reporter: Reporter,
    *,
    resume: bool,
) -> PredictionRequest:
    """Writes a file that can be gone on with; returns what was left to answer."""
    kept = 0

    def count_kept(predictions: Iterable[Prediction]) -> Flow:
        nonlocal kept
        for number, prediction in enumerate(predictions, start=1):
            yield prediction
            # The next one is asked for, so this one is written, if not from before.
            kept = max(kept, number)

    with open_resumable_file(out, pile.settings, reporter, resume=resume) as journal:
        kept = totals.earlier = journal.done
        if pile.total is not None:
            pile = replace(pile, total=pile.total - journal.done)
        predictions = chain(journal.earlier(pile.sources), pile.predictions())
        try:
            with through(predictions, [*stages, count_kept]) as flow:
                journal.write(flow)
        except KeyboardInterrupt:
            raise Interrupted(
                f"interrupted after {counted(kept, 'image')}, kept in the file. "
                "Go on with the same command and --resume."
            ) from None
    return pile


def _check_output(
    writer: Writer, out: Path | None, inputs: Sequence[str], *, resume: bool
) -> None:
    if resume and (out is None or writer.name != "jsonl"):
        raise ConfigError("--resume goes on with a file. Add: --out FILE.jsonl")
    if out is None:
        return
    check_target("--out", out, inputs)
    if writer.name == "jsonl":
        check_resumable_file(out, resume=resume)


def _batch(batch: str) -> int | None:
    if batch == "auto":
        return None
    try:
        return int(batch)
    except ValueError:
        raise ConfigError(
            f"--batch is {batch!r}; it must be auto, or a number."
        ) from None
