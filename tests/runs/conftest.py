"""Runs without training."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cnnxfer.config import Config
from cnnxfer.runs import Run

Make = Callable[..., Run]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Returns a function that makes a run from a name and entries of its receipt."""

    def make(name: str, **receipt: object) -> Run:
        run = Run(tmp_path / name)
        run.path.mkdir(parents=True)
        run.write_config(Config())
        run.update_receipt(**{"started": "2026-11-22T10:00:00+00:00", **receipt})
        return run

    return make
