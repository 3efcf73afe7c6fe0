"""Responses in JSON."""

from __future__ import annotations

import json
from typing import Any

from starlette.responses import JSONResponse


class JsonAnswer(JSONResponse):
    """A response in ASCII, which a client's half of a surrogate pair has a form in."""

    def render(self, content: Any) -> bytes:
        """Returns the text of a document."""
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode()
