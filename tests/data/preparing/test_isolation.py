"""Tests that the index survives what a picture does to its decoder, and forgets it."""

import sys
from importlib import import_module
from pathlib import Path

import pytest
from PIL import Image

from cnnxfer.data.check.run_checks import check_data
from cnnxfer.data.dataset import IndexRow
from cnnxfer.data.decoding import pool
from cnnxfer.data.preparing import index
from cnnxfer.data.preparing.index import build_index
from cnnxfer.data.sources import folder
from cnnxfer.reporting import Reporter

# What the processes call; the size of a picture tells them what to do.
TROUBLE = """
import os, signal, time
from cnnxfer.data.images.decode import open_image
from cnnxfer.data.preparing.examine import examine
from cnnxfer.errors import PassingError

def look(content):
    width = open_image(content).width
    if width == 101: os.kill(os.getpid(), signal.SIGKILL)
    if width == 102: os.abort()
    if width == 103: time.sleep(600)
    if width == 104: raise MemoryError
    if width == 105: raise PassingError("the library is away")
    yield from examine(content)
"""
REASONS = {
    101: "crashed the decoder (SIGKILL)",
    102: "crashed the decoder (SIGABRT)",
    103: "took over 1 s to decode",
    104: "too little memory",
    105: "the library is away",
}


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two classes of pictures, some of which are trouble for the processes."""
    (tmp_path / "trouble.py").write_text(TROUBLE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "trouble", raising=False)
    monkeypatch.setattr(index, "examine", import_module("trouble").look)
    monkeypatch.setattr(index, "Decoders", pool.Decoders)  # none that others have used
    monkeypatch.setattr(pool, "TIME_LIMIT_SECONDS", 1.0)
    monkeypatch.setattr(pool, "WORKERS", 2)
    monkeypatch.setenv("CNNXFER_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "set"
    for name, widths in {"aster": (60, *REASONS, 61), "iris": (62, 63)}.items():
        (root / name).mkdir(parents=True)
        for width in widths:
            Image.new("RGB", (width, 40)).save(root / name / f"{width}.png")
    (root / "iris" / "broken.png").write_bytes(b"no image")
    return root


def rows_of(spec: Path) -> list[IndexRow]:
    return build_index(folder.load(str(spec), Reporter()).examples, Reporter())


def test_a_picture_that_ends_its_decoder_is_lost_alone(spec: Path) -> None:
    for row in rows_of(spec)[:-1]:
        width = int(row.example.path.stem)
        assert (row.problem, row.width) == (
            (REASONS[width], 0) if width in REASONS else (None, width)
        )


def test_what_may_pass_is_not_remembered(spec: Path, monkeypatch) -> None:
    assert sum(row.problem is not None for row in rows_of(spec)) == 6
    read, source = [], index._source
    monkeypatch.setattr(index, "examine", import_module("trouble").examine)
    monkeypatch.setattr(
        index, "_source", lambda example: read.append(example.id) or source(example)
    )
    assert [row.problem for row in rows_of(spec)] == [None] * 9 + ["not an image"]
    assert len(read) == 5  # neither those that are sound nor the broken one


def test_a_check_excludes_no_picture_that_may_be_read_later(spec: Path) -> None:
    report, _ = check_data(str(spec), Reporter())
    findings = {finding.kind: finding for finding in report.findings}
    not_read = findings["not-read"]
    assert {item.note for item in not_read.items} == set(REASONS.values())
    assert (not_read.count, not_read.quarantine) == (5, ())
    assert findings["unreadable"].quarantine == ("iris/broken.png",)
