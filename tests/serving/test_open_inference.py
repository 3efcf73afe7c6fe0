"""The Open Inference Protocol, version 2, with its binary tensors."""

import base64
import io
import json
import struct
from typing import Any

import numpy as np
import pytest
from PIL import Image
from served import BLUE, GREEN, RED, Served, b64, pixels_of

INFER = "/v2/models/colours/infer"
LENGTH = "Inference-Header-Content-Length"
HUGE = int("9" * 400)


def tensor(*data: Any, **others: Any) -> dict[str, Any]:
    """Returns the input of a request: files in base64, unless told otherwise."""
    form = {"name": "images", "datatype": "BYTES", "shape": [len(data)]}
    return {**form, "data": list(data), **others}


def named(answer: dict[str, Any]) -> dict[str, Any]:
    """Returns the values of an answer's outputs, in their shapes."""
    return {
        each["name"]: np.reshape(each["data"], each["shape"]).tolist()
        for each in answer["outputs"]
    }


def with_binary(
    document: dict[str, Any], binary: bytes, length: object = None
) -> dict[str, Any]:
    """Returns what httpx sends for a request with binary tensors."""
    text = json.dumps(document).encode()
    headers = {LENGTH: str(len(text) if length is None else length)}
    return {"content": text + binary, "headers": headers}


def elements(*files: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(file)) + file for file in files)


def binary_input(size: int, **others: Any) -> dict[str, Any]:
    form = {"name": "images", "datatype": "BYTES", "shape": [1]}
    return {**form, "parameters": {"binary_data_size": size}, **others}


def test_the_server_and_its_models_are_told(served: Served) -> None:
    get = served.client.get
    assert get("/v2").json()["extensions"] == ["binary_tensor_data"]
    for path in ("health/live", "health/ready", "models/boxes/ready"):
        assert get(f"/v2/{path}").status_code == 200
    metadata = get("/v2/models/boxes/versions/1").json()
    assert metadata["versions"] == ["1"]
    shapes = {each["name"]: each["shape"] for each in metadata["outputs"]}
    assert shapes == {
        "label": [-1],
        "classes": [-1, -1],
        "scores": [-1, -1],
        "boxes": [-1, -1, 4],
    }
    for path in ("models/flowers", "models/flowers/ready", "models/boxes/versions/2"):
        assert get(f"/v2/{path}").status_code == 404


def test_files_are_answered_in_json(served: Served) -> None:
    body = {"id": "seven", "inputs": [tensor(b64(RED), b64(GREEN))]}
    answer = served.client.post(INFER, json=body).json()
    assert (answer["id"], answer["model_version"]) == ("seven", "1")
    outputs = named(answer)
    assert outputs["label"] == ["red", "green"]
    assert np.shape(outputs["classes"]) == np.shape(outputs["scores"]) == (2, 3)


def test_binary_tensors_are_answered_with_binary_tensors(served: Served) -> None:
    binary = elements(RED, BLUE)
    document = {
        "inputs": [binary_input(len(binary), shape=[2, 1])],
        "parameters": {"binary_data_output": True},
        "outputs": [
            {"name": "scores"},
            {"name": "label", "parameters": {"binary_data": False}},
            {"name": "classes"},
        ],
    }
    answer = served.client.post(INFER, **with_binary(document, binary))
    length = int(answer.headers[LENGTH])
    scores, label, classes = json.loads(answer.content[:length])["outputs"]
    assert label["data"] == ["red", "blue"]
    sizes = [each["parameters"]["binary_data_size"] for each in (scores, classes)]
    assert length + sum(sizes) == len(answer.content)
    values = np.frombuffer(answer.content[length:][: sizes[0]], "<f4")
    assert values.reshape(scores["shape"]).sum(axis=1) == pytest.approx([1, 1])
    assert answer.content[length + sizes[0] :].startswith(b"\3\0\0\0red")


@pytest.mark.parametrize("kind", ["UINT8", "FP32"])
@pytest.mark.parametrize("as_binary", [False, True])
def test_pixels_are_answered_as_a_file(
    served: Served, kind: str, as_binary: bool
) -> None:
    pixels = pixels_of(red=200)[None]
    form = {"name": "images", "datatype": kind, "shape": list(pixels.shape)}
    if as_binary:
        binary = pixels.astype({"UINT8": np.uint8, "FP32": "<f4"}[kind]).tobytes()
        form["parameters"] = {"binary_data_size": len(binary)}
        asked = with_binary({"inputs": [form]}, binary)
    else:
        asked = {"json": {"inputs": [{**form, "data": pixels.ravel().tolist()}]}}
    answer = served.client.post(INFER, **asked).json()
    file = served.client.post(INFER, json={"inputs": [tensor(b64(RED))]}).json()
    assert answer == file


def test_boxes_and_masks_are_outputs(served: Served) -> None:
    body = {"inputs": [tensor(b64(RED))], "outputs": [{"name": "boxes"}]}
    answer = served.client.post("/v2/models/boxes/infer", json=body).json()
    assert named(answer) == {"boxes": [[[0, 0, 30, 20]]]}
    body = {"inputs": [tensor(b64(GREEN))], "outputs": [{"name": "mask"}]}
    answer = served.client.post("/v2/models/masks/infer", json=body).json()
    (encoded,) = answer["outputs"][0]["data"]
    with Image.open(io.BytesIO(base64.b64decode(encoded))) as mask:
        assert set(np.asarray(mask).ravel()) == {1}


ONE = tensor(b64(RED))


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({}, 'expected "inputs" with one tensor'),
        ({"inputs": [ONE, ONE]}, 'expected "inputs" with one tensor'),
        ({"inputs": ["images"]}, "an input that is called images"),
        ({"inputs": [{**ONE, "name": "x"}]}, "an input that is called images"),
        ({"inputs": [{**ONE, "datatype": "INT64"}]}, "expected BYTES"),
        ({"inputs": [{**ONE, "datatype": ["BYTES"]}]}, "expected BYTES"),
        ({"inputs": [{**ONE, "datatype": {}}]}, "expected BYTES"),
        ({"inputs": [{**ONE, "shape": None}]}, "the shape of images is None"),
        ({"inputs": [{**ONE, "shape": [-1]}]}, "the shape of images is [-1]"),
        ({"inputs": [{**ONE, "shape": [True]}]}, "the shape of images is [True]"),
        ({"inputs": [{**ONE, "shape": ["1"] * 9999}]}, "the shape of images is"),
        ({"inputs": [{**ONE, "shape": [2]}]}, "1 images, and its shape is [2]"),
        ({"inputs": [{**ONE, "shape": [1, 3]}]}, "its shape is [1, 3]"),
        ({"inputs": [{**ONE, "shape": [0], "data": []}]}, "no image"),
        ({"inputs": [{**ONE, "data": None}]}, "expected a list of base64"),
        ({"inputs": [{**ONE, "data": [[b64(RED)]]}]}, "not base64"),
        ({"inputs": [{**ONE, "datatype": "UINT8"}]}, "does not have the shape"),
        ({"inputs": [ONE], "id": 7}, "the id is 7; expected a text"),
        ({"inputs": [ONE], "outputs": [{"name": "heat"}]}, "no output 'heat'"),
        ({"inputs": [ONE], "outputs": [["label"]]}, "no output ['label']"),
        ({"inputs": [ONE], "outputs": [{"name": {}}]}, "no output {}"),
        ({"inputs": [ONE], "outputs": 5}, "no output 5"),
        (
            {"inputs": [tensor(HUGE, datatype="FP32", shape=[1, 1, 1, 1])]},
            "does not have the shape",
        ),
        (
            {"inputs": [tensor("x" * 9999, datatype="FP32", shape=[1, 1, 1, 1])]},
            "does not have the shape",
        ),
        (
            {"inputs": [tensor(datatype="UINT8", shape=[9, 0, 0, 3])]},
            "not an image of pixels",
        ),
    ],
)
def test_what_is_wrong_is_told(
    served: Served, document: dict[str, Any], reason: str
) -> None:
    answer = served.client.post(INFER, content=json.dumps(document))
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert reason in error
    assert len(error) < 500


@pytest.mark.parametrize("text", ["NaN", "Infinity", '"\\ud800"'])
def test_an_id_that_json_lacks_is_no_failure(served: Served, text: str) -> None:
    body = json.dumps({"inputs": [ONE]})[:-1] + f', "id": {text}}}'
    answer = served.client.post(INFER, content=body)
    assert answer.status_code == (200 if "ud800" in text else 400)


FILE = elements(RED)
BINARY = {"inputs": [binary_input(len(FILE))]}


@pytest.mark.parametrize(
    ("document", "binary", "length", "reason"),
    [
        (BINARY, FILE, "-1", "Inference-Header-Content-Length"),
        (BINARY, FILE, "9" * 5000, "Inference-Header-Content-Length"),
        (BINARY, FILE, "\xb2", "Inference-Header-Content-Length"),
        (BINARY, FILE, 10**6, "Inference-Header-Content-Length"),
        (BINARY, FILE, 3, "no JSON"),
        (BINARY, FILE[:-1], None, "binary_data_size"),
        ({"inputs": [ONE]}, FILE, None, "binary_data_size"),
        ({"inputs": [binary_input(3)]}, FILE[:3], None, "ends within a length"),
        ({"inputs": [binary_input(9)]}, FILE[:9], None, "ends within an image"),
        ({"inputs": [binary_input(4)]}, b"\xff" * 4, None, "ends within an image"),
        ({"inputs": [binary_input(400)]}, bytes(400), None, "more than 1 images"),
        (
            {"inputs": [binary_input(5, datatype="FP32", shape=[1, 1, 1, 3])]},
            bytes(5),
            None,
            "does not have the shape",
        ),
        (
            {"inputs": [binary_input(3, datatype="UINT8", shape=[2**30] * 4)]},
            bytes(3),
            None,
            "limit",
        ),
    ],
)
def test_wrong_lengths_are_told(
    served: Served, document: dict[str, Any], binary: bytes, length: Any, reason: str
) -> None:
    asked = with_binary(document, binary, length)
    asked["headers"] = {
        name: value.encode("latin-1") for name, value in asked["headers"].items()
    }
    answer = served.client.post(INFER, **asked)
    assert 400 <= answer.status_code < 500
    error = answer.json()["error"]
    assert reason in error
    assert len(error) < 500


def test_a_million_images_cost_nothing(served: Served) -> None:
    form = binary_input(3_000_000, datatype="UINT8", shape=[1_000_000, 1, 1, 3])
    answer = served.client.post(
        INFER, **with_binary({"inputs": [form]}, bytes(3_000_000))
    )
    assert answer.status_code == 413
    assert answer.elapsed.total_seconds() < 2
    form = binary_input(3_000_000, shape=[750_000])
    answer = served.client.post(
        INFER, **with_binary({"inputs": [form]}, bytes(3_000_000))
    )
    assert answer.status_code == 413
