"""The page of `check --html`, which shows the findings with their images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from PIL import Image

from cnnxfer.data.check.report import SEVERITIES, Finding, Item, Report
from cnnxfer.data.dataset import Example
from cnnxfer.data.images import geometry
from cnnxfer.data.images.decode import open_image, to_rgb
from cnnxfer.data.parallel import parallel_map
from cnnxfer.errors import DataError
from cnnxfer.files import atomic_path
from cnnxfer.pages.html import (
    COLOUR_STYLE,
    CONTENT_SECURITY_POLICY,
    data_url,
    safe_text,
)
from cnnxfer.reporting import Reporter, counted

SHOWN_ITEMS = 48  # the most items of a finding; the JSON has all
SHOWN_IMAGES = 8  # the most images of an item
WIDTH, HEIGHT = 200, 150  # the most pixels of a thumbnail
PAGE_MARK = 'name="generator" content="cnnxfer check"'

STYLE = (
    COLOUR_STYLE
    + """\
  --error: light-dark(#b42318, #ff9d92); --warning: light-dark(#93620a, #f0c060);
  --note: light-dark(#2f6690, #8ec1e8); }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.5rem; max-width: 100rem; color: var(--ink);
  background: var(--paper); font: 14px/1.45 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0; } h1, h2, td, dd { overflow-wrap: anywhere; }
header p, dt, .more { color: var(--pale); margin: .2rem 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; }
td, th { text-align: left; padding: .2rem 1.2rem .2rem 0; vertical-align: top; }
td + td.number, th.number { text-align: right; }
section { border-left: .25rem solid var(--mark); padding: .1rem 0 .1rem 1rem;
  margin: 2rem 0; }
h2 { font-size: 1.1rem; margin: 0; } b { color: var(--mark); font-weight: 600; }
.error { --mark: var(--error); } .warning { --mark: var(--warning); }
.note { --mark: var(--note); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 .8rem;
  margin: .4rem 0 .8rem; } dt, dd { margin: 0; }
.items { display: flex; flex-wrap: wrap; gap: .8rem; }
.item { background: var(--tile); border-radius: .5rem; padding: .5rem;
  content-visibility: auto; contain-intrinsic-size: auto 12rem; break-inside: avoid; }
.copies { display: flex; flex-wrap: wrap; gap: .5rem; }
figure { margin: 0; width: 12.5rem; }
.picture { height: 9.4rem; display: grid; place-items: center; margin-bottom: .3rem; }
img { max-width: 100%; max-height: 9.4rem; border-radius: .25rem; }
figcaption, .remark { font-size: .75rem; overflow-wrap: anywhere; }
.remark { color: var(--pale); }
.copies + .remark { width: 0; min-width: 100%; }
@media print { :root { color-scheme: light; } section { break-inside: auto; } }
"""
)

HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta {mark}>
{nothing_else}
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<header><h1>{title}</h1><p>{counts}</p></header>
"""


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
    with (
        atomic_path(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="\n") as stream,
    ):
        stream.writelines(_page(report, urls))


def _page(report: Report, urls: dict[str, str]) -> Iterator[str]:
    counts = [counted(len(report.of(name)), name) for name in SEVERITIES]
    yield HEAD.format(
        title=safe_text(f"check of {report.data}"),
        style=STYLE,
        nothing_else=CONTENT_SECURITY_POLICY,
        counts=", ".join([report.size, *counts]),
        mark=PAGE_MARK,
    )
    yield "<main>\n"
    for finding in report.findings:
        yield from _section(finding, urls)
    yield f"</main>\n{_class_table(report)}</body>\n</html>\n"


def _section(finding: Finding, urls: dict[str, str]) -> Iterator[str]:
    yield (
        f'<section class="{finding.severity}" id="{finding.kind}">\n'
        f"<h2><b>{finding.severity}</b> {safe_text(finding.title)}: "
        f"{finding.count:,}</h2>\n"
        f"<dl><dt>cnnxfer</dt><dd>{safe_text(finding.done)}</dd>"
        f"<dt>you</dt><dd>{safe_text(finding.advice)}</dd></dl>\n"
        '<div class="items">\n'
    )
    for item in finding.items[:SHOWN_ITEMS]:
        yield _item(item, urls)
    yield "</div>\n"
    more = len(finding.items) - SHOWN_ITEMS
    if more > 0:
        yield f'<p class="more">and {more:,} more</p>\n'
    yield "</section>\n"


def _item(item: Item, urls: dict[str, str]) -> str:
    figures = "".join(_figure(name, urls) for name in item.ids[:SHOWN_IMAGES])
    more = len(item.ids) - SHOWN_IMAGES
    remarks = [*item.classes, item.note, f"and {more} more" if more > 0 else ""]
    remark = safe_text(", ".join(filter(None, remarks)))
    copies = f'<div class="copies">{figures}</div>' if figures else ""
    return f'<div class="item">{copies}<div class="remark">{remark}</div></div>\n'


def _figure(name: str, urls: dict[str, str]) -> str:
    picture = ""
    if url := urls.get(name):
        picture = f'<div class="picture"><img src="{url}" alt=""></div>'
    return f"<figure>{picture}<figcaption>{safe_text(name)}</figcaption></figure>"


def _class_table(report: Report) -> str:
    if not report.classes:
        return ""
    columns = ("train", "validation", "test")
    head = "".join(f'<th class="number">{name}</th>' for name in columns)
    rows = "".join(
        f"<tr><td>{safe_text(row.name)}</td>"
        + "".join(f'<td class="number">{getattr(row, name):,}</td>' for name in columns)
        + "</tr>\n"
        for row in report.classes
    )
    return f"<table>\n<tr><th>class</th>{head}</tr>\n{rows}</table>\n"


def _thumbnail(example: Example) -> str:
    """Returns a thumbnail as a data URL; "" if the image cannot be read."""
    try:
        opened = open_image(example.read())
        whole = (0, 0, opened.width, opened.height)
        picture = to_rgb(opened, geometry.reduction(whole, min(WIDTH, HEIGHT)))
    except DataError:
        return ""
    picture.thumbnail((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
    return data_url(picture)
