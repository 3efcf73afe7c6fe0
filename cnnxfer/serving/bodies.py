"""Bodies of requests, read within limits."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request

from cnnxfer.serving.refusals import Refusal


async def read_json(request: Request) -> dict[str, Any]:
    """Returns the JSON object in a request's body.

    Raises:
        Refusal: if it is none.
    """
    return parse_object(await request.body())


def parse_object(text: bytes) -> dict[str, Any]:
    """Returns a JSON object.

    Raises:
        Refusal: if the text is none.
    """
    try:
        found = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, f"the body is no JSON: {error}.") from error
    if not isinstance(found, dict):
        kind = type(found).__name__
        raise Refusal(400, f"the body is a JSON {kind}; expected an object.")
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")
