"""How results look in a notebook: tables in its own colours, light or dark."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping
from html import escape

from cnnxfer.reporting import printable

MAX_ROWS = 50


def table(
    title: str,
    rows: Iterable[Mapping[str, object]],
    *,
    notes: Iterable[str] = (),
    picture: str = "",
) -> str:
    """Returns HTML that shows a title, a picture and a table; all text is escaped.

    Args:
        title: what the table shows.
        rows: the cells by column; all rows have the same columns. Of more than
            `MAX_ROWS`, the first are shown. None is an empty cell.
        notes: sentences to show below the title.
        picture: what `picture` returned, or "".
    """
    rows = list(rows)
    if len(rows) > MAX_ROWS:
        notes = [*notes, f"The first {MAX_ROWS} of {len(rows):,}:"]
    about = "<br>".join([f"<b>{_safe(title)}</b>", *map(_safe, notes)])
    lines = [_row("th", rows[0])] if rows else []
    lines += [_row("td", row.values()) for row in rows[:MAX_ROWS]]
    return f"<div><p>{about}</p>{picture}<table>{''.join(lines)}</table></div>"


def picture(content: bytes, kind: str, height: int | None = None) -> str:
    """Returns an image element that has its picture within itself.

    Args:
        content: the bytes of the picture file.
        kind: "png" or "jpeg".
        height: how high it is shown, in pixels; by default as it is.
    """
    size = f' height="{height}"' if height else ""
    data = b64encode(content).decode("ascii")
    return f'<img{size} src="data:image/{kind};base64,{data}">'


def _row(element: str, cells: Iterable[object]) -> str:
    texts = ("" if cell is None else _safe(str(cell)) for cell in cells)
    inside = "".join(f"<{element}>{text}</{element}>" for text in texts)
    return f"<tr>{inside}</tr>"


def _safe(text: str) -> str:
    return escape(printable(text))
