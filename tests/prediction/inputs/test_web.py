"""Images at web addresses among the other inputs."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from web_server import CONTENT, Server, serving

from cnnxfer.config.prediction import InputOptions
from cnnxfer.errors import DataError
from cnnxfer.prediction.inputs import find_images


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


def test_addresses_can_be_mixed_with_files(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"a")
    urls = [server.url("whole"), server.url("status/404").replace("http:", "HTTP:")]
    sources = list(find_images([urls[0], str(path), urls[1]]))
    assert [source.name for source in sources] == [urls[0], str(path), urls[1]]
    assert [source.here for source in sources] == [True, False, True]
    assert server.requests == []  # not before they are asked for
    with pytest.raises(DataError, match="private address"):
        sources[0].read()
    open_sources = list(find_images(urls, InputOptions(allow_private=True)))
    assert open_sources[0].read() == CONTENT
    with pytest.raises(DataError, match=r"^HTTP 404 Not Found$"):
        open_sources[1].read()


def test_several_threads_can_download(server: Server) -> None:
    urls = [server.url(f"whole/{number}") for number in range(64)]
    sources = find_images(urls, InputOptions(allow_private=True))
    with ThreadPoolExecutor(8) as threads:
        contents = list(threads.map(lambda source: source.read(), sources))
    assert contents == [CONTENT] * 64
