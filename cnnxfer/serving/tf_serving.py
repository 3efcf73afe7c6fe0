"""The REST interface of TensorFlow Serving.

https://www.tensorflow.org/tfx/serving/api_rest
"""

from __future__ import annotations

import base64
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request

from cnnxfer.data.images.source import ImageSource
from cnnxfer.serving.admission import require_count
from cnnxfer.serving.backend import Backend
from cnnxfer.serving.bodies import read_json
from cnnxfer.serving.documents import json_body
from cnnxfer.serving.images import base64_source, pixel_source
from cnnxfer.serving.refusals import Refusal, shown
from cnnxfer.serving.responses import JsonAnswer
from cnnxfer.serving.served_model import ServedModel
from cnnxfer.serving.tensors import INPUT, OUTPUTS, columns, values

SIGNATURE = "serving_default"
TYPES = {"BYTES": "DT_STRING", "FP32": "DT_FLOAT"}
EXAMPLE = {"instances": [{"b64": "<an image file in base64>"}]}


def routes(backend: Backend) -> APIRouter:
    """Returns the routes of all models."""
    router = APIRouter(prefix="/v1/models", tags=["TensorFlow Serving"])

    @router.post("/{name}:predict", openapi_extra=json_body(EXAMPLE))
    @router.post("/{name}/versions/{version}:predict", openapi_extra=json_body(EXAMPLE))
    async def predict(
        request: Request, name: str, version: str | None = None
    ) -> JsonAnswer:
        """Answer images, in rows (`instances`) or in columns (`inputs`)."""
        model = backend.find(name, version)
        rows, by_rows = _images(await read_json(request), backend.most_images)
        _, found = await backend.answer_all(model, rows, version)
        if by_rows:
            return JsonAnswer({"predictions": [_encoded(values(p)) for p in found]})
        outputs = columns(found[0].answer.kind, found)
        cells = {name: _encoded(each.tolist()) for name, each in outputs.items()}
        return JsonAnswer({"outputs": cells})

    @router.get("/{name}/metadata")
    @router.get("/{name}/versions/{version}/metadata")
    async def metadata(name: str, version: str | None = None) -> dict[str, Any]:
        """Tell what a model takes and returns."""
        return _metadata(backend.find(name, version))

    @router.get("/{name}")
    @router.get("/{name}/versions/{version}")
    async def status(name: str, version: str | None = None) -> dict[str, Any]:
        """Tell which version of a model answers."""
        number = str(backend.find(name, version).current.number)
        fine = {"error_code": "OK", "error_message": ""}
        state = {"version": number, "state": "AVAILABLE", "status": fine}
        return {"model_version_status": [state]}

    return router


def _images(body: dict[str, Any], most: int) -> tuple[list[ImageSource], bool]:
    """Returns the images of a request, and whether they came in rows."""
    signature = body.get("signature_name", SIGNATURE)
    if signature not in (SIGNATURE, ""):
        raise Refusal(
            400, f"there is no signature {shown(signature)}; there is: {SIGNATURE}."
        )
    forms = [form for form in ("instances", "inputs") if form in body]
    if len(forms) != 1:
        raise Refusal(400, 'expected one of "instances" and "inputs".')
    rows = body[forms[0]]
    if forms == ["inputs"] and isinstance(rows, dict) and INPUT in rows:
        rows = rows[INPUT]
    if not isinstance(rows, list):
        kind = type(rows).__name__
        raise Refusal(400, f"{forms[0]} is a JSON {kind}; expected a list of images.")
    require_count(len(rows), most)  # before any image is made
    images = [_image(f"{forms[0]}[{place}]", row) for place, row in enumerate(rows)]
    return images, forms == ["instances"]


def _image(name: str, row: Any) -> ImageSource:
    if isinstance(row, dict) and set(row) == {INPUT}:
        row = row[INPUT]
    if isinstance(row, dict):
        if set(row) != {"b64"}:
            raise Refusal(
                400,
                f'{name} has {shown(sorted(row))}; expected {{"b64": "..."}}, or '
                "pixels.",
            )
        return base64_source(name, row["b64"])
    return pixel_source(name, row)


def _encoded(value: Any) -> Any:
    """Returns a value as JSON has it: bytes are base64 there."""
    if isinstance(value, bytes):
        return {"b64": base64.b64encode(value).decode()}
    if isinstance(value, dict):
        return {name: _encoded(each) for name, each in value.items()}
    if isinstance(value, list) and value and isinstance(value[0], bytes):
        return [_encoded(each) for each in value]
    return value


def _metadata(model: ServedModel) -> dict[str, Any]:
    source = model.current.source

    def tensor(name: str, datatype: str, shape: tuple[int, ...]) -> dict[str, Any]:
        sizes = [{"size": str(size), "name": ""} for size in (-1, *shape)]
        return {
            "dtype": TYPES[datatype],
            "tensor_shape": {"dim": sizes, "unknown_rank": False},
            "name": name,
        }

    signature = {
        "inputs": {INPUT: tensor(INPUT, "BYTES", ())},
        "outputs": {
            output.name: tensor(output.name, output.datatype, output.shape)
            for output in OUTPUTS[model.current.kind]
        },
        "method_name": "tensorflow/serving/predict",
    }
    return {
        "model_spec": {
            "name": model.name,
            "signature_name": "",
            "version": str(model.current.number),
        },
        "metadata": {
            "signature_def": {"signature_def": {SIGNATURE: signature}},
            "classes": [name for _, name in source.classes],
            "task": source.task.name,
        },
    }
