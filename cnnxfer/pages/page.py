"""Rendering of pages: files that load nothing, and run no script but their own."""

import hashlib
import json
from base64 import b64encode
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from cnnxfer.files import atomic_path
from cnnxfer.reporting import counted, printable


def render(template: str, **values: Any) -> Iterator[str]:
    """Yields a page piece by piece, while what the values iterate over is computed.

    All texts are shown literally, whatever characters they have.

    Args:
        template: name of a file in `templates/`.
        **values: what the template names.
    """
    return _environment().get_template(template).generate(**values)


def write(path: Path, template: str, **values: Any) -> None:
    """Writes a page, completely or not at all; see `render`.

    Raises:
        OSError: if the file cannot be written; the error names it.
    """
    page = render(template, **values)
    with (
        atomic_path(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="\n") as stream,
    ):
        stream.writelines(page)


def hashed(name: str) -> tuple[Markup, str]:
    """Returns a script or style among the templates, and what permits a page to use it.

    A page's policy names its script by its hash, so that nothing else runs, whatever
    texts the page has.
    """
    text = _environment().get_template(name).render()
    digest = b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return Markup(text), f"'sha256-{digest}'"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("cnnxfer.pages"),
        autoescape=True,
        finalize=_printable,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"counted": counted, "json": json.dumps}
    environment.globals["script"] = hashed
    return environment


def _printable(value: Any) -> Any:
    """Returns texts on one line, with unprintable characters as escapes."""
    plain = isinstance(value, str) and not isinstance(value, Markup)
    return printable(value) if plain else value
