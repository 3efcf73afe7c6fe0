"""What `--on` takes, and what it says where Ray is missing."""

from pathlib import Path

import pytest

import cnnxfer
from cnnxfer.errors import ConfigError
from cnnxfer.hardware.cores import VARIABLE, usable_cores
from cnnxfer.prediction.on_ray import place


def test_only_ray_has_other_machines(photos_dir: Path) -> None:
    with pytest.raises(ConfigError, match="on is 'spark'; expected 'here', 'ray' or"):
        cnnxfer.predict(photos_dir, on="spark")


def test_what_to_install_is_said(
    monkeypatch: pytest.MonkeyPatch, photos_dir: Path
) -> None:
    monkeypatch.setattr(place, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'cnnxfer\[ray\]'"):
        cnnxfer.predict(photos_dir, on="ray://host:10001")


def test_cores_are_those_that_others_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    cores = usable_cores()
    for said, expected in (("1", 1), ("0", 1), ("9999", cores), ("many", cores)):
        monkeypatch.setenv(VARIABLE, said)
        assert usable_cores() == expected
