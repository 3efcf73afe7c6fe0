"""Small pieces of Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Returns a table; columns of figures are flush right."""
    body = list(rows)
    columns = zip(*body, strict=True)
    rule = ["---:" if all(map(_FIGURE.match, column)) else "---" for column in columns]
    lines = [header, rule, *body]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines) + "\n"


def code(text: str, language: str = "text") -> str:
    """Returns a block of code."""
    return f"```{language}\n{text.rstrip()}\n```\n"


def directive(name: str, argument: str, body: str = "") -> str:
    """Returns a directive of MyST."""
    return f":::{{{name}}} {argument}\n{body}\n:::\n"


def sentence(text: str) -> str:
    """Returns a text that ends with a full stop; see `with_options`."""
    return with_options(" ".join(text.split()).removesuffix(".") + ".")


def with_options(text: str) -> str:
    """Returns a text with options set as code; elsewhere, two hyphens are a dash."""
    pieces = text.split("`")  # every other one is code already
    pieces[::2] = [_OPTION.sub(r"`\1`", piece) for piece in pieces[::2]]
    return "`".join(pieces)


_FIGURE = re.compile(r"^[+-]?\d[\d.,]*( ?(%|s|MB|M|GB))?$|^-?$")
_OPTION = re.compile(r"(?<![\w-])(--[a-z][a-z-]+)")


def _cell(text: str) -> str:
    return text.replace("|", r"\|")
