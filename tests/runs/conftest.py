"""Runs without training."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cnnxfer.config import Config
from cnnxfer.runs import Run

Make = Callable[..., Run]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Makes a run by its name, in `tmp_path` or below, with entries of its receipt."""

    def make(name: str, **receipt: object) -> Run:
        run = Run(tmp_path / name)
        run.path.mkdir(parents=True)
        run.write_config(Config())
        run.update_receipt(**{"started": "2026-11-22T10:00:00+00:00", **receipt})
        return run

    return make
