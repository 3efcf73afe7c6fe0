"""Gathers what the page about a run shows: from its files, its images and its model."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

from cnnxfer.config.prediction import ClassifierOptions
from cnnxfer.data.dataset import SPLITS, TEST, VALIDATION
from cnnxfer.data.prepared import Splits
from cnnxfer.data.run_images import find_images
from cnnxfer.errors import CnnxferError, ConfigError, DataError, Interrupted
from cnnxfer.evaluation.answered import answers_to
from cnnxfer.evaluation.before_after import FEW_CLASSES, MOST_MEASURED
from cnnxfer.evaluation.report.data_summary import (
    draw_samples,
    recorded_data,
    summarize_data,
)
from cnnxfer.evaluation.report.galleries import draw_answers, draw_heat, galleries_of
from cnnxfer.evaluation.report.measured import measure_part
from cnnxfer.evaluation.report.page import Content, write_report
from cnnxfer.reporting import Reporter, SilentReporter, counted
from cnnxfer.runs import Run
from cnnxfer.spelling import command

# At the end of training, for samples, and for answers: large photographs take longer.
PICTURE_SECONDS = 0.8
# What is read of a run says which images it is about, since that decides on its worth.
ABOUT = {
    VALIDATION: (
        "Classes, confusions and pictures are those of the validation images. These "
        "chose the best epoch, so their figures are a little too good. Test images are "
        "for one honest figure at the end; who looks at them and changes something "
        "needs new ones."
    ),
    TEST: (
        "Classes, confusions and pictures are those of the test images, which no phase "
        "has used. Who changes something because of them needs new ones to test it."
    ),
}


def report_run(
    run: Run,
    spec: str,
    split: str,
    path: Path,
    reporter: Reporter,
    options: ClassifierOptions,
    *,
    must_exist: bool,
) -> None:
    """Writes the page about a run, with pictures of the answers to a split.

    Args:
        run: a run with a model.
        spec: where its images are.
        split: `validation` or `test`.
        path: the HTML file.
        reporter: shows the progress, and warns of what is missing.
        options: say which engine runs the network.
        must_exist: whether it is an error if the images are not there. If not, the page
            says so and has what needs no images.

    Raises:
        ConfigError, DataError: if they are not there, and must be.
        OSError: if the page cannot be written; the error names it.
        RunError: if a file of the run is damaged.
    """
    retry = command("report", run.path, data="NEW_PLACE")
    try:
        images = find_images(run, spec, reporter, retry=retry, limit=1.0)
    except (ConfigError, DataError) as error:
        if must_exist:
            raise
        reporter.warn(f"the page has no pictures: {error}")
        note = f"No pictures, and no figures of classes: {error}"
        write_report(run, Content(notes=[note], data=recorded_data(run)), path)
        return
    notes = [ABOUT[split]]
    if images.missing:
        gone = counted(len(images.missing), "image")
        notes.append(f"{gone} of the run are no longer in its data, and left out.")
    content = data_of(run, images.splits, reporter)
    content = with_answers(
        content, run, images.splits, split, reporter, options, place=spec
    )
    content = _with_heat(content, run, reporter)
    write_report(run, replace(content, notes=[*notes, *content.notes]), path)


def report_trained(
    run: Run, splits: Splits, reporter: Reporter, *, answered: bool
) -> None:
    """Leaves the page about a run, whose training has just ended, in the run.

    It takes a second or two. A page that cannot be written is a warning.

    Args:
        run: the run.
        splits: its images.
        reporter: told where the page is.
        answered: whether the answers to the validation images are kept. If not, the
            page says which command adds them.
    """
    try:
        quiet = SilentReporter()
        content = data_of(run, splits, quiet, PICTURE_SECONDS)
        classes = max(len(run.class_names), FEW_CLASSES)
        if answered and len(splits.validation) * classes <= MOST_MEASURED:
            about = replace(content, notes=[ABOUT[VALIDATION]])
            content = with_answers(
                about,
                run,
                splits,
                VALIDATION,
                quiet,
                ClassifierOptions(),
                PICTURE_SECONDS,
            )
        else:
            later = command("report", run.path)
            content = replace(content, notes=[f"Answers and their pictures: {later}"])
        write_report(run, content, run.report_path())
    except Interrupted:
        raise
    except (CnnxferError, OSError) as error:
        reporter.warn(f"there is no report: {error}")
    else:
        reporter.detail(f"report: {run.report_path()}")


def _with_heat(content: Content, run: Run, reporter: Reporter) -> Content:
    """Returns the content with heat maps of the answers that are worth explaining."""
    explained = [
        answer
        for gallery in content.galleries
        if gallery.kind in ("warning", "wrong")
        for answer in gallery.answers
    ]
    try:
        heat = draw_heat(run, explained, reporter)
    except CnnxferError as error:
        reporter.warn(f"the page has no heat maps: {error}")
        return content
    return replace(content, pictures=replace(content.pictures, heat=heat))


def data_of(
    run: Run, splits: Splits, reporter: Reporter, seconds: float = math.inf
) -> Content:
    """Returns what a page tells of a run's images.

    Pictures that are not drawn after so many seconds are left out, as below.
    """
    by_name = {name: getattr(splits, name) for name in SPLITS}
    data = summarize_data(run.class_names, by_name)
    return Content(data=data, samples=draw_samples(data, reporter, seconds))


def with_answers(
    content: Content,
    run: Run,
    splits: Splits,
    split: str,
    reporter: Reporter,
    options: ClassifierOptions,
    seconds: float = math.inf,
    place: str = "",
) -> Content:
    """Returns the content of a page with the answers to the images of a split.

    Pictures that are not drawn after so many seconds are left out. `place` is as in
    `answers_to_parts`.
    """
    examples = splits.test if split == TEST else splits.validation
    answered = answers_to(run, examples, reporter, options, place)
    part = measure_part(run, split, answered)
    galleries = galleries_of(part)
    shown = [answer for gallery in galleries for answer in gallery.answers]
    pictures = draw_answers(shown, run.class_names, reporter, seconds)
    return replace(content, part=part, galleries=galleries, pictures=pictures)
