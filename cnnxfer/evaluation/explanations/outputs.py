"""Explanations on their way into a folder of PNGs, or into one page."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from markupsafe import Markup
from PIL import Image

from cnnxfer.errors import ConfigError
from cnnxfer.evaluation.explanations.drawing import neighbour_panels, panels
from cnnxfer.evaluation.explanations.explanation import Explanation
from cnnxfer.files import atomic_path, is_empty_or_has_marker
from cnnxfer.pages.mark import page_mark
from cnnxfer.prediction.outputs.file import check_target
from cnnxfer.prediction.outputs.folder import (
    FileAdder,
    bare_name,
    check_folder,
    created_folder,
    safe_name,
)
from cnnxfer.prediction.outputs.panels import Panel, in_rows
from cnnxfer.spelling import option

PAGE = ".html"
GENERATOR = "cnnxfer explain"
SIDE, NEIGHBOUR_SIDE = 480, 160  # of pictures in PNGs, at most, in pixels
PAGE_SIDE, PAGE_NEIGHBOUR_SIDE = 320, 120  # of pictures in pages
Flow = Iterator[Explanation]


def check_place(out: Path, inputs: Sequence[str]) -> None:
    """Checks, before any work, that explanations can be written, and harm nothing.

    Raises:
        ConfigError: if not.
    """
    name = option("--out")
    if out.suffix.lower() != PAGE:
        check_folder(name, out, inputs)
        return
    check_target(name, out, inputs)
    mark = page_mark(GENERATOR).encode()
    if out.exists() and not is_empty_or_has_marker(out, mark):
        raise ConfigError(
            f"{name} {out} already exists and was not written by {GENERATOR}. Name "
            "another file, or remove it first."
        )


def write(explanations: Iterable[Explanation], out: Path, title: str) -> Flow:
    """Writes explanations and yields them again, each when it has been written.

    Args:
        explanations: those of pictures that could not be read are not written.
        out: a folder, in which each picture gets a PNG of its own, and no file is
            overwritten; or an HTML file, which is written completely or not at all.
        title: the title of the page.
    """
    if out.suffix.lower() == PAGE:
        yield from _write_page(explanations, out, title)
    else:
        yield from _write_pictures(explanations, out)


def _write_pictures(explanations: Iterable[Explanation], folder: Path) -> Flow:
    files = FileAdder()
    with created_folder(option("--out"), folder):
        for explanation in explanations:
            if explanation.classes:
                content = io.BytesIO()
                _picture(explanation).save(content, "PNG")
                files.add(folder / _file_name(explanation), content.getvalue())
            yield explanation


def _write_page(explanations: Iterable[Explanation], path: Path, title: str) -> Flow:
    from cnnxfer.pages.page import render  # slow to import

    written: deque[Explanation] = deque()
    page = render(
        "explanations.html",
        generator=GENERATOR,
        title=title,
        items=_items(explanations, written),
    )
    with (
        atomic_path(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="\n") as stream,
    ):
        for text in page:
            stream.write(text)
            while written:
                yield written.popleft()


def _items(
    explanations: Iterable[Explanation], seen: deque[Explanation]
) -> Iterator[tuple[Explanation, list[list[tuple[Markup, str]]]]]:
    """Yields explanations with the addresses of their pictures and the captions."""
    from cnnxfer.pages.thumbnails import data_url

    for explanation in explanations:
        seen.append(explanation)
        rows = _rows(explanation, PAGE_SIDE, PAGE_NEIGHBOUR_SIDE)
        urls = [[(data_url(picture), text) for picture, text in row] for row in rows]
        yield explanation, urls


def _picture(explanation: Explanation) -> Image.Image:
    return in_rows(_rows(explanation, SIDE, NEIGHBOUR_SIDE))


def _rows(explanation: Explanation, side: int, small: int) -> list[list[Panel]]:
    if not explanation.classes:
        return []
    first = list(panels(explanation, side))
    return [first, *filter(None, [list(neighbour_panels(explanation, small))])]


def _file_name(explanation: Explanation) -> str:
    prediction = explanation.prediction
    frame = "" if prediction.frame is None else f"-{prediction.frame}"
    stem = Path(bare_name(prediction.path)).stem
    return safe_name(f"{stem}{frame}-explained") + ".png"
