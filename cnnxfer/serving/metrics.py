"""What Prometheus reads at `/metrics`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from cnnxfer.serving.admission import Admission
from cnnxfer.serving.served_model import ServedModel

BATCHES = (1, 2, 4, 8, 16, 32)
SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)


class Metrics:
    """Figures of a server, since it has started."""

    def __init__(self, admission: Admission) -> None:
        """Starts to count.

        Args:
            admission: knows what waits.
        """
        self._registry = CollectorRegistry()
        registered: dict[str, Any] = {"registry": self._registry}
        self._requests = Counter(
            "cnnxfer_requests", "Responses.", ["route", "status"], **registered
        )
        self._seconds = Histogram(
            "cnnxfer_request_seconds",
            "From the first byte of a request to the end of its response.",
            ["route"],
            buckets=SECONDS,
            **registered,
        )
        self._batches = Histogram(
            "cnnxfer_batch_images",
            "Images that the engine answered at once.",
            ["model"],
            buckets=BATCHES,
            **registered,
        )
        self._versions = Gauge(
            "cnnxfer_model_version",
            "The version that answers.",
            ["model"],
            **registered,
        )
        waiting = Gauge(
            "cnnxfer_waiting_images", "Images that wait for answers.", **registered
        )
        waiting.set_function(lambda: admission.waiting)
        held = Gauge("cnnxfer_held_bytes", "Of bodies of requests.", **registered)
        held.set_function(lambda: admission.bytes_held)

    def on_response(self, scope: Scope, status: int, seconds: float) -> None:
        """Counts a response; those to unknown paths have a route in common."""
        route = scope.get("route")
        path = getattr(route, "path", "other")
        self._requests.labels(path, status).inc()
        self._seconds.labels(path).observe(seconds)

    def batch_counter(self, model: str) -> Callable[[int], None]:
        """Returns what counts the images of each batch of a model."""
        batches: Callable[[float], None] = self._batches.labels(model).observe
        return batches

    def watch_version(self, model: ServedModel) -> None:
        """Has the version of a model told."""
        version = self._versions.labels(model.name)
        version.set_function(lambda: model.current.number)

    async def respond(self, request: Request) -> Response:
        """Answers a request for the figures."""
        return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)
