"""The page of `check --html`, which shows the findings with their images."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from cnnxfer.data.check.report import SEVERITIES, Report
from cnnxfer.data.dataset import SPLITS, Example
from cnnxfer.data.images.source import ImageSource
from cnnxfer.data.parallel import parallel_map
from cnnxfer.files import atomic_path
from cnnxfer.pages.page import render
from cnnxfer.pages.thumbnails import ThumbnailReader, data_url
from cnnxfer.reporting import Reporter, counted

SHOWN_ITEMS = 48  # the most items of a finding; the JSON has all
SHOWN_IMAGES = 8  # the most images of an item
WIDTH, HEIGHT = 200, 150  # the most pixels of a thumbnail
GENERATOR = "cnnxfer check"
PAGE_MARK = f'name="generator" content="{GENERATOR}"'


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
    page = render(
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
    with (
        atomic_path(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="\n") as stream,
    ):
        stream.writelines(page)


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
    urls = {}
    with reporter.progress("drawing thumbnails", len(wanted), "images") as advance:
        thumbnails = parallel_map(_thumbnail, wanted)
        for example, url in zip(wanted, thumbnails, strict=True):
            urls[example.id] = url
            advance()
    return urls


def _thumbnail(example: Example) -> str:
    """Returns a thumbnail as a data URL; "" if the image cannot be read."""
    source = ImageSource(example.id, example.read)
    return data_url(ThumbnailReader(WIDTH, HEIGHT).read(source))
