"""`POST /predict` for people and curl, and what is told of models and figures."""

import base64
import io
import json
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from served import BLUE, GREEN, RED, Served, png, serving
from web_server import Server

import cnnxfer
from cnnxfer.serving import people


@pytest.fixture
def pictures(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """A server of a picture on the loopback interface."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr("web_server.CONTENT", RED)
    return server


@pytest.fixture(scope="module")
def private(exports: list[str]) -> Iterator[Served]:
    """A server that fetches pictures from private networks, too."""
    with serving(exports[0], allow_private=True) as served:
        yield served


def labels(document: dict[str, object]) -> list[str]:
    return [each["predictions"][0]["label"] for each in document["predictions"]]


def test_files_are_answered_as_predict_answers(
    served: Served, exports: list[str], tmp_path: Path
) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (50, 80, 3), np.uint8)
    path = tmp_path / "noise.png"
    Image.fromarray(noise).save(path)
    expected = [
        each.as_json()
        for each in cnnxfer.predict(path, model=exports[0], reporter=None)
    ]
    with path.open("rb") as stream:
        answer = served.client.post(
            "/predict", files=[("files", ("noise.png", stream)), ("x", ("b.png", BLUE))]
        )
    assert answer.status_code == 200
    document = answer.json()
    assert (document["model"], document["version"]) == ("colours", "1")
    noise_answer, blue = document["predictions"]
    assert noise_answer == {
        **expected[0],
        "path": "noise.png",
        "label": expected[0]["predictions"][0]["label"],
        "labels": ["red"],
    }
    assert blue["path"] == "b.png"


@pytest.mark.parametrize("kind", ["image/png", "", "text/plain"])
def test_a_file_may_be_the_body(served: Served, kind: str) -> None:
    headers = {"Content-Type": kind} if kind else {}
    answer = served.client.post("/predict", content=GREEN, headers=headers)
    assert labels(answer.json()) == ["green"]


def test_any_model_can_be_asked(served: Served) -> None:
    answer = served.client.post("/predict?model=boxes", content=RED).json()
    (found,) = answer["predictions"][0]["objects"]
    assert (found["label"], found["box"]) == ("red", [0, 0, 30, 20])
    answer = served.client.post("/predict?model=masks", content=BLUE).json()
    (found,) = answer["predictions"]
    assert found["classes"] == [{"label": "blue", "share": 1}]
    with Image.open(io.BytesIO(base64.b64decode(found["mask"]))) as mask:
        assert set(np.asarray(mask).ravel()) == {2}
    assert served.client.post("/predict?model=none", content=RED).status_code == 404


def broken_files() -> dict[str, bytes]:
    head = b"IHDR" + struct.pack(">II5B", 50_000, 50_000, 8, 2, 0, 0, 0)
    bomb = RED[:8] + struct.pack(">I", 13) + head
    bomb += struct.pack(">I", zlib.crc32(head)) + RED[33:]
    jpeg = io.BytesIO()
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(jpeg, "JPEG")
    return {
        "no picture": b"no picture at all",
        "half": RED[: len(RED) // 2],
        "half a JPEG": jpeg.getvalue()[:300],
        "bomb": bomb,
        "zip": b"PK\3\4" + bytes(100),
    }


@pytest.mark.parametrize("name", list(broken_files()))
def test_broken_pictures_are_told_and_others_answered(
    served: Served, name: str, tmp_path: Path
) -> None:
    content = broken_files()[name]
    files = [("files", ("good.png", GREEN)), ("files", ("bad.png", content))]
    answer = served.client.post("/predict", files=files)
    assert answer.status_code == 422
    good, bad = answer.json()["predictions"]
    assert good["predictions"][0]["label"] == "green"
    assert answer.json()["error"] == f"bad.png: {bad['error']}"
    for place in ("/tmp", str(tmp_path.parent), "site-packages", "Traceback"):
        assert place not in answer.text
    body = {"instances": [{"b64": base64.b64encode(content).decode()}]}
    row = served.client.post("/v1/models/colours:predict", json=body)
    assert row.status_code == 400
    assert row.json()["error"] == f"instances[0]: {bad['error']}."


def test_addresses_are_fetched(private: Served, pictures: Server) -> None:
    urls = [pictures.url("whole"), pictures.url("to//whole")]
    answer = private.client.post("/predict", json={"urls": urls})
    assert answer.status_code == 200
    assert labels(answer.json()) == ["red", "red"]
    urls = [pictures.url("status/404"), pictures.url("whole"), "ftp://localhost/a"]
    answer = private.client.post("/predict", json={"urls": urls})
    assert answer.status_code == 422
    missing, found, other = answer.json()["predictions"]
    assert missing["error"] == "HTTP 404 Not Found"
    assert found["predictions"][0]["label"] == "red"
    assert "expected https://" in other["error"]


def test_private_addresses_are_refused(served: Served, pictures: Server) -> None:
    urls = [pictures.url("whole"), "http://[::1]/a", "http://169.254.1.1/a"]
    answer = served.client.post("/predict", json={"urls": urls})
    assert answer.status_code == 422
    for each in answer.json()["predictions"]:
        assert "private address" in each["error"]
    assert pictures.requests == []


@pytest.mark.parametrize(
    "url",
    [
        "http://",
        "http://[",
        "http://\ud800/",
        "http://a:b:c/",
        "http://a b/",
        "x" * 999,
    ],
)
def test_odd_addresses_are_told(served: Served, url: str) -> None:
    text = json.dumps({"url": url})
    headers = {"Content-Type": "application/json"}
    answer = served.client.post("/predict", content=text, headers=headers)
    assert answer.status_code == 422


def test_downloads_that_are_refused_hold_nothing(
    exports: list[str], pictures: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What arrives after the refusal was counted for ever, until nothing fitted."""
    monkeypatch.setattr("web_server.CONTENT", RED + bytes(600_000))
    with serving(exports[0], allow_private=True, most_megabytes=1) as served:
        urls = [pictures.url("whole")] * 30
        answer = served.client.post("/predict", json={"urls": urls}, timeout=30)
        assert answer.status_code == 429
        deadline = time.monotonic() + 3
        while served.metric("cnnxfer_held_bytes"):
            assert time.monotonic() < deadline
        assert served.client.post("/predict", content=RED).status_code == 200


def test_all_downloads_of_a_request_have_a_deadline(
    private: Served, pictures: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people, "REQUEST_SECONDS", 0.0)
    urls = [pictures.url("whole")] * 2
    answer = private.client.post("/predict", json={"urls": urls})
    assert answer.status_code == 422
    for each in answer.json()["predictions"]:
        assert "not fetched within 0 s" in each["error"]


@pytest.mark.parametrize(
    ("kind", "content", "status"),
    [
        ("application/json", b"{}", 400),
        ("application/json", b'{"urls": []}', 400),
        ("application/json", b'{"urls": 5}', 400),
        ("application/json", b'{"url": 5}', 400),
        ("application/json", b'{"urls": ["http://[::1]/"' + b', ""' * 99 + b"]}", 413),
        ("image/png", b"", 400),
        ("multipart/form-data", b"x", 400),
        ("multipart/form-data; boundary=b", b"x", 400),
        ("multipart/form-data; boundary=b", b"--b\r\n\r\nx\r\n--b--", 400),
        ("multipart/form-data; boundary=b", b"--b--\r\n", 400),
    ],
)
def test_requests_without_pictures_are_refused(
    served: Served, kind: str, content: bytes, status: int
) -> None:
    answer = served.client.post(
        "/predict", content=content, headers={"Content-Type": kind}
    )
    assert answer.status_code == status
    assert answer.json()["error"]


@pytest.mark.parametrize(
    "charset", ["undefined", "punycode", "unicode_escape", "utf-7", "hex", "nonsense"]
)
def test_names_in_odd_charsets_are_no_failure(served: Served, charset: str) -> None:
    head = (
        b'--b\r\nContent-Disposition: form-data; name="f"; filename="\\ud800"\r\n\r\n'
    )
    kind = f"multipart/form-data; boundary=b; charset={charset}"
    answer = served.client.post(
        "/predict", content=head + RED + b"\r\n--b--", headers={"Content-Type": kind}
    )
    assert answer.status_code in (200, 400)


def test_too_many_files_are_refused(served: Served) -> None:
    answer = served.client.post("/predict", files=[("files", RED)] * 65)
    assert answer.status_code in (400, 413)
    assert "64" in answer.json()["error"]


def test_figures_count_what_was_answered(exports: list[str]) -> None:
    with serving(exports[0]) as served:
        for content in (RED, GREEN, b"none"):
            served.client.post("/predict", content=content)
        served.client.get("/nowhere")
        total = "cnnxfer_requests_total"
        assert served.metric(total + '{route="/predict",status="200"}') == 2
        assert served.metric(total + '{route="/predict",status="422"}') == 1
        assert served.metric(total + '{route="other",status="404"}') == 1
        assert served.metric('cnnxfer_batch_images_sum{model="colours"}') == 2
        assert served.metric('cnnxfer_model_version{model="colours"}') == 1
        assert served.metric("cnnxfer_request_seconds_count") >= 4


def test_the_page_of_the_api_needs_nothing_from_elsewhere(served: Served) -> None:
    page = served.client.get("/docs").text
    assert "://" not in page.replace("http://www.w3.org", "")
    schema = served.client.get("/openapi.json").json()
    assert {"/predict", "/v2/models/{name}/infer"} <= set(schema["paths"])


@pytest.mark.parametrize(
    "path",
    [
        "/docs/files/%00",
        "/docs/files/..%2f..%2f..%2fetc/passwd",
        "/docs/files/" + "x" * 5000,
        "/docs/files/swagger-ui.css/x",
        "/v1/models/%00",
        "/v2/models/%ff/ready",
        "/v2/models/colours/versions/%F0%9F%A6%8A",
    ],
)
def test_odd_paths_are_not_found(served: Served, path: str) -> None:
    assert served.client.get(path).status_code == 404
    ranges = {"Range": "bytes=9-1,-,a-b"}
    answer = served.client.get("/docs/files/swagger-ui.css", headers=ranges)
    assert answer.status_code < 500


def test_many_ask_at_once(served: Served) -> None:
    """Each gets the answer to its own picture."""
    wrong = []

    def ask(number: int) -> None:
        name = ("red", "green", "blue")[number % 3]
        for level in range(60, 240, 30):
            content = png(**{name: level + number})
            answer = served.client.post("/predict", content=content)
            if labels(answer.json()) != [name]:
                wrong.append(answer.text)

    threads = [threading.Thread(target=ask, args=[number]) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
