"""Predictions on their way into files, folders and streams."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

from cnnxfer.config.prediction import PredictIntoOptions
from cnnxfer.data.images.source import ImageSource
from cnnxfer.errors import ConfigError, DataError, Interrupted
from cnnxfer.prediction.outputs.check_kind import check_kind
from cnnxfer.prediction.outputs.copy_to import check_names, copy_files
from cnnxfer.prediction.outputs.drawn import save_drawn
from cnnxfer.prediction.outputs.file import check_out, choose_writer, write_out
from cnnxfer.prediction.outputs.formats import Writer
from cnnxfer.prediction.outputs.heatmap import save_heatmaps
from cnnxfer.prediction.outputs.masks import save_masks
from cnnxfer.prediction.outputs.part import write_part
from cnnxfer.prediction.outputs.resumable_file import (
    check_resumable_file,
    open_resumable_file,
)
from cnnxfer.prediction.outputs.sheet import check_sheet, draw_sheet
from cnnxfer.prediction.outputs.stages import Flow, Stage, run_through_stages
from cnnxfer.prediction.outputs.totals import Totals
from cnnxfer.prediction.outputs.variants import Variants
from cnnxfer.prediction.prediction import Prediction
from cnnxfer.prediction.request import PredictionRequest, open_request
from cnnxfer.prediction.shard import Share, parse_shard
from cnnxfer.reporting import Reporter, counted
from cnnxfer.runs import Run
from cnnxfer.spelling import command, option
from cnnxfer.tasks.answer import TaskAnswer

RESUMABLE = "jsonl"  # the format of a file that can be gone on with


def predict_into(
    inputs: Sequence[str],
    options: PredictIntoOptions,
    out: Path | TextIO | None,
    *,
    model: Run | str | Path | None,
    runs_dir: str | Path | None,
    reporter: Reporter,
) -> Totals:
    """Writes the predictions for all images; see `cnnxfer.predict_into`.

    What went wrong is reported as a warning, too.
    """
    share = _share(options)
    writer = _checked_writer(options, out, inputs)
    totals = Totals()
    if options.sheet != "none":
        check_sheet(Path(options.sheet), inputs)
    stages = [totals.watch, *_stages(options, inputs, share, reporter)]
    heat = options.heatmap != "none"
    request = open_request(
        inputs, options, model=model, runs_dir=runs_dir, heat=heat, reporter=reporter
    )
    if options.copy_to != "none":
        check_names(label for _, label in request.classifier.model.classes)
    source = request.classifier.model
    empty = request.classifier.read_answer({})
    check_kind(empty.kind, options, writer, source.name, reporter)
    if options.sheet != "none":
        stages.append(draw_sheet(Path(options.sheet), inputs, source, heat=heat))
    request = replace(request, sources=_not_empty(request.sources))
    if share is not None:
        total = request.total and share.shard.count(request.total)
        request = replace(request, sources=share.of(request.sources), total=total)
    _tell_of_nothing(empty, reporter)
    with request.classifier as classifier:
        if options.resume or share:
            classifier.require_same_calibration()
        if isinstance(out, Path) and writer.name == RESUMABLE:
            # Results name the files of masks.
            settings = {**classifier.settings, "masks": options.masks}
            own = settings | ({"shard": str(share.shard)} if share else {})
            variants = Variants(out, lambda: classifier.variant) if share else None
            _write_resumable(
                request, out, stages, totals, own, variants, resume=options.resume
            )
            if share and variants:
                write_part(out, share, inputs, settings, variants.known)
                variants.forget()
        else:
            with run_through_stages(request.predictions(), stages) as predictions:
                write_out(predictions, writer, out, inputs)
        if totals.images > 1 and totals.answers:
            reporter.info(totals.answers)
        reporter.info(totals.summary)
        if line := request.passed_over.line():
            reporter.info(line)
    totals.warn(classifier.model.name, reporter)
    return totals


def _share(options: PredictIntoOptions) -> Share | None:
    if options.shard == "none":
        return None
    return Share(parse_shard(options.shard), keeps_passed=options.masks != "none")


def _tell_of_nothing(answer: TaskAnswer, reporter: Reporter) -> None:
    """Says what images without an answer are called, where it is not the usual word.

    Args:
        answer: that of the model to an image that cannot be read.
        reporter: receives the message.
    """
    if answer.displaced is not None:
        reporter.info(
            f"a class is called {answer.displaced!r}, so images without an answer "
            f"are called {answer.nothing!r}"
        )


def _checked_writer(
    options: PredictIntoOptions, out: Path | TextIO | None, inputs: Sequence[str]
) -> Writer:
    path = out if isinstance(out, Path) else None
    writer = choose_writer(options.format, path)
    if options.resume and (path is None or writer.name != RESUMABLE):
        raise ConfigError(
            f"{option('--resume')} needs a file to go on with. "
            f"Add: {option('--out', 'FILE.jsonl')}"
        )
    if options.shard != "none" and (path is None or writer.name != RESUMABLE):
        merged = command("merge", "PARTS", out="FILE")
        raise ConfigError(
            f"{option('--shard')} needs a file of JSON lines; {merged} makes other "
            f"formats of all. Add: {option('--out', 'FILE.jsonl')}"
        )
    if options.shard != "none" and options.masks != "none" and options.frames == "all":
        raise ConfigError(
            f"with {option('--shard')}, {option('--masks')} are those of files, not of "
            f"frames. Leave out {option('--frames', 'all')}."
        )
    if writer.labels and options.frames == "all":
        raise ConfigError(
            f"{option('--format', writer.name)} has labels of files, not of frames. "
            f"Leave out {option('--frames', 'all')}."
        )
    if path is not None:
        check_out(path, writer, inputs)
        if writer.name == RESUMABLE:
            check_resumable_file(path, resume=options.resume)
    return writer


def _stages(
    outputs: PredictIntoOptions,
    inputs: Sequence[str],
    share: Share | None,
    reporter: Reporter,
) -> Iterator[Stage]:
    if outputs.masks != "none":  # the first, since it tells the others of its files
        passed = share.passed if share else tuple
        folder, most = Path(outputs.masks), outputs.max_pixels
        yield save_masks(folder, inputs, reporter, passed, most)
    if outputs.copy_to != "none":
        yield copy_files(Path(outputs.copy_to), inputs, reporter)
    if outputs.heatmap != "none":
        yield save_heatmaps(Path(outputs.heatmap), inputs, reporter)
    if outputs.drawn != "none":
        yield save_drawn(Path(outputs.drawn), inputs, reporter)


def _not_empty(sources: Iterator[ImageSource]) -> Iterator[ImageSource]:
    first = next(sources, None)
    if first is None:
        raise DataError("the inputs name no images.")
    return chain([first], sources)


def _write_resumable(
    request: PredictionRequest,
    out: Path,
    stages: Sequence[Stage],
    totals: Totals,
    settings: dict[str, Any],
    variants: Variants | None,
    *,
    resume: bool,
) -> None:
    written = 0

    def count_written(predictions: Iterable[Prediction]) -> Flow:
        nonlocal written
        for number, prediction in enumerate(predictions, start=1):
            yield prediction
            # The next one is requested when this one has been written; the first ones
            # may have been written by an earlier process.
            written = max(written, number)

    classifier = request.classifier
    goes_on = not classifier.calibrates_on_the_first
    with open_resumable_file(
        out,
        settings,
        classifier.read_answer,
        request.reporter,
        resume=resume,
        goes_on=goes_on,
    ) as file:
        written = file.done
        totals.earlier = file.done - file.unread
        if variants:
            variants.begin(resumed=file.done > 0)
            stages = [*stages, variants.watch]
        if request.total is not None:
            request = replace(request, total=request.total - file.done)
        predictions = chain(
            file.earlier_predictions(request.sources, classifier.predictions),
            request.predictions(),
        )
        try:
            with run_through_stages(predictions, [*stages, count_written]) as flow:
                file.write(flow)
        except KeyboardInterrupt:
            next_step = (
                f"Go on with the same command and {option('--resume', True)}."
                if goes_on
                else "Int8 was calibrated on the first images, so it cannot go on: "
                f"remove the file to start again, or use another "
                f"{option('--precision')}."
            )
            raise Interrupted(
                f"interrupted after {counted(written, 'image')}, kept in the file. "
                f"{next_step}"
            ) from None
