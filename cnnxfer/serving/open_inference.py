"""The Open Inference Protocol, version 2, with its binary tensors.

https://github.com/kserve/open-inference-protocol
https://github.com/triton-inference-server/server (docs, extension_binary_data)
"""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from cnnxfer.data.images.source import ImageSource
from cnnxfer.serving.admission import require_count
from cnnxfer.serving.backend import Backend
from cnnxfer.serving.bodies import parse_object
from cnnxfer.serving.documents import json_body
from cnnxfer.serving.images import base64_source, encoded_source, pixel_source
from cnnxfer.serving.refusals import Refusal, shown
from cnnxfer.serving.responses import JsonAnswer
from cnnxfer.serving.served_model import ServedModel
from cnnxfer.serving.tensors import INPUT, OUTPUTS, Output, columns
from cnnxfer.version import __version__

LENGTH = "inference-header-content-length"  # of the JSON before binary tensors
PIXELS = {"UINT8": np.uint8, "FP32": np.float32}
EXAMPLE = {
    "inputs": [
        {
            "name": INPUT,
            "shape": [1],
            "datatype": "BYTES",
            "data": ["<an image file in base64>"],
        }
    ]
}


def routes(backend: Backend) -> APIRouter:
    """Returns the routes of the server and of all models."""
    router = APIRouter(prefix="/v2", tags=["Open Inference Protocol"])

    @router.get("")
    async def server() -> dict[str, Any]:
        """Tell what this server is."""
        extensions = ["binary_tensor_data"]
        return {"name": "cnnxfer", "version": __version__, "extensions": extensions}

    @router.get("/health/live")
    async def live() -> dict[str, bool]:
        """Tell that the process answers."""
        return {"live": True}

    @router.get("/health/ready")
    async def ready() -> dict[str, bool]:
        """Tell that all models answer."""
        return {"ready": True}

    @router.get("/models/{name}/ready")
    @router.get("/models/{name}/versions/{version}/ready")
    async def model_ready(name: str, version: str | None = None) -> dict[str, Any]:
        """Tell that a model answers."""
        return {"name": backend.find(name, version).name, "ready": True}

    @router.get("/models/{name}")
    @router.get("/models/{name}/versions/{version}")
    async def metadata(name: str, version: str | None = None) -> dict[str, Any]:
        """Tell what a model takes and returns."""
        return _metadata(backend.find(name, version))

    @router.post("/models/{name}/infer", openapi_extra=json_body(EXAMPLE))
    @router.post(
        "/models/{name}/versions/{version}/infer", openapi_extra=json_body(EXAMPLE)
    )
    async def infer(
        request: Request, name: str, version: str | None = None
    ) -> Response:
        """Answer images: files as BYTES, or pixels as UINT8 or FP32."""
        model = backend.find(name, version)
        document, binary = _parts(await request.body(), request.headers.get(LENGTH))
        sources = _images(document, binary, backend.most_images)
        request_id = _id(document)
        answered, found = await backend.answer_all(model, sources, version)
        wanted = _wanted(document, OUTPUTS[answered.kind])
        head = {
            "model_name": model.name,
            "model_version": str(answered.number),
            **request_id,
        }
        return _response(head, wanted, columns(answered.kind, found))

    return router


def _parts(body: bytes, length: str | None) -> tuple[dict[str, Any], bytes]:
    """Returns the JSON of a request, and the binary tensors behind it."""
    if length is None:
        return parse_object(body), b""
    digits = len(str(len(body)))  # Python does not read numbers of any length
    if not length.isdecimal() or len(length) > digits or int(length) > len(body):
        raise Refusal(
            400, f"Inference-Header-Content-Length is {shown(length)}; expected the "
            f"length of the JSON, at most the {len(body)} bytes of the body.",
        )  # fmt: skip
    return parse_object(body[: int(length)]), body[int(length) :]


def _images(document: dict[str, Any], binary: bytes, most: int) -> list[ImageSource]:
    inputs = document.get("inputs")
    if not isinstance(inputs, list) or len(inputs) != 1:
        raise Refusal(400, f'expected "inputs" with one tensor, {INPUT}.')
    tensor = inputs[0]
    if not isinstance(tensor, dict) or tensor.get("name") != INPUT:
        raise Refusal(400, f"expected an input that is called {INPUT}.")
    datatype, shape = tensor.get("datatype"), _shape(tensor.get("shape"))
    size = _parameter(tensor, "binary_data_size")
    if size != len(binary) and (binary or size is not None):
        raise Refusal(
            400,
            f"{INPUT} has {len(binary)} bytes of binary data, and binary_data_size is "
            f"{shown(size)}.",
        )
    require_count(shape[0], most)  # before any image is made
    if datatype == "BYTES":
        if shape[1:] not in ([], [1]):
            raise Refusal(400, f"{INPUT} has files, and its shape is {shown(shape)}.")
        return _files(tensor, shape[0], binary if size is not None else None)
    if datatype in list(PIXELS):  # it may be of any type
        return _pixels(tensor, shape, binary if size is not None else None)
    raise Refusal(
        400,
        f"the datatype of {INPUT} is {shown(datatype)}; expected BYTES (files), or "
        f"{' or '.join(PIXELS)} (pixels).",
    )


def _files(
    tensor: dict[str, Any], number: int, binary: bytes | None
) -> list[ImageSource]:
    if binary is not None:
        return [
            encoded_source(f"{INPUT}[{place}]", content)
            for place, content in enumerate(_elements(binary, number))
        ]
    data = tensor.get("data")
    if not isinstance(data, list):
        raise Refusal(400, f"{INPUT} has no data: expected a list of base64 texts.")
    if len(data) != number:
        raise Refusal(
            400, f"{INPUT} has {len(data)} images, and its shape is [{number}]."
        )
    return [base64_source(f"{INPUT}[{place}]", text) for place, text in enumerate(data)]


def _elements(binary: bytes, number: int) -> Iterator[bytes]:
    """Yields the elements of a BYTES tensor, each behind its length in 4 bytes."""
    at = 0
    for _ in range(number):
        if at + 4 > len(binary):
            raise Refusal(400, f"the binary data of {INPUT} ends within a length.")
        (length,) = struct.unpack_from("<I", binary, at)
        at += 4
        if at + length > len(binary):
            raise Refusal(400, f"the binary data of {INPUT} ends within an image.")
        yield binary[at : at + length]
        at += length
    if at < len(binary):
        raise Refusal(
            400, f"{INPUT} has more than {number} images, and its shape is [{number}]."
        )


def _pixels(
    tensor: dict[str, Any], shape: list[int], binary: bytes | None
) -> list[ImageSource]:
    try:
        if binary is not None:
            values = np.frombuffer(binary, PIXELS[tensor["datatype"]])
        else:
            values = np.asarray(tensor.get("data"), np.float64).ravel()
        pixels = values.reshape(shape)
    except (TypeError, ValueError, OverflowError) as error:
        raise Refusal(
            400,
            f"the data of {INPUT} does not have the shape {shown(shape)}: expected so "
            "many numbers.",
        ) from error
    return [
        pixel_source(f"{INPUT}[{place}]", image) for place, image in enumerate(pixels)
    ]


def _shape(shape: Any) -> list[int]:
    if (
        isinstance(shape, list)
        and shape
        and all(type(size) is int and 0 <= size < 1 << 31 for size in shape)
    ):
        return shape
    raise Refusal(
        400, f"the shape of {INPUT} is {shown(shape)}; expected [images, ...]."
    )


def _parameter(holder: dict[str, Any], name: str) -> Any:
    parameters = holder.get("parameters")
    return parameters.get(name) if isinstance(parameters, dict) else None


def _id(document: dict[str, Any]) -> dict[str, str]:
    """Returns the id of a request, which its response has, too."""
    if "id" not in document:
        return {}
    if not isinstance(document["id"], str):
        raise Refusal(400, f"the id is {shown(document['id'])}; expected a text.")
    return {"id": document["id"]}


def _wanted(
    document: dict[str, Any], outputs: tuple[Output, ...]
) -> list[tuple[Output, bool]]:
    """Returns the outputs that a client wants, and which of them as binary data."""
    binary = bool(_parameter(document, "binary_data_output"))
    asked = document.get("outputs")
    if not asked:
        return [(output, binary) for output in outputs]
    known = {output.name: output for output in outputs}
    found = []
    for each in asked if isinstance(asked, list) else [asked]:
        name = each.get("name") if isinstance(each, dict) else each
        if name not in list(known):  # it may be of any type
            raise Refusal(
                400, f"there is no output {shown(name)}. There is: {', '.join(known)}."
            )
        own = _parameter(each, "binary_data")
        found.append((known[name], binary if own is None else bool(own)))
    return found


def _response(
    head: dict[str, Any],
    wanted: list[tuple[Output, bool]],
    found: dict[str, np.ndarray],
) -> Response:
    tensors, pieces = [], []
    for output, as_binary in wanted:
        values = found[output.name]
        tensor: dict[str, Any] = {
            "name": output.name,
            "datatype": output.datatype,
            "shape": list(values.shape),
        }
        if as_binary:
            pieces.append(_binary(values))
            tensor["parameters"] = {"binary_data_size": len(pieces[-1])}
        else:
            tensor["data"] = [_text(value) for value in values.ravel().tolist()]
        tensors.append(tensor)
    document = {**head, "outputs": tensors}
    if not pieces:
        return JsonAnswer(document)
    text = json.dumps(document).encode()
    return Response(
        b"".join([text, *pieces]),
        media_type="application/octet-stream",
        headers={LENGTH: str(len(text))},
    )


def _binary(values: np.ndarray) -> bytes:
    if values.dtype != np.object_:
        return values.astype("<f4").tobytes()
    elements = [
        value.encode() if isinstance(value, str) else value for value in values.ravel()
    ]
    return b"".join(struct.pack("<I", len(each)) + each for each in elements)


def _text(value: Any) -> Any:
    """Returns a value as JSON has it: bytes are base64 there."""
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def _metadata(model: ServedModel) -> dict[str, Any]:
    version = model.current
    names = [name for _, name in version.source.classes]
    return {
        "name": model.name,
        "versions": [str(version.number)],
        "platform": "cnnxfer",
        "inputs": [{"name": INPUT, "datatype": "BYTES", "shape": [-1]}],
        "outputs": [
            {
                "name": output.name,
                "datatype": output.datatype,
                "shape": [-1, *output.shape],
            }
            for output in OUTPUTS[version.kind]
        ],
        "parameters": {"task": version.source.task.name, "classes": names},
    }
