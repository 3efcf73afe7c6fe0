"""What the page of the API says of bodies, which routes read by themselves."""

from __future__ import annotations

from typing import Any


def json_body(example: dict[str, Any]) -> dict[str, Any]:
    """Returns the entry of OpenAPI for a body of JSON."""
    schema = {"schema": {"type": "object"}, "example": example}
    return _body({"application/json": schema})


def upload_body(example: dict[str, Any]) -> dict[str, Any]:
    """Returns the entry of OpenAPI for files, one file as it is, or JSON."""
    file = {"type": "string", "format": "binary"}
    files = {"type": "array", "items": file}
    return _body(
        {
            "multipart/form-data": {
                "schema": {"type": "object", "properties": {"files": files}}
            },
            "application/json": {"schema": {"type": "object"}, "example": example},
            "image/*": {"schema": file},
        }
    )


def _body(content: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": content}}
