"""Writes the page about a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from markupsafe import Markup

from cnnxfer.data.dataset import SPLITS
from cnnxfer.evaluation.histories import plot_history
from cnnxfer.evaluation.report.data_summary import ClassOfData
from cnnxfer.evaluation.report.facts import (
    commands_of,
    origin_of,
    results_of,
    sentence_of,
    split_sizes,
)
from cnnxfer.evaluation.report.galleries import Gallery, Pictures
from cnnxfer.evaluation.report.measured import MeasuredPart
from cnnxfer.evaluation.report.measured_plots import plot_matrix, plots_of
from cnnxfer.pages.mark import page_mark
from cnnxfer.pages.page import write
from cnnxfer.runs import Run
from cnnxfer.runs.summary import phase_rows
from cnnxfer.tasks.class_table import number_of, text_of

GENERATOR = "cnnxfer report"
PAGE_MARK = page_mark(GENERATOR)


@dataclass(frozen=True)
class Content:
    """What a report shows besides what the run's own files tell.

    Attributes:
        notes: sentences on what the page shows, and what it lacks and why.
        part: the measured answers; None if none were asked for.
        galleries: images with their answers.
        pictures: their pictures.
        data: the classes of the run; empty if they cannot be told.
        samples: pictures of samples of the classes, as data URLs by their ids.
    """

    notes: Sequence[str] = ()
    part: MeasuredPart | None = None
    galleries: Sequence[Gallery] = ()
    pictures: Pictures = field(default_factory=Pictures)
    data: Sequence[ClassOfData] = ()
    samples: Mapping[str, Markup] = field(default_factory=dict)


def write_report(run: Run, content: Content, path: Path) -> None:
    """Writes the page about a run, completely or not at all.

    Args:
        run: the run.
        content: what its images and its model have told.
        path: the HTML file.

    Raises:
        OSError: if the file cannot be written; the error names it.
        RunError: if a file of the run is missing or damaged.
    """
    part = content.part
    table = part.figures.table.weakest_first if part else None
    matrix, matrix_note = plot_matrix(part) if part else ("", "")
    sizes = [row.train + row.validation + row.test for row in content.data]
    write(
        path,
        "report.html",
        generator=GENERATOR,
        title=run.name,
        sentence=sentence_of(run),
        results=results_of(run),
        fine_tuned=bool(run.receipt.get("parent")),
        notes=content.notes,
        lines=part.figures.lines(None) if part else (),
        histories=plot_history(run),
        phases=phase_rows(run),
        part=part.split if part else "",
        classes=table,
        intervals=table.has_intervals if table else False,
        number_of=number_of,
        text_of=text_of,
        matrix=matrix,
        matrix_note=matrix_note,
        plots=plots_of(part) if part else (),
        galleries=content.galleries,
        quality_name=part.decision.quality_name if part else "",
        pictures=content.pictures,
        data=content.data,
        samples=content.samples,
        splits=SPLITS,
        sizes=split_sizes(run),
        largest=max(sizes, default=1),
        commands=commands_of(run),
        settings=run.config.to_toml().splitlines(),
        origin=list(origin_of(run)),
    )
