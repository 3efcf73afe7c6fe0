"""Pages that are files of the repository: the README and its neighbours."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Files of the repository's root that are pages of the site.
PAGES = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "README.md": "index.md",
}
_LINK = re.compile(r"(?<=\]\()([^)#:]+)(?=[)#])")


def repository_file(name: str) -> str:
    """Returns a Markdown file of the repository's root, its links made to work here."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return _LINK.sub(lambda link: _link_from_docs(link[1]), text)


def _link_from_docs(target: str) -> str:
    """Returns a link that holds in the root as one that holds in docs/."""
    if target in PAGES:
        return PAGES[target]
    below_docs = target.startswith("docs/")
    return target.removeprefix("docs/") if below_docs else f"../{target}"
