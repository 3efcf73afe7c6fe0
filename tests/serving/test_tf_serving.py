"""The REST interface of TensorFlow Serving, as its documentation has clients ask."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image
from served import BLUE, GREEN, RED, Served, b64, pixels_of

import cnnxfer

PREDICT = "/v1/models/colours:predict"


def test_rows_are_answered_in_rows(served: Served) -> None:
    rows = [{"b64": b64(RED)}, {"images": {"b64": b64(BLUE)}}]
    answer = served.client.post(PREDICT, json={"instances": rows})
    assert answer.status_code == 200
    red, blue = answer.json()["predictions"]
    assert red["label"] == "red"
    assert blue["classes"][0] == "blue"
    assert sum(blue["scores"]) == pytest.approx(1, abs=1e-6)
    assert blue["scores"] == sorted(blue["scores"], reverse=True)


@pytest.mark.parametrize("named", [False, True])
def test_columns_are_answered_in_columns(served: Served, named: bool) -> None:
    column = [{"b64": b64(RED)}, {"b64": b64(GREEN)}, {"b64": b64(BLUE)}]
    body = {"inputs": {"images": column} if named else column}
    outputs = served.client.post(PREDICT, json=body).json()["outputs"]
    assert outputs["label"] == ["red", "green", "blue"]
    assert np.shape(outputs["classes"]) == np.shape(outputs["scores"]) == (3, 3)


def test_pixels_are_answered_as_a_file_of_them(served: Served) -> None:
    rows = [{"b64": b64(RED)}, pixels_of(red=200).tolist()]
    rows.append((pixels_of(red=200) + 0.25).tolist())
    body = {"signature_name": "serving_default", "instances": rows}
    file, pixels, fractions = served.client.post(PREDICT, json=body).json()[
        "predictions"
    ]
    assert file == pixels == fractions


def test_answers_are_those_of_predict(served: Served, exports: list[str], tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (90, 70, 3), np.uint8)
    path = tmp_path / "noise.png"
    Image.fromarray(noise).save(path)
    (expected,) = cnnxfer.predict(path, model=exports[0], reporter=None)
    body = {"instances": [{"b64": b64(path.read_bytes())}]}
    (found,) = served.client.post(PREDICT, json=body).json()["predictions"]
    ranking = expected.as_json()["predictions"]
    assert found["classes"] == [each["label"] for each in ranking]
    assert found["scores"] == pytest.approx(
        [each["probability"] for each in ranking], abs=1e-5
    )


def test_objects_have_boxes(served: Served) -> None:
    body = {"inputs": [{"b64": b64(RED)}, {"b64": b64(GREEN)}]}
    answer = served.client.post("/v1/models/boxes:predict", json=body)
    outputs = answer.json()["outputs"]
    assert outputs["classes"] == [["red"], [""]]
    assert outputs["boxes"] == [[[0, 0, 30, 20]], [[0, 0, 0, 0]]]
    assert outputs["scores"][0][0] == pytest.approx(200 / 255, abs=1e-5)
    assert outputs["scores"][1] == [0]


@pytest.mark.parametrize("form", ["instances", "inputs"])
def test_masks_are_pictures(served: Served, form: str) -> None:
    body = {form: [{"b64": b64(GREEN)}]}
    answer = served.client.post("/v1/models/masks:predict", json=body).json()
    if form == "instances":
        encoded = answer["predictions"][0]["mask"]["b64"]
    else:
        encoded = answer["outputs"]["mask"][0]["b64"]
    with Image.open(io.BytesIO(base64.b64decode(encoded))) as mask:
        assert mask.size == (60, 40)
        assert set(np.asarray(mask).ravel()) == {1}


def test_models_and_versions_are_told(served: Served) -> None:
    get = served.client.get
    (state,) = get("/v1/models/masks").json()["model_version_status"]
    assert (state["version"], state["state"]) == ("1", "AVAILABLE")
    metadata = get("/v1/models/boxes/versions/1/metadata").json()
    assert metadata["model_spec"]["name"] == "boxes"
    signature = metadata["metadata"]["signature_def"]["signature_def"]
    outputs = signature["serving_default"]["outputs"]
    assert set(outputs) == {"label", "classes", "scores", "boxes"}
    assert outputs["boxes"]["dtype"] == "DT_FLOAT"
    body = {"instances": [{"b64": b64(RED)}]}
    for version, status in (("1", 200), ("7", 404)):
        path = f"/v1/models/colours/versions/{version}:predict"
        assert served.client.post(path, json=body).status_code == status
    answer = get("/v1/models/flowers")
    assert answer.status_code == 404
    assert answer.json()["error"] == (
        "there is no model 'flowers'. There is: colours, boxes, masks."
    )


HUGE = int("9" * 400)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{", "no JSON"),
        (b"[1]", "a JSON list; expected an object"),
        (b'{"instances": ' + b"[" * 100_000, "no JSON"),
        (b"\xff\xfe{}", "no JSON"),
        (b'{"instances": [' + b"9" * 5000 + b"]}", "no JSON"),
        ({}, 'expected one of "instances" and "inputs"'),
        ({"instances": [], "inputs": []}, "expected one of"),
        ({"instances": []}, "no image"),
        ({"instances": {"b64": ""}}, "expected a list of images"),
        ({"instances": [{"b64": "?"}]}, r"instances[0] is not base64"),
        ({"instances": [{"b64": 7}]}, r"instances[0] is not base64"),
        ({"instances": [{"b64": "\ud800"}]}, r"instances[0] is not base64"),
        ({"instances": [{"b64": "", "\ud800": 1}]}, "expected"),
        ({"instances": [{"b64": ""}]}, r"instances[0]: "),
        ({"instances": [None]}, "not an image of pixels"),
        ({"instances": ["abc"]}, "not an image of pixels"),
        ({"instances": [[[[1, 2], [3, 4]]]]}, "the shape is (1, 2, 2)"),
        ({"instances": [[[[1, 2, 3], [4, 5]]]]}, "not an image of pixels"),
        ({"instances": [[[[0, 0, 256]]]]}, "they are from 0 to 256"),
        ({"instances": [[[[0, 0, HUGE]]]]}, "not an image of pixels"),
        ({"instances": [[[[0, 0, {}]]]]}, "not an image of pixels"),
        (b'{"instances": [[[[0, 0, NaN]]]]}', "NaN"),
        ({"instances": [{"b64": ""}], "signature_name": [1]}, "no signature"),
        ({"instances": [{"b64": ""}], "signature_name": "x" * 9000}, "no signature"),
        ({"instances": [{"b64": b64(RED[:60])}]}, r"instances[0]: "),
    ],
)
def test_what_is_wrong_is_told(served: Served, body: object, reason: str) -> None:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = served.client.post(PREDICT, content=text)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert reason in error
    assert len(error) < 500


@pytest.mark.parametrize("depth", range(850, 1010, 7))
def test_deep_json_is_refused(served: Served, depth: int) -> None:
    deep = b"[" * depth + b"]" * depth
    for name in (b"instances", b"inputs", b"signature_name"):
        answer = served.client.post(PREDICT, content=b'{"%s": %s}' % (name, deep))
        assert answer.status_code == 400
