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
    "SECURITY.md": "security.md",
}
_LINK = re.compile(r"\[([^\]]*)\]\(([^)#:]+)(#[^)]*)?\)")


def repository_file(name: str) -> str:
    """Returns a Markdown file of the repository's root, its links made to work here."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return _LINK.sub(_link_from_docs, text)


def _link_from_docs(link: re.Match[str]) -> str:
    """Returns a link that holds in the root as one that holds in docs/."""
    text, target, heading = link[1], link[2], link[3] or ""
    if (ROOT / target).is_dir():  # of which the site has no page
        return text
    place = PAGES.get(target, f"../{target}").removeprefix("../docs/")
    return f"[{text}]({place}{heading})"
