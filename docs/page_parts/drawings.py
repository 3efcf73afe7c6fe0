"""Drawings that follow the theme of the page."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parents[1]
_IMAGE = re.compile(r"^!\[([^\]]*)\]\((drawings/[\w-]+\.svg)\)$", re.MULTILINE)


def with_drawings(page: str) -> str:
    """Returns a page whose drawings are part of it, so that its colours reach them.

    In an `<img>`, a drawing knows the colours that the system prefers, but not those
    that a reader chose for the site.
    """
    return _IMAGE.sub(lambda image: _figure(image[2], image[1]), page)


def _figure(path: str, description: str) -> str:
    svg = (DOCS / path).read_text(encoding="utf-8")
    svg = re.sub(r"<style>.*?</style>", "", svg, flags=re.DOTALL)  # site.css has it
    # A blank line would end the HTML in Markdown.
    lines = [line for line in svg.splitlines() if line.strip()]
    return "\n".join(
        [f'<figure class="drawing" aria-label="{description}">', *lines, "</figure>"]
    )
