"""How results look in a notebook: tables in its own colours, light or dark."""

from collections.abc import Iterable, Sequence
from html import escape

from cnnxfer.reporting import printable

MAX_ROWS = 50


def table(
    title: str, rows: Sequence[Sequence[object]], *notes: str, picture: str = ""
) -> str:
    """Returns HTML that shows a title, a picture and a table; all text is escaped.

    Args:
        title: what the table shows.
        rows: the names of the columns, and the rows, of which the first `MAX_ROWS` are
            shown. None is an empty cell.
        *notes: sentences to show below the title.
        picture: a data URL; "" for no picture.
    """
    left_out = max(0, len(rows) - 1 - MAX_ROWS)
    if left_out:
        notes = (*notes, f"{left_out:,} more rows are not shown.")
    about = "<br>".join([f"<b>{_safe(title)}</b>", *map(_safe, notes)])
    image = f'<img src="{escape(picture)}">' if picture else ""
    lines = [_line("td" if number else "th", row) for number, row in enumerate(rows)]
    shown = "".join(lines[: MAX_ROWS + 1])
    return f"<div><p>{about}</p>{image}<table>{shown}</table></div>"


def _line(element: str, cells: Iterable[object]) -> str:
    texts = ("" if cell is None else _safe(str(cell)) for cell in cells)
    return f"<tr>{''.join(f'<{element}>{text}</{element}>' for text in texts)}</tr>"


def _safe(text: str) -> str:
    return escape(printable(text))
