"""What people and curl use: `/predict` and `/explain`, with files or addresses."""

from __future__ import annotations

import base64
from functools import partial
from typing import Annotated, Any

import anyio.from_thread
import anyio.to_thread
from fastapi import APIRouter, Query
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response

from cnnxfer.data.annotation import LABEL_SEPARATOR
from cnnxfer.data.images.source import ImageSource, unreadable_source
from cnnxfer.errors import DataError
from cnnxfer.prediction.outputs.masks import encode_mask
from cnnxfer.prediction.prediction import Prediction
from cnnxfer.serving.admission import Held, require_count
from cnnxfer.serving.backend import Backend
from cnnxfer.serving.bodies import read_json
from cnnxfer.serving.documents import upload_body
from cnnxfer.serving.explainer import Explainer, explains
from cnnxfer.serving.guard import held_bytes
from cnnxfer.serving.images import encoded_source
from cnnxfer.serving.refusals import Refusal, shown
from cnnxfer.serving.responses import JsonAnswer
from cnnxfer.serving.served_model import Version
from cnnxfer.web import Limits, open_url

IDLE_SECONDS, TOTAL_SECONDS = 5.0, 15.0  # of a download
REQUEST_SECONDS = 30.0  # of all downloads of a request
DOWNLOADS = 16  # at a time, of all requests
UNREADABLE = 422
EXAMPLE = {"urls": ["https://example.org/flower.jpg"]}


def routes(backend: Backend, explainer: Explainer, most_bytes: int) -> APIRouter:
    """Returns the routes.

    Args:
        backend: answers.
        explainer: draws heat maps.
        most_bytes: of one image that an address leads to.
    """
    router = APIRouter(tags=["For people"])
    limits = Limits(most_bytes, IDLE_SECONDS, TOTAL_SECONDS, backend.allow_private)
    several = anyio.CapacityLimiter(DOWNLOADS)

    async def images(request: Request, most: int) -> list[ImageSource]:
        if _kind(request) == "application/json":
            return await _downloads(request, most, limits, several)
        return await _files(request, most)

    @router.post("/predict", openapi_extra=upload_body(EXAMPLE))
    async def predict(request: Request, model: str | None = None) -> JsonAnswer:
        """Answer images: files, one file as the body, or addresses in JSON.

        If some cannot be read, the status is 422, and the others have their answers.
        """
        asked = backend.find(model) if model else backend.first
        sources = await images(request, backend.most_images)
        require_count(len(sources), backend.most_images)
        version, found = await backend.answer(asked, sources)
        document = {
            "model": asked.name,
            "version": str(version.number),
            "predictions": [_record(prediction) for prediction in found],
        }
        broken = [each for each in found if each.error]
        if broken:
            document["error"] = "; ".join(f"{b.path}: {b.error}" for b in broken)
        return JsonAnswer(document, UNREADABLE if broken else 200)

    @router.post("/explain", openapi_extra=upload_body(EXAMPLE))
    async def explain(
        request: Request,
        model: str | None = None,
        label: Annotated[str | None, Query(alias="class")] = None,
    ) -> Response:
        """Draw into one image where the model sees a class: a PNG.

        Without a class, by its name or id, it is the most probable one.
        """
        asked = backend.find(model) if model else backend.first
        version = asked.current
        number = _number_of_class(asked.name, version, label)
        sources = await images(request, 1)
        require_count(len(sources), 1)
        try:
            image = sources[0].read()
        except DataError as error:
            raise Refusal(UNREADABLE, f"{sources[0].name}: {error}.") from error
        png = await explainer.explain(version, number, image)
        return Response(png, media_type="image/png")

    return router


def _number_of_class(model: str, version: Version, label: str | None) -> int | None:
    """Returns the position of a class that is to be explained; None for None.

    Raises:
        Refusal: if there is no such class, or nothing of the model is explained.
    """
    if not explains(version):
        raise Refusal(
            400,
            f"{model} cannot be explained: heat maps are of runs and backbones "
            "that answer with classes.",
        )
    if label is None:
        return None
    classes = version.source.classes
    found = [at for at, names in enumerate(classes) if label in names]
    if len(found) == 1:
        return found[0]
    if not found:
        raise Refusal(400, f"{model} has no class {shown(label)}.")
    ids = " or ".join(classes[at][0] for at in found)
    raise Refusal(400, f"{len(found)} classes are called {label!r}; send {ids}.")


def _kind(request: Request) -> str:
    kind = request.headers.get("content-type", "").partition(";")[0]
    return kind.strip().lower()


async def _files(request: Request, most: int) -> list[ImageSource]:
    if _kind(request) != "multipart/form-data":
        body = await request.body()
        return [encoded_source("image", body)] if body else []
    try:
        async with request.form(max_files=most, max_fields=most) as form:
            return [
                encoded_source(item.filename or "image", await item.read())
                for _, item in form.multi_items()
                if isinstance(item, UploadFile)
            ]
    except UnicodeError as error:
        raise Refusal(
            400, "the names of the files are not in the charset of the Content-Type."
        ) from error


async def _downloads(
    request: Request, most: int, limits: Limits, several: anyio.CapacityLimiter
) -> list[ImageSource]:
    """Returns the images at the addresses that a request names.

    One that cannot be fetched becomes an image that cannot be read.
    """
    body = await read_json(request)
    urls = body.get("urls", [body["url"]] if "url" in body else None)
    if not isinstance(urls, list) or not all(isinstance(url, str) for url in urls):
        raise Refusal(400, 'expected {"urls": ["https://...", ...]}.')
    require_count(len(urls), most)
    held = held_bytes(request.scope)
    late = f"it was not fetched within {REQUEST_SECONDS:g} s, with the others"
    found = [unreadable_source(url, late) for url in urls]

    async def download(place: int) -> None:
        fetch = partial(_fetch, urls[place], limits, held)
        found[place] = await anyio.to_thread.run_sync(fetch, limiter=several)

    try:
        # Where it is cancelled, its threads end with the piece that they wait for, so
        # that nothing is held once the request is answered.
        with anyio.move_on_after(REQUEST_SECONDS):
            async with anyio.create_task_group() as downloads:
                for place in range(len(urls)):
                    downloads.start_soon(download, place)
    except* Refusal as refusals:
        raise refusals.exceptions[0] from None
    return found


def _fetch(url: str, limits: Limits, held: Held) -> ImageSource:
    if not url.startswith(("http://", "https://")):
        return unreadable_source(url, "no address; expected https://...")
    content = bytearray()
    try:
        with open_url(url, limits) as (_, pieces):
            for piece in pieces:
                anyio.from_thread.check_cancelled()
                anyio.from_thread.run_sync(held.take, len(piece))
                content += piece
    except DataError as error:
        return unreadable_source(url, str(error))
    return encoded_source(url, bytes(content))


def _record(prediction: Prediction) -> dict[str, Any]:
    """Returns what `predict --json` prints of an image, its labels, and its mask."""
    record = prediction.as_json()
    if prediction.error is None:
        labels = list(prediction.labels)
        record["label"] = LABEL_SEPARATOR.join(labels) or prediction.label
        record["labels"] = labels
    if prediction.answer.mask is not None:
        record["mask"] = base64.b64encode(encode_mask(prediction.answer.mask)).decode()
    return record
