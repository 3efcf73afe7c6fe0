"""The parts of pages that are generated while the site is built.

A page asks for a part by a comment on a line of its own, `<!-- part: settings -->`.
What it gets is Markdown that is made from the code, from the results of benchmarks or
from files of the repository, so it can't drift away from them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sphinx.ext.autodoc import mock

from page_parts.api_reference import python_reference
from page_parts.backbone_table import backbones
from page_parts.command_reference import commands
from page_parts.drawings import with_drawings
from page_parts.repository_files import repository_file
from page_parts.result_tables import results
from page_parts.setting_reference import (
    augmentation_levels,
    python_options,
    recipes,
    settings,
    task_defaults,
)

if TYPE_CHECKING:
    from sphinx.application import Sphinx

# Packages that take seconds to import, and that docstrings do without.
HEAVY = ["keras", "openvino", "tensorflow", "tensorflow_datasets"]

__all__ = ["HEAVY", "PARTS", "setup", "with_parts"]

PARTS: dict[str, Callable[..., str]] = {
    "augmentation-levels": augmentation_levels,
    "backbones": backbones,
    "commands": commands,
    "file": repository_file,
    "python-options": python_options,
    "python-reference": python_reference,
    "recipes": recipes,
    "results": results,
    "settings": settings,
    "task-defaults": task_defaults,
}
_MARK = re.compile(r"^<!-- part: ([a-z-]+)(.*?) -->$", re.MULTILINE)


def with_parts(page: str) -> str:
    """Returns a page's Markdown with its generated parts and drawings filled in.

    Raises:
        KeyError: if the page asks for a part that does not exist.
    """
    filled = _MARK.sub(lambda mark: PARTS[mark[1]](*mark[2].split()), page)
    return with_drawings(filled)


def _fill_in(app: Sphinx, name: str, source: list[str]) -> None:
    with mock(HEAVY):  # for good in this process, so not in what tests call
        source[0] = with_parts(source[0])


def _whole_first_line(
    app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]
) -> None:
    """Undoes what Napoleon makes of a colon in a property's docstring: a type."""
    types = [line for line in lines if line.startswith(":type: ")]
    if what == "property" and types:
        lines.remove(types[0])
        lines[0] = f"{types[0].removeprefix(':type: ')}: {lines[0]}"


def setup(app: Sphinx) -> dict[str, Any]:
    """Makes this package an extension of Sphinx."""
    app.setup_extension("sphinx.ext.autodoc")  # whose event is connected to
    app.connect("source-read", _fill_in)
    app.connect("autodoc-process-docstring", _whole_first_line, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
