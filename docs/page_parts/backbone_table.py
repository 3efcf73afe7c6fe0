"""The catalog of backbones as a table."""

from __future__ import annotations

from cnnxfer.backbones.catalog import BACKBONES
from page_parts.markdown import table


def backbones() -> str:
    """Returns a table with a row for each backbone."""
    header = ("name and paper", "pixels", "at least", "parameters", "top-1", "top-5")
    rows = (
        (
            f"[`{backbone.name}`]({backbone.paper})",
            str(backbone.image_size),
            str(backbone.min_size),
            f"{backbone.parameters / 1e6:.1f} M",
            _percent(backbone.top1),
            _percent(backbone.top5),
        )
        for backbone in BACKBONES
    )
    return table(header, rows)


def _percent(fraction: float | None) -> str:
    return "" if fraction is None else f"{fraction:.1%}"
