from __future__ import annotations

from pathlib import Path

import pytest

from cnnxfer.doctor import local_weights
from cnnxfer.doctor.local_weights import (
    WeightsFile,
    find_weights_files,
    weights_address,
)


def test_weights_here_are_found_backbone_by_backbone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        local_weights,
        "find_weights",
        lambda backbone, *, include_top: (
            tmp_path if backbone.name == "xception" and not include_top else None
        ),
    )
    assert find_weights_files() == (WeightsFile("xception", tmp_path),)


@pytest.mark.parametrize(
    ("mirror", "address"),
    [
        ("http://mirror.example:8080/keras/", ("mirror.example", 8080)),
        ("http://mirror.example", ("mirror.example", 80)),
        ("https://mirror.example", ("mirror.example", 443)),
        ("mirror.example/keras", ("mirror.example/keras", 443)),
        ("http://mirror.example:port", ("http://mirror.example:port", 443)),
    ],
)
def test_a_mirror_takes_the_place_of_the_usual_host(
    mirror: str, address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CNNXFER_WEIGHTS_MIRROR", mirror)
    assert weights_address() == address
