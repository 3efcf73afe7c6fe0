"""Tests that a decoder of single images outlives its processes."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from cnnxfer.data.decoding import child
from cnnxfer.data.decoding.frames import FrameReader
from cnnxfer.data.decoding.single import SingleDecoder
from cnnxfer.data.images.source import ImageSource
from cnnxfer.errors import RunError

# What the process calls; the width of a picture tells it what to do.
LOOKS = """
import os, signal, time
import numpy as np

def look(picture):
    if picture.width == 101: os.kill(os.getpid(), signal.SIGKILL)
    if picture.width == 102: os.abort()
    if picture.width == 103: time.sleep(600)
    if picture.width == 104: raise MemoryError
    return np.full(1000, picture.width, np.uint8)
"""


@pytest.fixture
def decoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SingleDecoder]:
    (tmp_path / "single_looks.py").write_text(LOOKS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "single_looks", raising=False)
    decoder = SingleDecoder(FrameReader(import_module("single_looks").look), 1)
    yield decoder
    decoder.close()


def image(width: int) -> ImageSource:
    stream = io.BytesIO()
    Image.new("RGB", (width, 2)).save(stream, "PNG")
    return ImageSource(f"{width}.png", stream.getvalue, here=True)


def seen(decoder: SingleDecoder, width: int) -> int:
    picture = decoder.decode(image(width))
    assert picture.pixels is not None
    return int(picture.pixels[0])


def test_a_process_that_ended_while_it_started_is_replaced(
    decoder: SingleDecoder,
) -> None:
    os.kill(decoder._process._process.pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while not decoder._process.has_ended():
        assert time.monotonic() < deadline
    assert seen(decoder, 7) == 7


@pytest.mark.parametrize(
    ("width", "reason"), [(102, "crashed the decoder"), (103, "took over 1 s")]
)
def test_an_image_that_ends_its_process_has_an_error(
    decoder: SingleDecoder, width: int, reason: str
) -> None:
    assert reason in str(decoder.decode(image(width)).error)
    assert seen(decoder, 7) == 7


@pytest.mark.parametrize(
    ("width", "reason"), [(101, "SIGKILL"), (104, "too little memory")]
)
def test_what_no_image_is_to_blame_for_is_raised(
    decoder: SingleDecoder, width: int, reason: str
) -> None:
    with pytest.raises(RunError, match=reason):
        decoder.decode(image(width))
    assert seen(decoder, 7) == 7


@pytest.mark.parametrize(
    ("module", "name", "error", "raised"),
    [(child.np, "empty", MemoryError, RunError), (json, "loads", ValueError, None)],
)
def test_no_image_gets_the_rest_of_the_record_of_another(
    decoder: SingleDecoder,
    monkeypatch: pytest.MonkeyPatch,
    module: Any,
    name: str,
    error: type[Exception],
    raised: type[Exception] | None,
) -> None:
    def fail(*arguments: object) -> None:
        raise error

    assert seen(decoder, 7) == 7
    with monkeypatch.context() as patch:
        patch.setattr(module, name, fail)
        with pytest.raises(raised or error):
            decoder.decode(image(8))
    assert seen(decoder, 9) == 9
