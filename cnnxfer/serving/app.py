"""The application: routes of both protocols, of people, and what is around them."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles
from swagger_ui_bundle import swagger_ui_path

from cnnxfer.serving import open_inference, page, people, tf_serving
from cnnxfer.serving.backend import Backend
from cnnxfer.serving.explainer import Explainer
from cnnxfer.serving.guard import refused
from cnnxfer.serving.metrics import Metrics
from cnnxfer.serving.refusals import Refusal
from cnnxfer.serving.responses import JsonAnswer
from cnnxfer.version import __version__


def make_app(
    backend: Backend, explainer: Explainer, metrics: Metrics, most_bytes: int
) -> FastAPI:
    """Returns the application.

    Args:
        backend: answers.
        explainer: draws heat maps.
        metrics: counts.
        most_bytes: of a body, or of one image that an address leads to.
    """
    app = FastAPI(title="cnnxfer", version=__version__, docs_url=None, redoc_url=None)
    app.include_router(page.routes(backend, most_bytes))
    app.include_router(people.routes(backend, explainer, most_bytes))
    app.include_router(tf_serving.routes(backend))
    app.include_router(open_inference.routes(backend))
    app.add_route("/metrics", metrics.respond)
    app.mount("/docs/files", StaticFiles(directory=swagger_ui_path))

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="/openapi.json",
            title="cnnxfer",
            swagger_js_url="/docs/files/swagger-ui-bundle.js",
            swagger_css_url="/docs/files/swagger-ui.css",
            swagger_favicon_url="/docs/files/favicon-32x32.png",
        )

    @app.exception_handler(Refusal)
    async def tell_refusal(request: Request, error: Refusal) -> JsonAnswer:
        return refused(error)

    @app.exception_handler(HTTPException)
    async def tell_other(request: Request, error: HTTPException) -> JsonAnswer:
        return JsonAnswer(
            {"error": error.detail}, error.status_code, headers=error.headers
        )

    @app.exception_handler(Exception)
    async def tell_failure(request: Request, error: Exception) -> JsonAnswer:
        return JsonAnswer({"error": "the server failed; its log says why."}, 500)

    return app
