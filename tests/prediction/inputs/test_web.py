"""Images at web addresses among the other inputs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from web_server import CONTENT, Server

from cnnxfer.config.prediction import InputOptions
from cnnxfer.errors import DataError
from cnnxfer.prediction.inputs import find_images

pytestmark = pytest.mark.usefixtures("no_proxy")


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
