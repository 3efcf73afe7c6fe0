"""The page at `/`, for people with a browser, and what it has to know."""

from __future__ import annotations

from functools import cache
from typing import Any

from fastapi import APIRouter
from starlette.responses import HTMLResponse

from cnnxfer.data.images.drawing import colour_of
from cnnxfer.serving.backend import Backend
from cnnxfer.serving.explainer import explains
from cnnxfer.serving.served_model import ServedModel


def routes(backend: Backend, most_bytes: int) -> APIRouter:
    """Returns the routes.

    Args:
        backend: answers.
        most_bytes: of a body.
    """
    router = APIRouter(tags=["For people"])

    @router.get("/", include_in_schema=False)
    async def page() -> HTMLResponse:
        text, policy = _page()
        headers = {
            "Content-Security-Policy": policy,
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-cache",
        }
        return HTMLResponse(text, headers=headers)

    @router.get("/models")
    async def models() -> dict[str, Any]:
        """Tell which models answer, with what, and how large an image may be."""
        found = [_described(model) for model in backend.models.values()]
        return {"models": found, "most_bytes": most_bytes}

    return router


@cache
def _page() -> tuple[str, str]:
    """Returns the page, which names no model, and the policy that it is shown with.

    It may load nothing but its pictures, ask nobody but this server, and be shown in no
    other page.
    """
    from cnnxfer.pages.page import hashed, render  # slow to import

    style, style_hash = hashed("serve.css")
    script, script_hash = hashed("serve.js")
    text = "".join(
        render(
            "serve.html",
            generator="cnnxfer serve",
            title="What do your pictures show?",
            style=style,
            script=script,
        )
    )
    policy = (
        f"default-src 'none'; script-src {script_hash}; style-src {style_hash}; "
        "img-src blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
    return text, policy


def _described(model: ServedModel) -> dict[str, Any]:
    version = model.current
    return {
        "name": model.name,
        "version": str(version.number),
        "answers": version.kind,
        "explains": explains(version),
        "classes": [
            {"name": name, "colour": "#{:02x}{:02x}{:02x}".format(*colour_of(label))}
            for label, (_, name) in enumerate(version.source.classes)
        ],
    }
