"""The page of `check --html`, which shows the findings with their images."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from cnnxfer.data.check.report import SEVERITIES, Report
from cnnxfer.data.dataset import SPLITS, Example
from cnnxfer.pages.mark import page_mark
from cnnxfer.pages.page import write
from cnnxfer.pages.thumbnails import thumbnail_urls
from cnnxfer.reporting import Reporter, counted

SHOWN_ITEMS = 48  # the most items of a finding; the JSON has all
SHOWN_IMAGES = 8  # the most images of an item
WIDTH, HEIGHT = 200, 150  # the most pixels of a thumbnail
GENERATOR = "cnnxfer check"
PAGE_MARK = page_mark(GENERATOR)


def write_page(
    report: Report, examples: Iterable[Example], path: Path, reporter: Reporter
) -> None:
    """Writes a page with each finding and thumbnails of its images.

    Args:
        report: the report of a check.
        examples: the images that were checked.
        path: the HTML file; it is written completely or not at all.
        reporter: shows the progress.

    Raises:
        OSError: if the file cannot be written; the error names it.
    """
    counts = [counted(len(report.of(name)), name) for name in SEVERITIES]
    sizes = [row.train + row.validation + row.test for row in report.classes]
    write(
        path,
        "check.html",
        generator=GENERATOR,
        title=f"check of {report.data}",
        counts=", ".join([report.size, *counts]),
        report=report,
        pictures=_pictures(report, examples, reporter),
        shown_items=SHOWN_ITEMS,
        shown_images=SHOWN_IMAGES,
        splits=SPLITS,
        largest=max(sizes, default=0),
    )


def _pictures(
    report: Report, examples: Iterable[Example], reporter: Reporter
) -> Mapping[str, str]:
    """Returns thumbnails of the images that are shown, as data URLs by id."""
    by_id = {example.id: example for example in examples}
    ids = [
        name
        for finding in report.findings
        for item in finding.items[:SHOWN_ITEMS]
        for name in item.ids[:SHOWN_IMAGES]
    ]
    wanted = [by_id[name] for name in dict.fromkeys(ids) if name in by_id]
    return thumbnail_urls(wanted, WIDTH, HEIGHT, reporter)
