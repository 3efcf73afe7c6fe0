"""How Sphinx builds the documentation: bash scripts/docs.sh."""

from __future__ import annotations

import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS), str(DOCS.parent)]  # page_parts, and these sources

from page_parts import HEAVY  # noqa: E402

from cnnxfer import __version__  # noqa: E402  (after the path)

project = "cnnxfer"
author = copyright = "The cnnxfer maintainers"  # as in CITATION.cff
version = release = __version__

extensions = [
    "myst_parser",
    "page_parts",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
]
exclude_patterns = ["_build"]
default_role = "code"  # docstrings have single backticks

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

add_module_names = False  # modules move; names that people import are spelt out
autodoc_member_order = "bysource"
autodoc_mock_imports = HEAVY  # nothing of them is needed to read a docstring
maximum_signature_line_length = 60
napoleon_use_ivar = True
python_use_unqualified_type_names = True
toc_object_entries = False

html_theme = "furo"
html_title = "cnnxfer"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
