"""Tests that no picture is handed to another program, as PostScript may be."""

import io
import os
from pathlib import Path

import pytest
from PIL import EpsImagePlugin, Image

from cnnxfer.data.images.decode import decode
from cnnxfer.errors import DataError

POSTSCRIPT = b"""%!PS-Adobe-3.0 EPSF-3.0
%%BoundingBox: 0 0 9 9
%%EndComments
showpage
%%EOF
"""


@pytest.mark.skipif(os.name == "nt", reason="the program here is a shell script")
def test_postscript_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "gs"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(EpsImagePlugin, "gs_binary", None)  # it is searched again
    with pytest.raises(DataError):
        decode(POSTSCRIPT)
    assert not (tmp_path / "ran").exists()
    with pytest.raises(OSError, match=r".*"):  # as Pillow alone would
        Image.open(io.BytesIO(POSTSCRIPT)).load()
    assert (tmp_path / "ran").exists()
