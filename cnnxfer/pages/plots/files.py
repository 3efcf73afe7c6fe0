"""Plots as files of their own."""

from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from cnnxfer.pages.mark import page_mark
from cnnxfer.pages.page import write
from cnnxfer.pages.plots.curves import WIDTH, height_of

GENERATOR = "cnnxfer runs plot"
MARK = page_mark(GENERATOR)
SUFFIXES = ".html", ".svg"


def write_curves(path: Path, title: str, plots: Sequence[Markup], curves: int) -> None:
    """Writes plots of curves side by side, completely or not at all.

    Args:
        path: the file, a page or an SVG by its suffix.
        title: what the page or the picture is called.
        plots: what `plot_curves` returns.
        curves: the most curves of a plot.

    Raises:
        OSError: if the file cannot be written; the error names it.
    """
    write(
        path,
        f"curves{path.suffix.lower()}",
        generator=GENERATOR,
        title=title,
        plots=plots,
        width=WIDTH * len(plots),
        height=height_of(curves),
    )
