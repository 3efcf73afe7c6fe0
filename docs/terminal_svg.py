"""Draws a terminal with what commands print, as an SVG that needs no fonts.

    python docs/terminal_svg.py docs/_static/terminal.svg \
        "cnnxfer evaluate" "cnnxfer predict images/ --top 3"

The commands run for real, one after the other, in the current directory.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html import escape
from pathlib import Path

from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from rich.terminal_theme import DIMMED_MONOKAI as THEME
from rich.text import Text

COLUMNS = 72
CELL, LINE, MARGIN, BAR = 8.4, 19, 16, 34  # in pixels; the bar is the window's
FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
PAPER, INK = THEME.background_color.hex, THEME.foreground_color.hex


def main(target: Path, commands: list[str]) -> None:
    """Runs the commands and draws them with what they print."""
    screen = Text("\n\n").join(map(_shown, commands))
    console = Console(width=COLUMNS, color_system="truecolor")
    lines = console.render_lines(screen, pad=False)
    target.write_text(_svg(lines, ", then ".join(commands)), encoding="utf-8")


def _shown(command: str) -> Text:
    """Returns what a terminal shows of a command, colours included."""
    done = subprocess.run(
        command,
        shell=True,
        env=os.environ | {"FORCE_COLOR": "1", "COLUMNS": str(COLUMNS)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if done.returncode not in (0, 3):  # 3 says that an image could not be read
        sys.exit(done.stdout.decode())
    # A bar draws its line over and over, and goes; what follows takes its place.
    printed = re.sub(r"\x1b\[\?25l.*?\x1b\[\?25h", "", done.stdout.decode(), flags=re.S)
    printed = re.sub(r"\r?\x1b\[1A\x1b\[2K", "", printed)
    prompt = Text.assemble(("$ ", "bold green"), (command, "bold"), "\n")
    return prompt + Text.from_ansi(printed.rstrip())


def _svg(lines: list[list[Segment]], description: str) -> str:
    width = round(COLUMNS * CELL + 2 * MARGIN)
    height = BAR + len(lines) * LINE + MARGIN
    dots = "".join(
        f'<circle cx="{MARGIN + 6 + 18 * place}" cy="17" r="5.5" fill="{colour}"/>'
        for place, colour in enumerate(("#ff5f57", "#febc2e", "#28c840"))
    )
    texts = (
        piece
        for number, line in enumerate(lines)
        for piece in _line(line, BAR + number * LINE + 14)
    )
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'role="img" font-family="{FONTS}" font-size="14" fill="{INK}">',
            f"<title>{escape(description)}</title>",
            f'<rect width="{width}" height="{height}" rx="8" fill="{PAPER}"/>',
            dots,
            *texts,
            "</svg>\n",
        ]
    )


def _line(segments: list[Segment], y: float) -> Iterator[str]:
    """Yields each piece of a line at its column, whatever the font's own width."""
    column = 0
    for segment in segments:
        for found in re.finditer(r"\S+(?: \S+)*", segment.text):
            length = found.end() - found.start()
            yield (
                f'<text x="{MARGIN + (column + found.start()) * CELL:.1f}" y="{y}" '
                f'textLength="{length * CELL:.1f}"{_attributes(segment.style)}>'
                f"{escape(found[0])}</text>"
            )
        column += len(segment.text)


def _attributes(style: Style | None) -> str:
    if style is None:
        return ""
    bold = ' font-weight="bold"' if style.bold else ""
    if style.color is None:
        return bold
    return f' fill="{style.color.get_truecolor(THEME).hex}"{bold}'


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), sys.argv[2:])
