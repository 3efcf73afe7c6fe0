"""What all pages share: colours, escaped text, and pictures as data URLs."""

from __future__ import annotations

import io
from base64 import b64encode
from html import escape

from PIL import Image

from cnnxfer.reporting import printable

QUALITY = 72  # of JPEGs; about 5 to 7 kB each at 240 pixels

# The beginning of a style sheet; each page adds its own colours and closes the brace.
COLOUR_STYLE = """
:root { color-scheme: light dark;
  --paper: light-dark(#fff, #17181b); --tile: light-dark(#f5f5f4, #222327);
  --ink: light-dark(#1c1917, #ececea); --pale: light-dark(#68625d, #a09d99);
"""

# It keeps a page from loading or running anything, whatever names of files contain.
CONTENT_SECURITY_POLICY = """<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">"""


def safe_text(text: str) -> str:
    """Returns a text as HTML that shows it literally, whatever characters it has."""
    return escape(printable(text))


def data_url(picture: Image.Image) -> str:
    """Returns a data URL that contains a picture as JPEG.

    Args:
        picture: an image of mode RGB.
    """
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=QUALITY, optimize=True)
    return f"data:image/jpeg;base64,{b64encode(content.getvalue()).decode('ascii')}"
