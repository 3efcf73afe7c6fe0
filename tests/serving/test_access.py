"""Whom a server answers, and how much it takes from one."""

import gzip
import socket
import threading
from collections.abc import Iterator

import pytest
from served import BLUE, RED, Served, b64, serving

import cnnxfer
from cnnxfer.errors import ConfigError
from cnnxfer.serving import guard
from cnnxfer.serving.live_model import LiveModel

TOKEN = "sésame"


@pytest.fixture(scope="module")
def guarded(exports: list[str]) -> Iterator[Served]:
    """A server with a token that any machine may ask."""
    with serving(exports[0], host="0.0.0.0", token=TOKEN) as served:
        yield served


@pytest.mark.parametrize(
    "sent", ["", "Bearer", "Bearer sesame", f"Basic {TOKEN}", TOKEN]
)
def test_without_the_token_nothing_is_answered(guarded: Served, sent: str) -> None:
    headers = {"Authorization": sent.encode()}
    for path in ("/predict", "/v2/models/colours/infer", "/v1/models/colours:predict"):
        answer = guarded.client.post(path, content=RED, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert TOKEN not in answer.text
    for path in ("/metrics", "/v2/models/colours", "/openapi.json", "/nowhere"):
        assert guarded.client.get(path, headers=headers).status_code == 401
    assert guarded.client.get("/v2/health/ready", headers=headers).status_code == 200


def test_the_scheme_of_a_token_is_read_in_any_case(guarded: Served) -> None:
    for scheme in ("bearer", "BEARER"):
        headers = {"Authorization": f"{scheme} {TOKEN}".encode()}
        assert guarded.client.get("/v2", headers=headers).status_code == 200


def test_with_the_token_any_host_is_answered(
    guarded: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = []

    def compare(sent: bytes, expected: bytes) -> bool:
        compared.append((sent, expected))
        return sent == expected

    monkeypatch.setattr(guard.hmac, "compare_digest", compare)
    headers = {"Authorization": f"Bearer {TOKEN}".encode(), "Host": "flowers.example"}
    answer = guarded.client.post("/predict", content=RED, headers=headers)
    assert answer.status_code == 200
    assert compared == [(TOKEN.encode(), TOKEN.encode())]  # nothing else compares


def test_a_server_for_others_needs_a_token(
    exports: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match=r"token.*CNNXFER_TOKEN"):
        cnnxfer.serve(exports[0], host="0.0.0.0", reporter=None)
    monkeypatch.setenv("CNNXFER_TOKEN", "secret")
    with serving(exports[0], host="0.0.0.0") as served:
        assert served.client.get("/v2").status_code == 401


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8501", 200),
        ("LOCALHOST", 200),
        ("127.0.0.1", 200),
        ("127.8.0.1:80", 200),
        ("[::1]:8501", 200),
        ("flowers.example", 421),
        ("localhost.flowers.example", 421),
        ("10.0.0.1", 421),
        ("[::1", 421),
        ("", 421),
    ],
)
def test_other_names_are_misdirected(served: Served, host: str, status: int) -> None:
    answer = served.client.get("/v2", headers={"Host": host})
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("site", "status"),
    [("same-origin", 200), ("none", 200), ("same-site", 403), ("cross-site", 403)],
)
def test_pages_of_other_sites_are_refused(
    served: Served, site: str, status: int
) -> None:
    headers = {"Sec-Fetch-Site": site, "Origin": "https://flowers.example"}
    answer = served.client.post("/predict", content=RED, headers=headers)
    assert answer.status_code == status
    assert not any("access-control" in name for name in answer.headers)


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://Localhost:8501", 200),
        ("http://localhost:9000", 403),
        ("https://flowers.example", 403),
        ("null", 403),
    ],
)
def test_pages_that_browsers_tell_only_the_origin_of_are_refused(
    served: Served, origin: str, status: int
) -> None:
    headers = {"Origin": origin, "Host": "localhost:8501"}
    answer = served.client.post("/predict", content=RED, headers=headers)
    assert answer.status_code == status


def test_compressed_bodies_are_refused(served: Served) -> None:
    headers = {"Content-Encoding": "gzip"}
    answer = served.client.post("/predict", content=gzip.compress(RED), headers=headers)
    assert answer.status_code == 415
    assert "send it as it is" in answer.json()["error"]


def test_clients_are_told_when_to_come_again(
    exports: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the queue is full, others are refused; what was taken is answered."""
    go_on, entered = threading.Event(), threading.Event()
    next_batch = LiveModel._next_batch

    def waiting(model: LiveModel) -> object:
        batch = next_batch(model)
        if batch:
            entered.set()
            go_on.wait(20)
        return batch

    monkeypatch.setattr(LiveModel, "_next_batch", waiting)
    with serving(exports[0], queue=2) as served:
        taken = []

        def ask() -> None:
            files = [("files", RED), ("files", BLUE)]
            taken.append(served.client.post("/predict", files=files, timeout=30))

        asking = threading.Thread(target=ask)
        asking.start()
        assert entered.wait(10)
        refused = served.client.post("/predict", content=RED)
        assert refused.status_code == 429
        assert int(refused.headers["Retry-After"]) >= 1
        assert served.metric("cnnxfer_waiting_images") == 2
        go_on.set()
        asking.join()
        assert [answer.status_code for answer in taken] == [200]
        assert served.client.post("/predict", content=RED).status_code == 200
        # More than ever may wait are too many, whenever they come again.
        body = {"instances": [{"b64": b64(RED)}] * 3}
        refused = served.client.post("/v1/models/colours:predict", json=body)
        assert refused.status_code == 413


def test_a_port_that_is_taken_is_told(exports: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"port {port} .*--port|port {port}"):
            cnnxfer.serve(exports[0], port=port, reporter=None)
