"""What pages share: colours for light and dark, safe text, and pictures inside."""

from __future__ import annotations

import io
from base64 import b64encode
from html import escape

from PIL import Image

from cnnxfer.reporting import printable

QUALITY = 72  # of JPEGs; about 5 to 7 kB each at 240 pixels

# The beginning of a style; each page adds its own colours and closes the braces.
COLOURS = """
:root { color-scheme: light dark;
  --paper: light-dark(#fff, #17181b); --tile: light-dark(#f5f5f4, #222327);
  --ink: light-dark(#1c1917, #ececea); --pale: light-dark(#68625d, #a09d99);
"""

# A page may load nothing and run nothing, whatever the names in it hold.
NOTHING_ELSE = """<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">"""


def safe_text(text: str) -> str:
    """Returns text that a page shows as it is, whatever characters are in it."""
    return escape(printable(text))


def picture_address(picture: Image.Image) -> str:
    """Returns an address that holds a picture itself, as JPEG.

    Args:
        picture: of mode RGB.
    """
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=QUALITY, optimize=True)
    return f"data:image/jpeg;base64,{b64encode(content.getvalue()).decode('ascii')}"
